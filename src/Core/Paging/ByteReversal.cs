using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PageTableEmu.Paging;

/// <summary>The bytes of each 64-bit lane the other way round.</summary>
internal static class ByteReversal
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ulong> Of(Vector512<ulong> values)
    {
        Vector512<byte> reverse = Vector512.Create(
            (byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16, 31, 30, 29, 28, 27, 26, 25, 24,
            39, 38, 37, 36, 35, 34, 33, 32, 47, 46, 45, 44, 43, 42, 41, 40, 55, 54, 53, 52, 51, 50, 49, 48, 63, 62, 61, 60, 59, 58,
            57, 56);
        return Vector512.Shuffle(values.AsByte(), reverse).AsUInt64();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<ulong> Of(Vector256<ulong> values)
    {
        Vector256<byte> reverse = Vector256.Create(
            (byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16, 31, 30, 29, 28, 27, 26, 25, 24);
        return Vector256.Shuffle(values.AsByte(), reverse).AsUInt64();
    }
}
