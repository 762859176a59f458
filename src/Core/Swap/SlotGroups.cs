using System.Numerics;
using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <summary>
/// Which groups of eight slots of a cluster may have one that can be taken: a bit for each in <see cref="SwapClusterRecord.Open"/>. A search passes
/// over the other groups without a look at their words, of which there is a cache line to each.
/// </summary>
/// <remarks>
/// <para>A group whose bit is clear has no free slot and none that is bound to a folio: one in the swap cache alone can be reclaimed. The reverse
/// does not hold: bits are cleared by who searches, with the cluster locked, and found nothing.</para>
/// <para>A slot becomes free under the cluster's lock, but is bound to a folio without it. So who binds changes the word, then looks at the bit;
/// who searches clears the bit, then looks at the words again. Both changes are full fences: one of the two sees the other's.</para>
/// <para>Bits change no outcome, only how fast it is found, and so they are no steps of an exploration.</para>
/// </remarks>
internal static class SlotGroups
{
    /// <summary>Slots of a group: those of a cache line, and of a vector.</summary>
    internal const int Slots = 8;

    /// <summary>The bits of a cluster of which nothing is known.</summary>
    internal const ulong AllOpen = ulong.MaxValue;

    /// <summary>Notes that a slot of the cluster, by its place in it, is free or bound now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Open(ref SwapClusterRecord cluster, ulong slot)
    {
        ulong bit = 1UL << (int)(slot / Slots);
        if ((Atomic<Mainline>.Load(ref cluster.Open) & bit) == 0)
            Atomic<Mainline>.Or(ref cluster.Open, bit);
    }

    /// <summary>
    /// The first slot from a place on that is free, or, if that is wanted, held by the swap cache alone; the number of words if there is none. The
    /// caller has locked the cluster.
    /// </summary>
    internal static int Next(ref SwapClusterRecord cluster, Span<ulong> words, int at, bool orCacheOnly)
    {
        ulong open = From(ref cluster, at);
        for (; open != 0; open &= open - 1)
        {
            int first = BitOperations.TrailingZeroCount(open) * Slots;
            if (first >= words.Length)
                break;
            Span<ulong> group = Of(words, first);
            uint found = SwapSlotWord.Free(group) | (orCacheOnly ? SwapSlotWord.CacheOnly(group) : 0);
            found &= uint.MaxValue << Math.Max(at - first, 0);
            if (found != 0)
                return first + BitOperations.TrailingZeroCount(found);
            CloseIfOwned(ref cluster, group, first);
        }

        return words.Length;
    }

    /// <summary>The groups from that of a place on, without those that are known to have nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong From(ref SwapClusterRecord cluster, int at) =>
        at / Slots < 64 ? Atomic<Mainline>.Load(ref cluster.Open) & (ulong.MaxValue << (at / Slots)) : 0;

    /// <summary>The words of a group; the last of an area may be shorter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Span<ulong> Of(Span<ulong> words, int first) => words.Slice(first, Math.Min(Slots, words.Length - first));

    /// <summary>Clears the bit of a group if all of its slots have owners beside the swap cache.</summary>
    internal static void CloseIfOwned(ref SwapClusterRecord cluster, Span<ulong> group, int first)
    {
        if (MayBeTaken(group))
            return;
        ulong bit = 1UL << (first / Slots);
        Atomic<Mainline>.And(ref cluster.Open, ~bit);
        if (MayBeTaken(group)) // bound meanwhile, by somebody who still saw the bit
            Atomic<Mainline>.Or(ref cluster.Open, bit);
    }

    private static bool MayBeTaken(Span<ulong> group) => (SwapSlotWord.Free(group) | SwapSlotWord.Cached(group)) != 0;
}
