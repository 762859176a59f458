namespace PageTableEmu.Cli.Encodings;

/// <summary>What was found about one format.</summary>
internal sealed class EncodingResult(EncodingSubject subject)
{
    internal EncodingSubject Subject { get; } = subject;

    /// <summary>Figures by the name of what was measured.</summary>
    internal Dictionary<string, EncodingFigure> Figures { get; } = [];

    /// <summary>Gigabytes of words turned into those of another format in a second, by its name; negative where some did not fit.</summary>
    internal Dictionary<string, double> Transcoding { get; } = [];

    /// <summary>Mispredicted branches for each entry; null where the machine does not count them.</summary>
    internal double? BranchMisses { get; set; }
}

/// <summary>One measured thing.</summary>
/// <param name="Value">Median over the rounds: nanoseconds of one entry, or gigabytes a second.</param>
/// <param name="Ratio">Median of the ratios to the first format in the same round.</param>
/// <param name="Spread">Interquartile range of the ratios, as a part of their median.</param>
internal sealed record EncodingFigure(double Value, double Ratio, double Spread);
