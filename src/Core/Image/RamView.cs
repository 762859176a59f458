using System.Numerics;
using System.Runtime.CompilerServices;

namespace PageTableEmu.Image;

/// <summary>
/// RAM as a walk sees it: where it begins and how far it has storage, read once for all levels. Tables are named by the distance of their
/// address from the second page: subtracting the page once, which a walk does for nothing, makes frame 0 the farthest of all, so that one
/// comparison keeps out frame 0, what lies behind RAM, and what is no address of a page.
/// </summary>
internal readonly ref struct RamView
{
    private readonly ref byte start;
    private readonly ulong frames;

    internal RamView(ref byte start, ulong frames)
    {
        this.start = ref start;
        this.frames = frames;
    }

    /// <summary>Whether a frame, other than frame 0, has storage.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool HasFrame(uint frame) => frame - 1UL < frames;

    /// <summary>Whether a distance is that of a page with storage.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Has(ulong distance, int pageShift) => BitOperations.RotateRight(distance, pageShift) < frames;

    /// <summary>A word of a page that <see cref="Has"/> found.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong Word(ulong distance) => ref Unsafe.As<byte, ulong>(ref Unsafe.AddByteOffset(ref start, (nuint)distance));
}
