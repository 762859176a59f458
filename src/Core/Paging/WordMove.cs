namespace PageTableEmu.Paging;

/// <summary>Bits of a result that come from a word, all by the same distance.</summary>
/// <param name="Place">The bits of the result.</param>
/// <param name="Left">By how many bits to the left; negative for to the right.</param>
internal readonly record struct WordMove(ulong Place, int Left)
{
    /// <summary>Those bits of the result that the word has: what would come from beyond its ends is 0.</summary>
    internal ulong Field => Place & (Left >= 0 ? ulong.MaxValue << Left : ulong.MaxValue >> -Left);
}
