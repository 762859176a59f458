namespace PageTableEmu.Bench.Curves;

/// <summary>What an operation costs as there is more of it.</summary>
/// <param name="Name">The operation.</param>
/// <param name="Unit">What one of it is.</param>
/// <param name="Points">How many there were, and nanoseconds of one, the best of several runs.</param>
internal sealed record Curve(string Name, string Unit, IReadOnlyList<CurvePoint> Points)
{
    /// <summary>How the total grows: the exponent of the number between the first and the last point. 1 is linear.</summary>
    internal double Exponent
    {
        get
        {
            (CurvePoint first, CurvePoint last) = (Points[0], Points[^1]);
            return Math.Log(last.Nanoseconds * last.Count / (first.Nanoseconds * first.Count)) / Math.Log(last.Count / (double)first.Count);
        }
    }
}

/// <summary>One measured number.</summary>
/// <param name="Count">How many there were.</param>
/// <param name="Nanoseconds">Of one.</param>
internal sealed record CurvePoint(long Count, double Nanoseconds);
