using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace PageTableEmu.Atomics;

/// <summary>Asking for memory before it is needed, so that who waits for several places waits once.</summary>
internal static class Prefetch
{
    /// <summary>Asks for the cache line of a word, which need not exist: nothing is read, and nothing can fail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void Line<T>(ref readonly T word)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.AsRef(in word))); // safe: a hint, and records of an image do not move
    }

    /// <summary>Asks for the first half of a page that is read soon; hardware finds out about the other half when it is read.</summary>
    internal static void HalfPage(ReadOnlySpan<byte> page)
    {
        ref byte first = ref MemoryMarshal.GetReference(page);
        for (int at = 0; at < page.Length / 2; at += 64)
            Line(ref Unsafe.Add(ref first, at));
    }
}
