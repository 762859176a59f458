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
    private readonly ulong[] written;

    /// <summary>Takes the machine as it is now.</summary>
    /// <exception cref="InvalidOperationException">The machine is shared.</exception>
    public MachineMemory(MachineImage image)
    {
        snapshot = new ImageSnapshot(image);
        written = new ulong[(snapshot.Frames + 63) / 64];
    }

    /// <inheritdoc/>
    public override int PageCount => (int)snapshot.Frames;

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
                snapshot.RestoreFrame((uint)((index * 64) + BitOperations.TrailingZeroCount(bits)));
            written[index] = 0;
        }
    }

    /// <inheritdoc/>
    public override bool Contains(nuint address) => snapshot.TryOffsetOf(address, out _);

    /// <inheritdoc/>
    public override ulong OffsetOf(nuint address)
    {
        snapshot.TryOffsetOf(address, out ulong offset);
        return offset;
    }

    /// <inheritdoc/>
    public override int PageOf(nuint address) => snapshot.TryFrameAt(address, out uint frame) ? (int)frame : -1;

    /// <inheritdoc/>
    public override void NoteWrite(int page) => written[page / 64] |= 1UL << (page % 64);
}
