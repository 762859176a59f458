using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PageTableEmu.Paging;

/// <summary>
/// Many entries at once between the processor's byte order and the guest's. Done in registers: in memory a walker must never see an entry
/// the wrong way round.
/// </summary>
internal static class GuestOrder<TArch>
    where TArch : IArchitecture
{
    internal static bool IsSwapped
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TArch.BigEndian == BitConverter.IsLittleEndian;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Of(ulong value) => IsSwapped ? BinaryPrimitives.ReverseEndianness(value) : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ulong> Of(Vector512<ulong> values) => IsSwapped ? ByteReversal.Of(values) : values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<ulong> Of(Vector256<ulong> values) => IsSwapped ? ByteReversal.Of(values) : values;
}
