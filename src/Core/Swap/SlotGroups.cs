using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
#if NET10_0_OR_GREATER
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
#endif
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
    internal static void Open(ref SwapClusterRecord cluster, ulong slot) => OpenGroups(ref cluster, Group(slot));

    /// <summary>The bit of the group that a slot belongs to, by its place in the cluster.</summary>
    internal static ulong Group(ulong slot) => 1UL << (int)(slot / Slots);

    /// <summary>As <see cref="Open"/>, of groups by their bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void OpenGroups(ref SwapClusterRecord cluster, ulong groups)
    {
        if ((Atomic<Mainline>.Load(ref cluster.Open) & groups) != groups)
            Atomic<Mainline>.Or(ref cluster.Open, groups);
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

    /// <summary>
    /// Reserves slots of a group that were seen to be free, and says which they are; returns how many. The caller has locked the cluster: free slots
    /// change under its lock alone, so a store is enough.
    /// </summary>
    /// <param name="group">The words.</param>
    /// <param name="free">Which of them, a bit for each.</param>
    /// <param name="name">The entry of the first one.</param>
    /// <param name="into">Where the entries go.</param>
    /// <param name="room">How many fit there.</param>
    /// <param name="most">How many are wanted, at most as many as fit.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Reserve<TModel>(Span<ulong> group, uint free, ulong name, ref SwapEntry into, int room, int most)
        where TModel : IModel
    {
        ref ulong words = ref MemoryMarshal.GetReference(group);
#if NET10_0_OR_GREATER // .NET 9 has neither vpcompressq nor stores of chosen words
        if (Atomic<TModel>.StoresChosen && group.Length == Slots && room >= Slots && BitOperations.PopCount(free) <= most)
        {
            // Safe: there are eight words, and room for eight entries; what is written behind the last one is written again or looked at by nobody.
            Vector512<ulong> bits = Vector512.Create(1UL, 2, 4, 8, 16, 32, 64, 128);
            Vector512<ulong> chosen = Vector512.Equals(Vector512.Create((ulong)free) & bits, bits);
            Atomic<TModel>.StoreChosen(ref words, SwapSlotWord.Reserved(Vector512.LoadUnsafe(ref words)), chosen);
            Vector512<ulong> names = Avx512F.Compress(Vector512<ulong>.Zero, chosen, Vector512.Create(name) + Vector512<ulong>.Indices);
            names.StoreUnsafe(ref Unsafe.As<SwapEntry, ulong>(ref into));
            return BitOperations.PopCount(free);
        }
#endif
        int done = 0;
        for (; free != 0 && done < most; free &= free - 1)
        {
            uint slot = (uint)BitOperations.TrailingZeroCount(free);
            ref ulong word = ref Unsafe.Add(ref words, slot); // safe: bits name words of the group
            Atomic<TModel>.Store(ref word, new SwapSlotWord(word).AsReserved.Value);
            Unsafe.Add(ref into, done++) = new SwapEntry(name + slot);
        }

        return done;
    }

    /// <summary>
    /// Reserves the free slots of group after group, up to the first that has none, or more than are wanted, or one that has to be looked at closer;
    /// returns how many groups that was. Their clusters are locked.
    /// </summary>
    /// <param name="words">The words of an area.</param>
    /// <param name="groups">The groups, by first slot.</param>
    /// <param name="name">The entry of the first word.</param>
    /// <param name="into">Where the entries go; there is room for a group more than is wanted.</param>
    /// <param name="orCacheOnly">Whether a group with a slot that the swap cache alone holds is looked at closer.</param>
    /// <param name="wanted">How many are wanted.</param>
    /// <param name="done">How many of them there are.</param>
    // A method for itself, so that its few variables stay in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static int ReserveEach<TModel>(
        ref ulong words, ReadOnlySpan<uint> groups, ulong name, Span<SwapEntry> into, bool orCacheOnly, int wanted, ref int done)
        where TModel : IModel
    {
        int i = 0;
#if NET10_0_OR_GREATER
        if (Atomic<TModel>.StoresChosen)
        {
            ref ulong to = ref Unsafe.As<SwapEntry, ulong>(ref MemoryMarshal.GetReference(into));
            uint closer = orCacheOnly ? uint.MaxValue : 0;
            uint left = (uint)(wanted - done);
            for (; i < groups.Length; i++)
            {
                // Safe: a whole group of the area, and room for eight entries.
                ulong first = groups[i];
                ref ulong group = ref Unsafe.Add(ref words, (nint)first);
                Vector512<ulong> seen = Vector512.LoadUnsafe(ref group);
                Vector512<ulong> free = SwapSlotWord.Free(seen);
                uint count = (uint)BitOperations.PopCount(free.ExtractMostSignificantBits());
                if (count - 1 >= left || ((uint)SwapSlotWord.CacheOnly(seen).ExtractMostSignificantBits() & closer) != 0)
                    break;
                Atomic<TModel>.StoreChosen(ref group, SwapSlotWord.Reserved(seen), free);
                Vector512<ulong> names = Vector512.Create(name + first) + Vector512<ulong>.Indices;
                Avx512F.Compress(Vector512<ulong>.Zero, free, names).StoreUnsafe(ref to);
                to = ref Unsafe.Add(ref to, (nint)count);
                left -= count;
            }

            done = wanted - (int)left;
        }
#endif
        return i;
    }

    private static bool MayBeTaken(Span<ulong> group) => (SwapSlotWord.Free(group) | SwapSlotWord.Cached(group)) != 0;
}
