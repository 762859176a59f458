using System.Text.Json;
using System.Text.Json.Serialization;
using PageTableEmu.Bench.Gate.Suites;
using PageTableEmu.Bench.Native;

namespace PageTableEmu.Bench.Gate;

/// <summary><c>bench gate</c>: measures every target beside its baseline and fails when one is missed.</summary>
internal static class GateCommand
{
    private const int Ok = 0;
    private const int Failed = 1;
    private const int Usage = 2;
    private const int NotPossible = 3;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private static readonly Func<IGateSuite>[] Suites =
    [
        () => new TranslateSuite(512, 4096, "hot 512 pages"),
        () => new TranslateSuite(1 << 18, 1 << 16, "1 GiB"),
        () => new TranslateSuite(1 << 22, 1 << 20, "16 GiB"),
        () => new SparcTranslateSuite(),
        () => new MapSuite(),
        () => new CodecSuite(1 << 10, "8 KiB"),
        () => new CodecSuite(1 << 15, "256 KiB"),
        () => new CodecSuite(1 << 19, "4 MiB"),
        () => new CodecSuite(1 << 24, "128 MiB"),
        () => new ScalarCodecSuite(),
        () => new SwapMapSuite(),
        () => new SlotSuite(),
        () => new ScanSuite(),
        () => new SwapEntrySuite(),
        () => new SwapPathSuite(),
        () => new ThreadSuite(),
        () => new FaultSuite(),
        () => new ForkSuite(),
    ];

    internal static int Run(string[] args)
    {
        if (Misfit(args) is { } misfit)
        {
            Console.Error.WriteLine($"bench gate: {misfit}\nbench gate [--only T1,T5] [--json] [--out FILE]");
            return Usage;
        }

        bool json = args.Contains("--json");
        string[] only = Values(args, "--only");
        string? file = Values(args, "--out").FirstOrDefault();
        try
        {
            Baseline.Load();
        }
        catch (BaselineException error)
        {
            Console.Error.WriteLine($"bench gate: {error.Message}");
            return NotPossible;
        }

        List<GateLine> lines = [];
        foreach (Func<IGateSuite> make in Suites)
        {
            using IGateSuite suite = make();
            foreach (GateRow row in suite.Rows().Where(row => only.Length == 0 || only.Contains(row.Target, StringComparer.OrdinalIgnoreCase)))
            {
                foreach (GateLine line in GateLine.Of(row, Meter.Measure(row)))
                {
                    lines.Add(line);
                    (json ? Console.Error : Console.Out).WriteLine(Describe(line));
                }
            }
        }

        if (lines.Count == 0)
        {
            Console.Error.WriteLine($"bench gate: no line has the target {string.Join(" or ", only)}");
            return Usage;
        }

        var report = new { Machine = MachineDescription.Current(), Time = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'"), Lines = lines };
        string text = JsonSerializer.Serialize(report, Json);
        if (json)
            Console.WriteLine(text);
        if (file is not null)
            File.WriteAllText(file, text + Environment.NewLine);
        return Conclude(lines, json ? Console.Error : Console.Out);
    }

    /// <summary>What is wrong with the arguments, asked before minutes of measuring; null when all is well.</summary>
    internal static string? Misfit(string[] args)
    {
        for (int at = 0; at < args.Length; at++)
        {
            if (args[at] == "--json")
                continue;
            if (args[at] is not ("--only" or "--out"))
                return $"there is no option {args[at]}";
            if (++at == args.Length)
                return $"{args[^1]} needs a value";
            if (args[at - 1] == "--out" && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(args[at]))))
                return $"there is no folder for {args[at]}";
        }

        return null;
    }

    /// <summary>0 when every line with a goal was judged and reached it, and there was one; else 1.</summary>
    internal static int Conclude(IReadOnlyList<GateLine> lines, TextWriter to)
    {
        GateLine[] judged = [.. lines.Where(line => line.Verdict != GateVerdict.Told)];
        int passed = judged.Count(line => line.Verdict == GateVerdict.Passed);
        int noisy = judged.Count(line => line.Verdict == GateVerdict.TooNoisy);
        int failed = judged.Length - passed - noisy;
        to.WriteLine($"{passed} passed, {failed} failed, {noisy} too noisy to be judged, {lines.Count - judged.Length} only told.");
        return passed == judged.Length && passed != 0 ? Ok : Failed;
    }

    private static string Describe(GateLine line)
    {
        string goal = line.Goal is { } value ? $"{(line.IsSpeed ? ">=" : "<=")} {value:0.00}" : "";
        string verdict = line.Verdict switch
        {
            GateVerdict.Passed => "ok",
            GateVerdict.Missed => "MISSED",
            GateVerdict.TooNoisy => $"NOT JUDGED: rounds differ by {line.Spread:0%}",
            GateVerdict.DifferentResults => "FAILED: the results differ",
            GateVerdict.Allocates => "FAILED: allocates",
            _ => "told",
        };
        return $"{line.Target,-4} {line.Name,-44} {line.Ratio,7:0.000} {goal,-8} [{line.Low:0.000} {line.High:0.000}] "
            + $"{line.Nanoseconds,9:0.00} / {line.OtherNanoseconds,9:0.00} ns  {verdict,-7} ({line.Versus})";
    }

    private static string[] Values(string[] args, string option)
    {
        int at = Array.IndexOf(args, option);
        return at < 0 || at + 1 >= args.Length ? [] : args[at + 1].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
