using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PageTableEmu.Atomics;

/// <summary>
/// Page contents: bytes of frames and swap slots. They carry no ordering of their own; who may touch them when follows from the locks and
/// references of the floors above. The spans given must lie inside an image (that is what makes the copies safe).
/// </summary>
public static class SharedBytes<TModel>
    where TModel : IModel
{
    /// <summary>Copies a page's content; the two spans have equal length.</summary>
    public static void Copy(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        Seam(source, default, destination);
        source.CopyTo(destination);
    }

    /// <summary>Fills a page's content with zeros.</summary>
    public static void Clear(Span<byte> destination)
    {
        Seam(default, default, destination);
        destination.Clear();
    }

    /// <summary>Whether every byte is zero.</summary>
    public static bool IsZero(ReadOnlySpan<byte> source)
    {
        Seam(source, default, default);
        return source.IndexOfAnyExcept((byte)0) < 0;
    }

    /// <summary>The order of two pages' contents (memcmp): negative, 0 when every byte is equal, positive.</summary>
    public static int Compare(ReadOnlySpan<byte> one, ReadOnlySpan<byte> two)
    {
        Seam(one, two, default);
        return one.SequenceCompareTo(two);
    }

    /// <summary>
    /// A number that equal contents share and different ones hardly ever; never 0. No page of another content is taken for the same by it
    /// alone: it tells whether a page changed since it was looked at last.
    /// </summary>
    public static ulong Checksum(ReadOnlySpan<byte> source)
    {
        const ulong First = 0x9E37_79B1_85EB_CA87;
        const ulong Second = 0xC2B2_AE3D_27D4_EB4F;
        Seam(source, default, default);
        ulong sum = Second ^ (ulong)source.Length;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(source))
            sum = (BitOperations.RotateLeft(sum ^ (word * Second), 31) * First) + Second;
        sum ^= sum >> 33;
        return sum == 0 ? 1 : sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Seam(ReadOnlySpan<byte> read, ReadOnlySpan<byte> compared, ReadOnlySpan<byte> written) =>
        TModel.StepBytes(First(read), First(compared), First(written));

    // Safe: the address is only reported, and bytes of an image do not move; that of an empty span is 0.
    private static unsafe nuint First(ReadOnlySpan<byte> bytes) =>
        bytes.IsEmpty ? 0 : (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes));
}
