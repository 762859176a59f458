using System.CommandLine;
using Spectre.Console;

namespace PageTableEmu.Cli.Replaying;

/// <summary>Where a replay writes: results to the output, progress and errors to the error stream.</summary>
/// <param name="streams">The streams of the invocation.</param>
internal sealed class ReplayOutput(InvocationConfiguration streams)
{
    /// <summary>The output.</summary>
    public TextWriter Out => streams.Output;

    /// <summary>The output is a terminal: tables may be drawn and coloured.</summary>
    public bool IsTerminal => ReferenceEquals(streams.Output, Console.Out) && !Console.IsOutputRedirected;

    private bool ErrorIsTerminal => ReferenceEquals(streams.Error, Console.Error) && !Console.IsErrorRedirected;

    /// <summary>Writes an error.</summary>
    public void Error(string message) => streams.Error.WriteLine($"ptemu: {message}");

    /// <summary>Runs work of a known number of steps; shows a progress bar when the error stream is a terminal.</summary>
    /// <param name="steps">Number of steps.</param>
    /// <param name="work">The work; it calls its argument after each step, from any thread.</param>
    public T WithProgress<T>(int steps, Func<Action, T> work)
    {
        if (!ErrorIsTerminal)
            return work(() => { });
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(streams.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask("replaying traces", maxValue: steps);
                return work(() => task.Increment(1));
            });
    }
}
