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
    private const nint Step = 16;

    /// <summary>Eight words at a time; returns how many it did.</summary>
    internal static int ByEight(ReadOnlySpan<ulong> source, Span<ulong> destination)
    {
        ref ulong from = ref MemoryMarshal.GetReference(source);
        ref ulong to = ref MemoryMarshal.GetReference(destination);
        nint count = source.Length;
        nint i = count is >= Middle and < Large ? Asking(ref from, ref to, count) : 0;

        // Safe: i + 32, then i + 8, is within both spans. Four vectors at a time: one alone waits for its loads.
        for (; i <= count - 32; i += 32)
            FourOfEight(ref from, ref to, i);
        for (; i <= count - 8; i += 8)
            TStep.Of(Vector512.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        return (int)i;
    }

    /// <summary>Four words at a time; returns how many it did.</summary>
    internal static int ByFour(ReadOnlySpan<ulong> source, Span<ulong> destination)
    {
        ref ulong from = ref MemoryMarshal.GetReference(source);
        ref ulong to = ref MemoryMarshal.GetReference(destination);
        nint count = source.Length;
        nint i = count is >= Middle and < Large ? Asking(ref from, ref to, count) : 0;

        // Safe: i + 16, then i + 4, is within both spans.
        for (; i <= count - Step; i += Step)
            FourOfFour(ref from, ref to, i);
        for (; i <= count - 4; i += 4)
            TStep.Of(Vector256.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        return (int)i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourOfEight(ref ulong from, ref ulong to, nint i)
    {
        Vector512<ulong> a = TStep.Of(Vector512.LoadUnsafe(ref from, (nuint)i));
        Vector512<ulong> b = TStep.Of(Vector512.LoadUnsafe(ref from, (nuint)i + 8));
        Vector512<ulong> c = TStep.Of(Vector512.LoadUnsafe(ref from, (nuint)i + 16));
        Vector512<ulong> d = TStep.Of(Vector512.LoadUnsafe(ref from, (nuint)i + 24));
        a.StoreUnsafe(ref to, (nuint)i);
        b.StoreUnsafe(ref to, (nuint)i + 8);
        c.StoreUnsafe(ref to, (nuint)i + 16);
        d.StoreUnsafe(ref to, (nuint)i + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourOfFour(ref ulong from, ref ulong to, nint i)
    {
        Vector256<ulong> a = TStep.Of(Vector256.LoadUnsafe(ref from, (nuint)i));
        Vector256<ulong> b = TStep.Of(Vector256.LoadUnsafe(ref from, (nuint)i + 4));
        Vector256<ulong> c = TStep.Of(Vector256.LoadUnsafe(ref from, (nuint)i + 8));
        Vector256<ulong> d = TStep.Of(Vector256.LoadUnsafe(ref from, (nuint)i + 12));
        a.StoreUnsafe(ref to, (nuint)i);
        b.StoreUnsafe(ref to, (nuint)i + 4);
        c.StoreUnsafe(ref to, (nuint)i + 8);
        d.StoreUnsafe(ref to, (nuint)i + 12);
    }

    /// <summary>Four words at a time, those after the next ones asked for; returns how many it did.</summary>
    // Safe: i + 32 + Ahead is within both spans.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Asking(ref ulong from, ref ulong to, nint count)
    {
        nint i = 0;
        for (; i <= count - 32 - Ahead; i += 32)
        {
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead));
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead + 8));
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead + 16));
            Prefetch.Line(ref Unsafe.Add(ref from, i + Ahead + 24));
            FourOfFour(ref from, ref to, i);
            FourOfFour(ref from, ref to, i + 16);
        }

        return i;
    }
}
