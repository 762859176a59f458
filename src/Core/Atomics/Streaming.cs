using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PageTableEmu.Atomics;

/// <summary>What is done to words while they cannot be moved.</summary>
internal interface IPinnedWork
{
    /// <summary>Does it.</summary>
    void Run();
}

/// <summary>Stores of whole vectors that go around the caches: a line that is written in full need not be read first.</summary>
internal static class Streaming
{
    /// <summary>
    /// From how many words on it pays. What is stored so is not in a cache afterwards, so it is for results that no cache would keep until somebody
    /// reads them. The C library draws its line for copies at three quarters of a processor's share of the last cache: 24 MiB on Zen 5 with 32 MiB,
    /// about 100 MiB where one of 260 MiB counts as a processor's own. With 32 MiB the results and their source leave the first, and on the second,
    /// which other guests share, stores of this kind were measured at 1.6 of a copy that the library makes with ordinary ones.
    /// </summary>
    internal const nint Limit = 32 << 17;

    /// <summary>
    /// Words of a page. Memory is read ahead within pages, so two pages at a time keep more of it coming than one, as in the C library.
    /// </summary>
    internal const nint Page = 512;

    /// <summary>Runs work that stores here, with its destination where it is, and waits for its stores.</summary>
    internal static unsafe void Run<TWork>(ref ulong destination, ref TWork work)
        where TWork : struct, IPinnedWork, allows ref struct
    {
        // Safe: the pointer is only there to keep the destination in its place.
        fixed (ulong* place = &destination)
        {
            work.Run();
        }

        // Such stores come in any order. Who is told next that the result is there, perhaps on another processor, must find it.
        if (Sse.IsSupported)
            Sse.StoreFence();
    }

    /// <summary>Stores a vector; the place is aligned to its size.</summary>
    // Safe: the callers run in Run, so the place does not move, and it is within their destination.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void Store(Vector512<ulong> value, ref ulong to) =>
        value.StoreAlignedNonTemporal((ulong*)Unsafe.AsPointer(ref to));

    /// <summary>As the other, of half the size.</summary>
    // Safe: as above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void Store(Vector256<ulong> value, ref ulong to) =>
        value.StoreAlignedNonTemporal((ulong*)Unsafe.AsPointer(ref to));

    /// <summary>How many words lie before the next whole cache line, from one to eight; 0 where words are not aligned themselves.</summary>
    // Safe: the address is only looked at. The destination is pinned, so it stays true.
    internal static unsafe nint Head(ref ulong to)
    {
        nint address = (nint)Unsafe.AsPointer(ref to);
        return (address & 7) != 0 ? 0 : 8 - ((address >> 3) & 7);
    }
}
