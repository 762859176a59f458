using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using PageTableEmu.Cli.Commands;
using PageTableEmu.Replay;

namespace PageTableEmu.Cli;

/// <summary>The command line as a whole: the commands, and what becomes of a line that is none.</summary>
internal static class CommandLine
{
    /// <summary>The command with all its subcommands.</summary>
    /// <param name="machines">Makes the machines that scripts run on.</param>
    public static RootCommand Create(IReplayMachineFactory machines) =>
        new("Linux's anonymous-memory machinery outside the kernel: page tables, swap entries, faults and reclaim.")
        {
            PteCommand.Create(),
            WalkCommand.Create(),
            ArchCommand.Create(),
            ConformanceCommand.Create(),
            ReplayCommand.Create(machines),
            CaptureCommand.Create(),
            RaceCommand.Create(),
            BenchCommand.Create(),
        };

    /// <summary>Runs a command line.</summary>
    /// <param name="args">The words after the program's name.</param>
    /// <param name="machines">Makes the machines that scripts run on.</param>
    /// <param name="streams">Where output and errors go; the console's when not given.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run(string[] args, IReplayMachineFactory machines, InvocationConfiguration? streams = null)
    {
        streams ??= new InvocationConfiguration();
        ParseResult line = Create(machines).Parse(args);
        // Help and version are actions of their own and win over what is wrong with the rest of the line.
        if (line.Errors.Count == 0 || line.Action is not ParseErrorAction)
            return line.Invoke(streams);
        foreach (ParseError error in line.Errors)
            streams.Error.WriteLine($"ptemu: {error.Message}");
        streams.Error.WriteLine($"ptemu: try 'ptemu {HelpPath(line)}--help'");
        return ExitCode.Usage;
    }

    private static string HelpPath(ParseResult line)
    {
        List<string> names = [];
        for (CommandResult? result = line.CommandResult; result is { Command: not RootCommand }; result = result.Parent as CommandResult)
            names.Insert(0, result.Command.Name + " ");
        return string.Concat(names);
    }
}
