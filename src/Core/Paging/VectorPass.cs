using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <summary>Runs over words with vectors, from one place to another or in place. What is left at the end is the caller's.</summary>
internal static class VectorPass<TStep>
    where TStep : struct, IVectorStep
{
    // What neither fits the second-level cache nor leaves the third: there a source that is asked for early makes half vectors faster than whole
    // ones are (measured on Zen 5: 1.0 of memcpy, where whole ones are at 0.92 to 0.97). Below, asking only costs, and memory is read ahead anyway.
    private const nint Middle = 1 << 16;
    private const nint Large = 1 << 21;
    private const nint Ahead = 64;

    // Not inlined, here and below: the JIT spares what it inlines into a caller that it takes for long.

    /// <summary>Eight words at a time; returns how many it did.</summary>
    /// <param name="source">The words.</param>
    /// <param name="destination">Where the results go. It may be the same memory.</param>
    /// <param name="seen">What the step has seen is added here.</param>
    /// <param name="around">From how many words on results go around the caches.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static int ByEight(ReadOnlySpan<ulong> source, Span<ulong> destination, ref ulong seen, nint around = Streaming.Limit)
    {
        ref ulong from = ref MemoryMarshal.GetReference(source);
        ref ulong to = ref MemoryMarshal.GetReference(destination);
        nint count = source.Length;
        nint i = 0;
        if (count >= Middle || count >= around)
            i = Long(source, destination, true, around, ref seen);

        // Safe: i + 64, then i + 8, is within both spans. Several vectors at a time: one alone waits for its loads, and constants are loaded anew.
        Vector512<ulong> all = default;
        for (; i <= count - 64; i += 64)
        {
            FourOfEight(ref from, ref to, i, ref all);
            FourOfEight(ref from, ref to, i + 32, ref all);
        }

        for (; i <= count - 8; i += 8)
            OneOfEight(ref from, ref to, i, ref all);
        Add(all, ref seen);
        return (int)i;
    }

    /// <summary>Four words at a time; returns how many it did.</summary>
    /// <inheritdoc cref="ByEight" path="/param"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static int ByFour(ReadOnlySpan<ulong> source, Span<ulong> destination, ref ulong seen, nint around = Streaming.Limit)
    {
        ref ulong from = ref MemoryMarshal.GetReference(source);
        ref ulong to = ref MemoryMarshal.GetReference(destination);
        nint count = source.Length;
        nint i = 0;
        if (count >= Middle || count >= around)
            i = Long(source, destination, false, around, ref seen);

        // Safe: i + 32, then i + 4, is within both spans.
        Vector256<ulong> all = default;
        for (; i <= count - 32; i += 32)
        {
            FourOfFour(ref from, ref to, i, ref all);
            FourOfFour(ref from, ref to, i + 16, ref all);
        }

        for (; i <= count - 4; i += 4)
        {
            Vector256<ulong> words = Vector256.LoadUnsafe(ref from, (nuint)i);
            all = TStep.Watch(all, words, words);
            TStep.Of(words).StoreUnsafe(ref to, (nuint)i);
        }

        Add(all, ref seen);
        return (int)i;
    }

    /// <summary>What is done differently where much is to be done; returns how many words that were.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Long(ReadOnlySpan<ulong> source, Span<ulong> destination, bool byEight, nint around, ref ulong seen)
    {
        ref ulong from = ref MemoryMarshal.GetReference(source);
        ref ulong to = ref MemoryMarshal.GetReference(destination);
        nint count = source.Length;

        // In place, a line of the destination is in the cache already.
        if (count >= around && count >= 16 && !MemoryMarshal.CreateReadOnlySpan(ref to, source.Length).Overlaps(source))
        {
            var work = new Around(ref from, ref to, count, byEight);
            Streaming.Run(ref to, ref work);
            seen |= work.Seen;
            return work.Done;
        }

        if (count >= Math.Min(Large, around) && Unsafe.AreSame(in from, in to))
            return InPlace(ref from, count, ref seen);
        return count < Large && !TStep.Watches ? Asking(ref from, ref to, count) : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OneOfEight(ref ulong from, ref ulong to, nint i, ref Vector512<ulong> all)
    {
        Vector512<ulong> words = Vector512.LoadUnsafe(ref from, (nuint)i);
        all = TStep.Watch(all, words, words);
        TStep.Of(words).StoreUnsafe(ref to, (nuint)i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourOfEight(ref ulong from, ref ulong to, nint i, ref Vector512<ulong> all)
    {
        Vector512<ulong> a = Vector512.LoadUnsafe(ref from, (nuint)i);
        Vector512<ulong> b = Vector512.LoadUnsafe(ref from, (nuint)i + 8);
        Vector512<ulong> c = Vector512.LoadUnsafe(ref from, (nuint)i + 16);
        Vector512<ulong> d = Vector512.LoadUnsafe(ref from, (nuint)i + 24);
        all = TStep.Watch(TStep.Watch(all, a, b), c, d);
        a = TStep.Of(a);
        b = TStep.Of(b);
        c = TStep.Of(c);
        d = TStep.Of(d);
        a.StoreUnsafe(ref to, (nuint)i);
        b.StoreUnsafe(ref to, (nuint)i + 8);
        c.StoreUnsafe(ref to, (nuint)i + 16);
        d.StoreUnsafe(ref to, (nuint)i + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourOfFour(ref ulong from, ref ulong to, nint i, ref Vector256<ulong> all)
    {
        Vector256<ulong> a = Vector256.LoadUnsafe(ref from, (nuint)i);
        Vector256<ulong> b = Vector256.LoadUnsafe(ref from, (nuint)i + 4);
        Vector256<ulong> c = Vector256.LoadUnsafe(ref from, (nuint)i + 8);
        Vector256<ulong> d = Vector256.LoadUnsafe(ref from, (nuint)i + 12);
        all = TStep.Watch(TStep.Watch(all, a, b), c, d);
        a = TStep.Of(a);
        b = TStep.Of(b);
        c = TStep.Of(c);
        d = TStep.Of(d);
        a.StoreUnsafe(ref to, (nuint)i);
        b.StoreUnsafe(ref to, (nuint)i + 4);
        c.StoreUnsafe(ref to, (nuint)i + 8);
        d.StoreUnsafe(ref to, (nuint)i + 12);
    }

    /// <summary>Four words at a time, those after the next ones asked for; returns how many it did.</summary>
    // Safe: i + 32 + Ahead is within both spans.
    private static nint Asking(ref ulong from, ref ulong to, nint count)
    {
        nint i = 0;
        Vector256<ulong> none = default;
        for (; i <= count - 32 - Ahead; i += 32)
        {
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead));
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead + 8));
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead + 16));
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead + 24));
            FourOfFour(ref from, ref to, i, ref none);
            FourOfFour(ref from, ref to, i + 16, ref none);
        }

        return i;
    }

    /// <summary>
    /// Two pages at a time, the two after them asked for: memory is read ahead within pages only. Each line is read and written once, so that is what
    /// counts.
    /// </summary>
    // Safe: four pages from i on are within the span. The loop inside counts the first page, the step of the outer one the second.
    private static nint InPlace(ref ulong words, nint count, ref ulong seen)
    {
        nint i = 0;
        Vector256<ulong> all = default;
        for (; i <= count - (4 * Streaming.Page); i += Streaming.Page)
        {
            for (nint end = i + Streaming.Page; i < end; i += 16)
            {
                TwoLines(ref words, i, ref all);
                TwoLines(ref words, i + Streaming.Page, ref all);
            }
        }

        Add(all, ref seen);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwoLines(ref ulong words, nint i, ref Vector256<ulong> all)
    {
        Prefetch.LaterLine(ref Unsafe.Add(ref words, i + (2 * Streaming.Page)));
        Prefetch.LaterLine(ref Unsafe.Add(ref words, i + (2 * Streaming.Page) + 8));
        FourOfFour(ref words, ref words, i, ref all);
    }

    private static void Add(Vector512<ulong> all, ref ulong seen)
    {
        if (TStep.Watches)
            Add(all.GetLower() | all.GetUpper(), ref seen);
    }

    private static void Add(Vector256<ulong> all, ref ulong seen)
    {
        if (TStep.Watches)
            seen |= all[0] | all[1] | all[2] | all[3];
    }

    /// <summary>Whole lines of the destination, stored around the caches.</summary>
    private ref struct Around : IPinnedWork
    {
        private readonly ref ulong from;
        private readonly ref ulong to;
        private readonly nint count;
        private readonly bool byEight;

        internal Around(ref ulong from, ref ulong to, nint count, bool byEight)
        {
            this.from = ref from;
            this.to = ref to;
            this.count = count;
            this.byEight = byEight;
        }

        internal nint Done { get; private set; }

        internal ulong Seen { get; private set; }

        public void Run()
        {
            nint head = Streaming.Head(ref to);
            if (head == 0)
                return;
            ulong seen = 0;
            Done = byEight ? ByEight(head, ref seen) : ByFour(head, ref seen);
            Seen = seen;
        }

        // Safe: i + 16, and in two pages i + Page + 16, is within both spans, of which each has 16 words at least. What lies before the first whole
        // line is written twice. A round does two pages: the loop inside counts the first, the step of the outer one the second.
        private readonly nint ByEight(nint i, ref ulong seen)
        {
            ref ulong source = ref from;
            ref ulong results = ref to;
            Vector512<ulong> all = default;
            OneOfEight(ref source, ref results, 0, ref all);
            for (; i <= count - (2 * Streaming.Page); i += Streaming.Page)
            {
                for (nint end = i + Streaming.Page; i < end; i += 16)
                {
                    TwoOfEight(ref source, ref results, i, ref all);
                    TwoOfEight(ref source, ref results, i + Streaming.Page, ref all);
                }
            }

            for (; i <= count - 16; i += 16)
                TwoOfEight(ref source, ref results, i, ref all);

            Add(all, ref seen);
            return i;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void TwoOfEight(ref ulong from, ref ulong to, nint i, ref Vector512<ulong> all)
        {
            Vector512<ulong> a = Vector512.LoadUnsafe(ref from, (nuint)i);
            Vector512<ulong> b = Vector512.LoadUnsafe(ref from, (nuint)i + 8);
            all = TStep.Watch(all, a, b);
            Streaming.Store(TStep.Of(a), ref Unsafe.Add(ref to, i));
            Streaming.Store(TStep.Of(b), ref Unsafe.Add(ref to, i + 8));
        }

        // Safe: as above.
        private readonly nint ByFour(nint i, ref ulong seen)
        {
            ref ulong source = ref from;
            ref ulong results = ref to;
            Vector256<ulong> all = default;
            for (nint first = 0; first < 8; first += 4)
            {
                Vector256<ulong> words = Vector256.LoadUnsafe(ref source, (nuint)first);
                all = TStep.Watch(all, words, words);
                TStep.Of(words).StoreUnsafe(ref results, (nuint)first);
            }

            for (; i <= count - (2 * Streaming.Page); i += Streaming.Page)
            {
                for (nint end = i + Streaming.Page; i < end; i += 8)
                {
                    TwoOfFour(ref source, ref results, i, ref all);
                    TwoOfFour(ref source, ref results, i + Streaming.Page, ref all);
                }
            }

            for (; i <= count - 8; i += 8)
                TwoOfFour(ref source, ref results, i, ref all);
            Add(all, ref seen);
            return i;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void TwoOfFour(ref ulong from, ref ulong to, nint i, ref Vector256<ulong> all)
        {
            Vector256<ulong> a = Vector256.LoadUnsafe(ref from, (nuint)i);
            Vector256<ulong> b = Vector256.LoadUnsafe(ref from, (nuint)i + 4);
            all = TStep.Watch(all, a, b);
            Streaming.Store(TStep.Of(a), ref Unsafe.Add(ref to, i));
            Streaming.Store(TStep.Of(b), ref Unsafe.Add(ref to, i + 4));
        }
    }
}
