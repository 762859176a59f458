using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using PageTableEmu.Cli.Commands;
using PageTableEmu.Replay;

namespace PageTableEmu.Cli;

/// <summary>The command line as a whole: the commands, and what becomes of a line that is none.</summary>
internal static class CommandLine
{
    private const string NoCommand = "Required command was not provided.";

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
        streams.EnableDefaultExceptionHandler = false; // it would exit with 1, which says that something differs
        RootCommand root = Create(machines);
        try
        {
            ParseResult line = root.Parse(args);
            // Help and version are actions of their own and win over what is wrong with the rest of the line.
            string[] errors = line.Errors.Count == 0 || line.Action is ParseErrorAction
                ? [.. line.Errors.Select(error => error.Message), .. UnknownOptions(line)]
                : [];
            return errors.Length == 0 ? line.Invoke(streams) : Refuse(errors, root, args, streams.Error);
        }
        catch (InvalidOperationException unreadable) when (unreadable.Source == typeof(RootCommand).Assembly.GetName().Name)
        {
            // A check that asks for the value of an option which cannot be read gets this, with the message that the option's own check has.
            return Refuse([unreadable.Message], root, args, streams.Error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Complain(streams.Error, $"ptemu: {error.Message}");
            return ExitCode.Usage;
        }
#pragma warning disable CA1031 // Whatever else comes here is a defect of the program, and its exit code must not say that something differs.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Complain(streams.Error, $"ptemu: this should not happen: {error}");
            return ExitCode.Defect;
        }
    }

    private static int Refuse(IEnumerable<string> errors, RootCommand root, string[] args, TextWriter output)
    {
        // Of a word that is no command the parser says both, that it is none and that one is missing; the former will do.
        string[] all = [.. errors];
        foreach (string error in all.Length == 1 ? all : all.Where(error => error != NoCommand))
            Complain(output, $"ptemu: {WithoutTypeName(error)}");
        Complain(output, $"ptemu: try 'ptemu {HelpPath(root, args)}--help'");
        return ExitCode.Usage;
    }

    /// <summary>The parser takes an option that it does not know for an argument. Behind -- everything is one.</summary>
    private static IEnumerable<string> UnknownOptions(ParseResult line)
    {
        if (line.Action != line.CommandResult.Command.Action || line.Tokens.Any(token => token.Type == TokenType.DoubleDash))
            return [];
        return line.CommandResult.Children.OfType<ArgumentResult>()
            .SelectMany(argument => argument.Tokens)
            .Where(token => token.Value.Length > 1 && token.Value[0] == '-')
            .Select(token => $"unknown option {token.Value}");
    }

    /// <summary>The parser's messages end with the name of a .NET type, which says nothing to a user.</summary>
    private static string WithoutTypeName(string message)
    {
        int at = message.IndexOf(" as expected type ", StringComparison.Ordinal);
        return at < 0 ? message : message[..at];
    }

    private static string HelpPath(Command command, string[] args)
    {
        string path = "";
        foreach (string word in args)
        {
            if (command.Subcommands.FirstOrDefault(sub => sub.Name == word) is not { } next)
                break;
            path += word + " ";
            command = next;
        }

        return path;
    }

    /// <summary>An error stream that is closed or full must not hide the exit code.</summary>
    private static void Complain(TextWriter error, string line)
    {
        try
        {
            error.WriteLine(line);
        }
        catch (Exception deaf) when (deaf is IOException or UnauthorizedAccessException)
        {
        }
    }
}
