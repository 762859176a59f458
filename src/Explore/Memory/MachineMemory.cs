using System.Numerics;
using PageTableEmu.Image;

namespace PageTableEmu.Explore.Memory;

/// <summary>The images of a small machine in private memory.</summary>
/// <remarks>
/// Restoring copies all of the metadata and those frames of RAM that were written. The scheduler sees every write to a frame, because page
/// contents and page tables are only touched through the seam; fields of metadata records are also written under locks without it.
/// </remarks>
/// <seealso cref="Explore.Machines.ExploredMachine{TArch, TModel}"/>
public sealed class MachineMemory : ExploredMemory
{
    private readonly ImageSnapshot snapshot;
    private const int BlockShift = 12;
    private const ulong MetadataOffset = 1UL << 40;

    private readonly ulong[] written;
    private readonly int blocks; // of metadata in which bytes are copied beside accesses to words: with tags

    /// <summary>Takes the machine as it is now.</summary>
    /// <exception cref="InvalidOperationException">The machine is shared.</exception>
    public MachineMemory(MachineImage image)
    {
        snapshot = new ImageSnapshot(image);
        blocks = image.Options.TagBytesPerPage == 0 ? 0 : (int)((image.MetadataBytes >> BlockShift) + 1);
        written = new ulong[(PageCount + 63) / 64];
    }

    /// <inheritdoc/>
    public override int PageCount => (int)snapshot.Frames + blocks;

    /// <summary>Whether the machine is as it was when it was saved. For tests of the restoring itself.</summary>
    public bool IsRestored => snapshot.Matches();

    /// <inheritdoc/>
    public override void Save() => snapshot.Take();

    /// <inheritdoc/>
    public override void Restore()
    {
        snapshot.RestoreMetadata();
        for (int index = 0; index < written.Length; index++)
        {
            for (ulong bits = written[index]; bits != 0; bits &= bits - 1)
                RestoreFrame((uint)((index * 64) + BitOperations.TrailingZeroCount(bits)));
            written[index] = 0;
        }
    }

    /// <summary>
    /// All frames may have been written: to be called by who judges the end of an execution by accesses that bring pages in, which nobody observes.
    /// </summary>
    public void NoteAllWritten() => Array.Fill(written, ulong.MaxValue);

    /// <inheritdoc/>
    public override bool Contains(nuint address) => snapshot.TryOffsetOf(address, out _);

    /// <inheritdoc/>
    public override ulong OffsetOf(nuint address)
    {
        snapshot.TryOffsetOf(address, out ulong offset);
        return offset;
    }

    /// <inheritdoc/>
    public override int PageOf(nuint address)
    {
        if (snapshot.TryFrameAt(address, out uint frame))
            return (int)frame;
        return blocks != 0 && snapshot.TryOffsetOf(address, out ulong offset)
            ? (int)(snapshot.Frames + ((offset - MetadataOffset) >> BlockShift))
            : -1;
    }

    /// <inheritdoc/>
    public override void NoteWrite(int page) => written[page / 64] |= 1UL << (page % 64);

    private void RestoreFrame(uint frame)
    {
        if (frame < snapshot.Frames)
            snapshot.RestoreFrame(frame);
    }
}
