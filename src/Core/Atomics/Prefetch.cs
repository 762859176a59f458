using System.Runtime.CompilerServices;
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

    /// <summary>As <see cref="Line"/>, of what is needed only later: it is to wait in the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void LaterLine<T>(ref readonly T word)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(Unsafe.AsPointer(ref Unsafe.AsRef(in word))); // safe: as above
    }
}
