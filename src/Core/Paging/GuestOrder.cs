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
    internal static bool IsSwapped => TArch.BigEndian == BitConverter.IsLittleEndian;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Of(ulong value) => IsSwapped ? BinaryPrimitives.ReverseEndianness(value) : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ulong> Of(Vector512<ulong> values)
    {
        if (!IsSwapped)
            return values;
        Vector512<byte> reverse = Vector512.Create(
            (byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16, 31, 30, 29, 28, 27, 26, 25, 24,
            39, 38, 37, 36, 35, 34, 33, 32, 47, 46, 45, 44, 43, 42, 41, 40, 55, 54, 53, 52, 51, 50, 49, 48, 63, 62, 61, 60, 59, 58,
            57, 56);
        return Vector512.Shuffle(values.AsByte(), reverse).AsUInt64();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<ulong> Of(Vector256<ulong> values)
    {
        if (!IsSwapped)
            return values;
        Vector256<byte> reverse = Vector256.Create(
            (byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16, 31, 30, 29, 28, 27, 26, 25, 24);
        return Vector256.Shuffle(values.AsByte(), reverse).AsUInt64();
    }
}
