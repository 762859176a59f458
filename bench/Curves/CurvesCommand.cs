using System.Text.Json;
using PageTableEmu.Bench.Gate;
using PageTableEmu.Bench.Native;

namespace PageTableEmu.Bench.Curves;

/// <summary><c>bench curves</c>: cost of one operation as the number of pages grows, as numbers and as a picture.</summary>
internal static class CurvesCommand
{
    private const int Usage = 2;
    private const int NotPossible = 3;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Passes over few pages before the one that counts: methods are compiled for good when they ran some sixty times.</summary>
    internal const int WarmUps = 70;

    internal static int Run(string[] args)
    {
        if (!TryRead(args, out int largest, out string folder))
        {
            Console.Error.WriteLine("bench curves [--largest 20] [FOLDER], where --largest is an exponent of two from 10 to 24");
            return Usage;
        }

        try
        {
            Baseline.Load();
        }
        catch (BaselineException error)
        {
            Console.Error.WriteLine($"bench curves: {error.Message}");
            return NotPossible;
        }

        List<Curve> curves =
        [
            .. TreeCurves.Measure(Math.Min(largest + 4, 24)), .. MachineCurves.Measure(largest),
            ReverseMapCurves.Measure(),
            AreaCurves.Measure(),
        ];
        foreach (Curve curve in curves)
        {
            Console.WriteLine($"{curve.Name}, of one {curve.Unit} (grows as n^{curve.Exponent:0.00})");
            foreach (CurvePoint point in curve.Points)
                Console.WriteLine($"  {point.Count,10}  {point.Nanoseconds,10:0.00} ns");
        }

        Dictionary<string, double> memory = new(MemoryPerPage.Of(1L << Math.Min(largest, 18)));
        foreach ((string what, double bytes) in memory)
            Console.WriteLine($"{what,-40}  {bytes,8:0.00} bytes a page");
        Directory.CreateDirectory(folder);
        string name = Path.Combine(folder, $"curves-{DateTime.UtcNow:yyyy-MM-dd}");
        File.WriteAllText($"{name}.svg", CurveDrawing.Draw(curves));
        var report = new
        {
            Machine = MachineDescription.Current(),
            BytesPerPage = memory,
            Curves = curves,
        };
        File.WriteAllText($"{name}.json", JsonSerializer.Serialize(report, Json) + Environment.NewLine);
        return 0;
    }

    internal static bool TryRead(string[] args, out int largest, out string folder)
    {
        (largest, folder) = (20, ".");
        string[] rest = args;
        if (args is ["--largest", var text, .. var behind])
        {
            rest = behind;
            if (!int.TryParse(text, out largest) || largest is < 10 or > 24)
                return false;
        }

        folder = rest.Length == 0 ? "." : rest[0];
        return rest.Length < 2 && folder[0] != '-';
    }

    /// <summary>Every so many passes the JIT gets time for what it does in the background.</summary>
    internal static void LetTheJitWork(int pass)
    {
        if (pass % 10 == 0 || pass == WarmUps)
            Thread.Sleep(250);
    }

    /// <summary>Nanoseconds of processor time of one of a number of operations: the best of some runs.</summary>
    internal static double Best(long operations, Action run, Action? prepare = null, int runs = 3)
    {
        double best = double.MaxValue;
        for (int i = 0; i < runs; i++)
        {
            prepare?.Invoke();
            ulong start = Baseline.ThreadTime();
            run();
            best = Math.Min(best, (Baseline.ThreadTime() - start) / (double)operations);
        }

        return best;
    }
}
