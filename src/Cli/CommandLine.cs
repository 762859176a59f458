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
    /// <param name="machines">Makes the machines that scripts run on; without it there is no replay.</param>
    public static RootCommand Create(IReplayMachineFactory? machines)
    {
        RootCommand root = new("Linux's anonymous-memory machinery outside the kernel: page tables, swap entries, faults and reclaim.");
        if (machines is not null)
            root.Subcommands.Add(ReplayCommand.Create(machines));
        return root;
    }

    /// <summary>Runs a command line.</summary>
    /// <param name="args">The words after the program's name.</param>
    /// <param name="machines">Makes the machines that scripts run on.</param>
    /// <param name="streams">Where output and errors go; the console's when not given.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run(string[] args, IReplayMachineFactory? machines, InvocationConfiguration? streams = null)
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
        string name = line.CommandResult.Command.Name;
        return line.CommandResult.Command is RootCommand ? string.Empty : name + " ";
    }
}
