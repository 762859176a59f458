using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>What the laws are tried with: exhaustive where the domain is small, single bits and random words where it is not.</summary>
internal static class Inputs<TArch>
    where TArch : struct, IArchitecture
{
    private const int RandomWords = 4000;

    internal static AccessRights[] Rights { get; } = [.. Enumerable.Range(0, 16).Select(rights => (AccessRights)rights)];

    internal static int[] LeafLevels { get; } = [.. Enumerable.Range(1, TArch.Levels).Where(level => TArch.LeafAllowed(level))];

    /// <summary>Bits of the frame number of a leaf.</summary>
    internal static int FrameBits => TArch.NarrowLeafFrameBits != 0 ? TArch.NarrowLeafFrameBits : TArch.FrameNumberBits;

    internal static ulong MaxFrame => (1UL << FrameBits) - 1;

    /// <summary>Frames that a leaf of a level can name: every single bit, the largest, and some between.</summary>
    internal static IEnumerable<ulong> Frames(int level)
    {
        int align = TArch.LevelShift(level) - TArch.PageShift;
        IEnumerable<ulong> candidates = Enumerable.Range(0, FrameBits).Select(bit => 1UL << bit).Concat([0UL, 0x12345678UL & MaxFrame, MaxFrame]);
        return candidates.Select(frame => frame >> align << align).Distinct();
    }

    /// <summary>Leaves of a level with all rights and three frames.</summary>
    internal static IEnumerable<Pte> Leaves(int level)
    {
        int align = TArch.LevelShift(level) - TArch.PageShift;
        ulong[] frames = [0, (0x5555_5555_5555_5555 & MaxFrame) >> align << align, MaxFrame >> align << align];
        return from rights in Rights from frame in frames select TArch.MakeLeaf(frame, TArch.ProtectionOf(rights), level);
    }

    /// <summary>
    /// Words of any kind: every bit alone and missing, runs, random ones, and random ones in the shape of the format's own entries.
    /// </summary>
    internal static IEnumerable<Pte> Words()
    {
        for (int bit = 0; bit < 64; bit++)
        {
            yield return new Pte(1UL << bit);
            yield return new Pte(~(1UL << bit));
            yield return new Pte(ulong.MaxValue << bit);
            yield return new Pte(ulong.MaxValue >> bit);
        }

        yield return default;
        Pte[] shapes = [.. Leaves(1).Take(12), TArch.MakeTable(1UL << TArch.PageShift), TArch.EncodeSwap(1, 0x1234)];
        var random = new Random(20260);
        for (int i = 0; i < RandomWords; i++)
        {
            ulong word = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            yield return new Pte(word);
            yield return new Pte(word & (ulong)random.NextInt64(long.MinValue, long.MaxValue));
            yield return new Pte(shapes[i % shapes.Length].Raw ^ (1UL << (int)(word & 63)));
            yield return new Pte(shapes[i % shapes.Length].Raw ^ (1UL << (int)(word & 63)) ^ (1UL << (int)(word >> 6 & 63)));
        }
    }
}
