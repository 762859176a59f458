using System.Runtime.CompilerServices;

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
        Seam(source);
        source.CopyTo(destination);
    }

    /// <summary>Fills a page's content with zeros.</summary>
    public static void Clear(Span<byte> destination)
    {
        Seam(destination);
        destination.Clear();
    }

    /// <summary>Whether every byte is zero.</summary>
    public static bool IsZero(ReadOnlySpan<byte> source)
    {
        Seam(source);
        return source.IndexOfAnyExcept((byte)0) < 0;
    }

    private static unsafe void Seam(ReadOnlySpan<byte> bytes)
    {
        // Safe: the address is only reported, and bytes of an image do not move.
        TModel.Step(Access.Bytes, (nuint)Unsafe.AsPointer(ref Unsafe.AsRef(in bytes[0])));
    }
}
