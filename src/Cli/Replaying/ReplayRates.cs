using PageTableEmu.Replay;
using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Cli.Replaying;

/// <summary><c>ptemu replay --rate</c>: how fast traces are performed when nobody looks.</summary>
internal static class ReplayRates
{
    /// <summary>So many that the code is compiled for good in the last.</summary>
    private const int Rounds = 12;

    /// <summary>Measures, and writes a line for each kind of operation and one for all.</summary>
    public static int Run(IReplayMachineFactory machines, string[] given, bool json, ReplayOutput output)
    {
        IReadOnlyList<ReplayRate> rates;
        try
        {
            rates = ReplayRate.Measure(machines, [.. ReplayRunner.FindTraces(given).Select(TraceReader.Read)], Rounds);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or TraceFormatException or ScriptException)
        {
            output.Error(e.Message);
            return ExitCode.Usage;
        }

        foreach (ReplayRate rate in rates)
            Write(output.Out, rate.Kind.ToString().ToLowerInvariant(), rate, json);
        var all = new ReplayRate(default, rates.Sum(rate => rate.Operations), TimeSpan.FromTicks(rates.Sum(rate => rate.Time.Ticks)));
        Write(output.Out, "all", all, json);
        return ExitCode.Ok;
    }

    private static void Write(TextWriter writer, string name, ReplayRate rate, bool json)
    {
        double seconds = rate.Time.TotalSeconds;
        double perSecond = seconds > 0 ? rate.Operations / seconds : 0;
        if (json)
        {
            ReplayJson.WriteLine(writer, line =>
            {
                line.WriteString("operation", name);
                line.WriteNumber("operations", rate.Operations);
                line.WriteNumber("seconds", seconds);
                line.WriteNumber("per_second", perSecond);
            });
        }
        else
        {
            writer.WriteLine($"{name,-14} {rate.Operations,8} operations {seconds * 1e3,9:f1} ms {perSecond,12:f0}/s");
        }
    }
}
