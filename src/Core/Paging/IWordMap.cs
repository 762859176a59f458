namespace PageTableEmu.Paging;

/// <summary>How the words of a table become other words: fields that move, and bits that are complemented.</summary>
internal interface IWordMap
{
    /// <summary>The most moves that a map has.</summary>
    const int MostMoves = 5;

    /// <summary>What moves where; no bit of the result is in two.</summary>
    static abstract WordMove[] Moves { get; }

    /// <summary>What is complemented in the result at the end; bits that come from nowhere are 0 before.</summary>
    static abstract ulong Flip { get; }

    /// <summary>Bits of a word that are watched.</summary>
    static virtual ulong Watched => 0;

    /// <summary>Which of those are complemented before they are looked at.</summary>
    static virtual ulong WatchedFlip => 0;

    /// <summary>Whether words lie in memory in the other byte order than the processor's.</summary>
    static abstract bool FromSwapped { get; }

    /// <summary>Whether results do.</summary>
    static abstract bool ToSwapped { get; }
}
