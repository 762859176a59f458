using System.Numerics;
using System.Runtime.CompilerServices;

namespace PageTableEmu.Image;

/// <summary>
/// RAM as a walk sees it: where it begins and how far it has storage, read once for all levels. A table is known by the distance of its address from
/// the second page: that makes frame 0 the farthest of all, so that one comparison keeps out frame 0, what lies behind RAM, and what is no address
/// of a page.
/// </summary>
// Safe: made by MachineImage alone, over a mapping that lives until it is disposed; a word is asked for only in a page that Has found.
internal readonly unsafe ref struct RamView
{
    private readonly byte* start;
    private readonly ulong frames;

    internal RamView(byte* start, ulong frames)
    {
        this.start = start;
        this.frames = frames;
    }

    /// <summary>Whether the image is attached, and any frame has storage.</summary>
    internal bool IsAttached
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => frames != 0;
    }

    /// <summary>Address of RAM in this process. Whoever adds to it stays in pages that <see cref="Has"/> found.</summary>
    internal ulong Start
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (ulong)start;
    }

    /// <summary>Whether a distance is that of a page with storage.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Has(ulong distance, int pageShift) => BitOperations.RotateRight(distance, pageShift) < frames;

    /// <summary>A word by its address, in a page that <see cref="Has"/> found.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong Word(ulong address) => ref Unsafe.AsRef<ulong>(start + address);
}
