using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>Signatures; the bodies are the next commit.</summary>
public sealed partial class Vmas<TModel>
    where TModel : IModel
{
    /// <summary>Makes a view of the VMAs of an image.</summary>
    public Vmas(AddressSpaces<TModel> spaces, MachineImage image)
    {
        ArgumentNullException.ThrowIfNull(spaces);
        ArgumentNullException.ThrowIfNull(image);
        Spaces = spaces;
    }

    /// <summary>The address spaces they belong to.</summary>
    public AddressSpaces<TModel> Spaces { get; }

    /// <summary>The record of a VMA.</summary>
    public ref Vma this[uint vma] => throw new NotSupportedException();

    /// <summary>Flags, for readers without the mmap_lock (reverse-map walkers).</summary>
    public VmaFlags FlagsOf(uint vma) => throw new NotSupportedException();

    /// <summary>Anon_vma of a VMA, for readers under the mmap_lock for reading (acquire load).</summary>
    public uint AnonVmaOf(uint vma) => throw new NotSupportedException();

    /// <summary>Linear page index of an address in a VMA (FrameRecord.Index of an anonymous page there).</summary>
    public ulong LinearIndex(uint vma, ulong va) => throw new NotSupportedException();

    /// <summary>Number of VMAs.</summary>
    public uint Count(uint mm) => throw new NotSupportedException();

    /// <summary>The VMA that contains an address, else 0.</summary>
    public uint Find(uint mm, ulong va) => throw new NotSupportedException();

    /// <summary>The first VMA with End above va (find_vma), else 0. For va 0: the first VMA.</summary>
    public uint FindFirstEndingAbove(uint mm, ulong va) => throw new NotSupportedException();

    /// <summary>The next VMA by address, else 0.</summary>
    public uint Next(uint vma) => throw new NotSupportedException();

    /// <summary>The previous VMA by address, else 0.</summary>
    public uint Previous(uint vma) => throw new NotSupportedException();

    /// <summary>Whether any VMA has a byte in [start, end).</summary>
    public bool Overlaps(uint mm, ulong start, ulong end) => throw new NotSupportedException();

    /// <summary>mmap: a new VMA, merged with its neighbours where the rules allow; returns the one that covers the range. 0: no records.</summary>
    public uint TryMap(uint mm, ulong start, ulong end, VmaFlags flags, ulong pageOffset, uint sharedObject) => throw new NotSupportedException();

    /// <summary>Cuts a VMA in two; it keeps the low part; returns the high part. 0: no records.</summary>
    public uint TrySplit(uint vma, ulong at) => throw new NotSupportedException();

    /// <summary>vma_modify: returns the VMA that covers [start, end) afterwards. 0: no records, nothing changed.</summary>
    public uint TryModify(uint vma, ulong start, ulong end, VmaFlags flags, uint uffd) => throw new NotSupportedException();

    /// <summary>Takes a VMA out of its address space and the reverse map and frees it.</summary>
    public void Remove(uint vma) => throw new NotSupportedException();

    /// <summary>anon_vma_prepare, under the mmap_lock for reading. False: no records.</summary>
    public bool TryPrepareAnonVma(uint vma) => throw new NotSupportedException();

    /// <summary>anon_vma_fork; both mmap_locks held for writing. False: no records; the child's VMA then has no anon_vma.</summary>
    public bool TryForkAnonVma(uint child, uint parent) => throw new NotSupportedException();

    /// <summary>A VMA's copy in a forked child: same range; without Locked, UffdWriteProtect, uffd, anon_vma. 0: no records.</summary>
    public uint TryClone(uint vma, uint mm) => throw new NotSupportedException();

    /// <summary>
    /// copy_vma: the VMA at [destination, destination + length) that continues <paramref name="vma"/>'s [start, start + length), new or a
    /// neighbour that was extended. It has no uffd. The source may have been absorbed: look it up again by address. 0: no records.
    /// </summary>
    public uint TryCopyForMove(uint vma, ulong start, ulong length, ulong destination, ulong pageOffset) => throw new NotSupportedException();

    /// <summary>Takes the anon_vma and all links from a VMA that no longer maps anonymous pages (mremap with DONTUNMAP).</summary>
    public void DropAnonVma(uint vma) => throw new NotSupportedException();
}
