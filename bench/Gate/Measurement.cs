namespace PageTableEmu.Bench.Gate;

/// <summary>What the rounds of a row gave.</summary>
internal sealed class Measurement
{
    internal Measurement(IReadOnlyList<double> ours, IReadOnlyList<double> others, bool sameResult, long allocated)
    {
        double[] ratios = [.. ours.Zip(others, (one, other) => one / other).Order()];
        Rounds = ratios.Length;
        Ratio = At(ratios, 0.5);
        Low = At(ratios, 0.25);
        High = At(ratios, 0.75);
        Nanoseconds = At([.. ours.Order()], 0.5);
        OtherNanoseconds = At([.. others.Order()], 0.5);
        SameResult = sameResult;
        Allocated = allocated;
    }

    internal int Rounds { get; }

    /// <summary>Median of the ratios of the rounds.</summary>
    internal double Ratio { get; }

    internal double Low { get; }

    internal double High { get; }

    /// <summary>Interquartile range of the ratios, as a part of the median.</summary>
    internal double Spread => (High - Low) / Ratio;

    internal double Nanoseconds { get; }

    internal double OtherNanoseconds { get; }

    internal bool SameResult { get; }

    /// <summary>Bytes that ours allocated in all rounds together.</summary>
    internal long Allocated { get; }

    private static double At(double[] sorted, double part)
    {
        double place = part * (sorted.Length - 1);
        int below = (int)place;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((sorted[above] - sorted[below]) * (place - below));
    }
}
