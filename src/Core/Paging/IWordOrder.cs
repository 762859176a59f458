using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PageTableEmu.Paging;

/// <summary>Whether words in memory have the processor's byte order: a type argument, so that kernels are compiled for each.</summary>
internal interface IWordOrder
{
    static abstract bool IsSwapped { get; }
}

/// <summary>The processor's order.</summary>
internal readonly struct NativeOrder : IWordOrder
{
    public static bool IsSwapped => false;
}

/// <summary>The other order.</summary>
internal readonly struct SwappedOrder : IWordOrder
{
    public static bool IsSwapped => true;
}

/// <summary>Words between memory and registers.</summary>
internal static class WordOrder<TOrder>
    where TOrder : struct, IWordOrder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Of(ulong value) => TOrder.IsSwapped ? BinaryPrimitives.ReverseEndianness(value) : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ulong> Of(Vector512<ulong> values) => TOrder.IsSwapped ? ByteReversal.Of(values) : values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<ulong> Of(Vector256<ulong> values) => TOrder.IsSwapped ? ByteReversal.Of(values) : values;
}
