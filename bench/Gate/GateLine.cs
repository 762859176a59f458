namespace PageTableEmu.Bench.Gate;

/// <summary>One judged line of the report.</summary>
internal sealed record GateLine(
    string Target, string Name, string Versus, double? Goal, bool IsSpeed, double Ratio, double Low, double High, double Spread, int Rounds,
    double Nanoseconds, double OtherNanoseconds, GateVerdict Verdict)
{
    /// <summary>The lines of a row: its own, and those of peers that were recorded beside the same other side.</summary>
    internal static IEnumerable<GateLine> Of(GateRow row, Measurement measured)
    {
        yield return Make(row, measured, row.Versus, row.Goal, 1);
        foreach ((string peer, double recorded, double goal) in row.Peers)
            yield return Make(row, measured, $"{peer}, recorded {recorded:0.00} of {row.Versus}", goal, recorded);
    }

    private static GateLine Make(GateRow row, Measurement measured, string versus, double? goal, double unit)
    {
        double ratio = measured.Ratio / unit;
        (double low, double high) = (measured.Low / unit, measured.High / unit);
        if (row.IsSpeed)
            (ratio, low, high) = (1 / ratio, 1 / high, 1 / low);
        return new GateLine(row.Target, row.Name, versus, goal, row.IsSpeed, ratio, low, high, measured.Spread, measured.Rounds,
            measured.Nanoseconds, measured.OtherNanoseconds, Judge(row, measured, goal, ratio));
    }

    private static GateVerdict Judge(GateRow row, Measurement measured, double? goal, double ratio)
    {
        if (!measured.SameResult)
            return GateVerdict.DifferentResults;
        if (measured.Allocated != 0 && !row.MayAllocate)
            return GateVerdict.Allocates;
        if (goal is null)
            return GateVerdict.Told;
        if (measured.Spread > Meter.WidestSpread)
            return GateVerdict.TooNoisy;
        return (row.IsSpeed ? ratio >= goal : ratio <= goal) ? GateVerdict.Passed : GateVerdict.Missed;
    }
}
