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
        Vector128<byte> one = Vector128.Create((byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
        if (!System.Runtime.Intrinsics.X86.Avx512BW.IsSupported)
            return Vector512.Create(Of(values.GetLower()), Of(values.GetUpper()));
        Vector256<byte> two = Vector256.Create(one, one);
        return System.Runtime.Intrinsics.X86.Avx512BW.Shuffle(values.AsByte(), Vector512.Create(two, two)).AsUInt64();
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
