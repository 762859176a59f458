using System.Text;
using PageTableEmu.Replay;
using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Cli.Replaying;

/// <summary>Runs a script on our machine and prints one observation a line, as soon as each is made.</summary>
internal sealed class ScriptEmission(IReplayMachineFactory machines, bool verify, ReplayOutput output)
{
    /// <summary>Runs a script.</summary>
    /// <param name="path">A file, or - for <paramref name="input"/>.</param>
    /// <param name="backend">The swap device.</param>
    /// <param name="input">Standard input.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public int Run(string path, Backend backend, TextReader input)
    {
        try
        {
            // The whole script is read before anything runs: a wrong line is an error of the input, not of the run.
            IReadOnlyList<ScriptOperation> script = ScriptParser.Parse(path == "-" ? Lines(input) : File.ReadLines(path));
            using IReplayMachine machine = machines.Create(backend, script);
            return Run(script, machine);
        }
        catch (Exception e) when (e is ScriptException or IOException or UnauthorizedAccessException)
        {
            output.Error(path == "-" ? e.Message : $"{path}: {e.Message}");
            return ExitCode.Usage;
        }
    }

    private int Run(IReadOnlyList<ScriptOperation> script, IReplayMachine machine)
    {
        ReplaySession session = new(machine);
        TraceRow row = new();
        using MemoryStream line = new();
        using TraceWriter writer = new(line);
        foreach (ScriptOperation operation in script)
        {
            if (!session.Run(operation, row))
            {
                output.Error(TraceReplay.NotYetKnown(operation));
                return ExitCode.Difference;
            }

            line.SetLength(0);
            writer.Write(row);
            output.Out.Write(Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length));
            output.Out.Flush();
            if (verify && machine.Verify().FirstOrDefault() is { } violation)
            {
                output.Error(TraceReplay.Violated(operation, violation));
                return ExitCode.Difference;
            }
        }

        return ExitCode.Ok;
    }

    private static IEnumerable<string> Lines(TextReader reader)
    {
        while (reader.ReadLine() is { } line)
            yield return line;
    }
}
