using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;
using PageTableEmu.Mm.SharedMemory;

namespace PageTableEmu.Mm;

/// <summary>
/// The VMAs of all address spaces: lookup, and every change of them by the kernel's rules for splitting and merging (mm/vma.c of 6.18).
/// </summary>
/// <remarks>
/// <para>Callers hold the mmap_lock of the address space: for reading to look up and for <see cref="TryPrepareAnonVma"/>, for writing for
/// everything else. Nothing here takes it. A change that a reverse-map walker could see takes the locks of the VMA's shared object and
/// anon_vma family itself, so callers of mutators hold neither those nor, since walkers take page-table locks inside them, any page-table
/// lock.</para>
/// <para>A result of 0 or false means that the image has no record left; then nothing has changed.</para>
/// <para><see cref="Vma.Age"/> is renewed exactly when the kernel takes a VMA out of the interval trees and puts it back behind its equals:
/// on both parts of a split, on a VMA that a merge made longer or shorter, when it gets its anon_vma, and in a forked copy.</para>
/// </remarks>
public sealed partial class Vmas<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly RecordPool<TModel, Vma> pool;
    private readonly AnonVmas<TModel> anons;
    private readonly AugmentedTree<VmaNodes<TModel>> tree;

    /// <summary>Makes a view of the VMAs of an image.</summary>
    public Vmas(AddressSpaces<TModel> spaces, MachineImage image)
    {
        ArgumentNullException.ThrowIfNull(spaces);
        ArgumentNullException.ThrowIfNull(image);
        Spaces = spaces;
        this.image = image;
        pool = new RecordPool<TModel, Vma>(image, MetadataRegion.Vmas);
        anons = new AnonVmas<TModel>(image, pool);
        Objects = new SharedObjects<TModel>(image, pool);
        Nodes = new VmaNodes<TModel>(pool);
        tree = new AugmentedTree<VmaNodes<TModel>>(Nodes);
    }

    /// <summary>The address spaces they belong to.</summary>
    public AddressSpaces<TModel> Spaces { get; }

    /// <summary>The shared memory objects that some of them show.</summary>
    public SharedObjects<TModel> Objects { get; }

    /// <summary>VMAs of all address spaces.</summary>
    public uint InUse => pool.InUse;

    /// <summary>Anon_vmas in use.</summary>
    public uint AnonVmasInUse => anons.Pool.InUse;

    /// <summary>Links between VMAs and anon_vmas in use.</summary>
    public uint AnonVmaChainsInUse => anons.Links.InUse;

    /// <summary>
    /// Called with a VMA and an address inside it before the VMA is made to begin or end there, under the mmap_lock for writing: no huge leaf may
    /// reach across the boundary. Set by the machine, as VMAs know no page tables.
    /// </summary>
    public Action<uint, ulong> BeforeBoundary { get; set; } = static (_, _) => { };

    internal MachineImage Image => image;

    internal VmaNodes<TModel> Nodes { get; }

    internal AnonVmas<TModel> Anons => anons;

    /// <summary>The record of a VMA.</summary>
    /// <exception cref="CorruptImageException">The number is 0 or outside the pool.</exception>
    public ref Vma this[uint vma] => ref pool[vma];

    /// <summary>Flags of a VMA, for readers that do not hold the mmap_lock (reverse-map walkers under the family's lock).</summary>
    public VmaFlags FlagsOf(uint vma) => (VmaFlags)Atomic<TModel>.Load(ref FlagsWord(vma));

    /// <summary>
    /// Sets the flags of a VMA where no merge is wanted. mmap_lock for writing; for reading is enough to set <see cref="VmaFlags.Guard"/>, which is
    /// the only flag that changes then.
    /// </summary>
    public void SetFlags(uint vma, VmaFlags flags) => Atomic<TModel>.Store(ref FlagsWord(vma), (uint)flags);

    /// <summary>Anon_vma of a VMA, 0 when it has none yet; for faults, which hold the mmap_lock for reading only.</summary>
    public uint AnonVmaOf(uint vma) => Atomic<TModel>.Load(ref pool[vma].AnonVma);

    /// <summary>Linear page index of an address in a VMA: what <see cref="FrameRecord.Index"/> of an anonymous page there is.</summary>
    public ulong LinearIndex(uint vma, ulong va)
    {
        ref Vma record = ref pool[vma];
        return record.PageOffset + ((va - record.Start) >> image.PageShift);
    }

    /// <summary>Number of VMAs of an address space.</summary>
    public uint Count(uint mm) => Spaces[mm].VmaCount;

    /// <summary>The VMA that contains an address, else 0.</summary>
    public uint Find(uint mm, ulong va)
    {
        uint vma = FindFirstEndingAbove(mm, va);
        return vma != 0 && pool[vma].Start <= va ? vma : 0;
    }

    /// <summary>The first VMA whose end lies above an address (find_vma), else 0. For address 0: the first VMA.</summary>
    public uint FindFirstEndingAbove(uint mm, ulong va)
    {
        uint found = 0;
        for (uint at = Spaces[mm].VmaRoot; at != 0;)
        {
            ref Vma vma = ref pool[at];
            if (vma.End <= va)
            {
                at = vma.Tree.Right;
                continue;
            }

            found = at;
            if (vma.Start <= va)
                break;
            at = vma.Tree.Left;
        }

        return found;
    }

    /// <summary>The last VMA by address, 0 when there is none.</summary>
    public uint Last(uint mm)
    {
        uint last = Spaces[mm].VmaRoot;
        while (last != 0 && pool[last].Tree.Right != 0)
            last = pool[last].Tree.Right;
        return last;
    }

    /// <summary>The next VMA by address, else 0.</summary>
    public uint Next(uint vma) => tree.Next(vma);

    /// <summary>The previous VMA by address, else 0.</summary>
    public uint Previous(uint vma) => tree.Previous(vma);

    /// <summary>Whether any VMA has a byte in [start, end).</summary>
    public bool Overlaps(uint mm, ulong start, ulong end)
    {
        uint vma = FindFirstEndingAbove(mm, start);
        return vma != 0 && pool[vma].Start < end;
    }

    /// <summary>
    /// A new mapping without anonymous pages (mmap): an extended neighbour where the merge rules allow it, else a new VMA. Returns the VMA
    /// that covers the range.
    /// </summary>
    /// <param name="mm">The address space.</param>
    /// <param name="start">First byte address, a multiple of the page size.</param>
    /// <param name="end">First byte address behind, a multiple of the page size.</param>
    /// <param name="flags">Properties.</param>
    /// <param name="pageOffset">Linear index of the first page: <paramref name="start"/> in pages for private memory.</param>
    /// <param name="sharedObject">The shared object behind it, 0 for private memory.</param>
    /// <exception cref="ArgumentException">The range is empty or unaligned, or something is mapped in it.</exception>
    public uint TryMap(uint mm, ulong start, ulong end, VmaFlags flags, ulong pageOffset, uint sharedObject)
    {
        CheckRange(start, end);
        if (Overlaps(mm, start, end))
            throw new ArgumentException($"Address space {mm} already has a VMA in {start:x}..{end:x}.", nameof(start));
        var proposal = new VmaProposal
        {
            Start = start,
            End = end,
            PageOffset = pageOffset,
            Flags = flags,
            SharedObject = sharedObject,
            Uffd = 0,
        };
        (uint previous, uint next) = Neighbours(mm, start, end);
        Choose(in proposal, ref previous, ref next, differingAnonVmas: true);
        return previous != 0 || next != 0 ? Extend(in proposal, previous, next, source: 0, consumed: 0) : TryInsert(mm, in proposal);
    }

    /// <summary>
    /// Makes a VMA longer where nothing is mapped behind it (vma_merge_extend): it keeps all its properties, its registration with userfaultfd
    /// too, and may become one with the VMA behind. False: no records.
    /// </summary>
    /// <param name="vma">The VMA; it is the lower one and stays.</param>
    /// <param name="end">First byte address behind it afterwards.</param>
    /// <exception cref="ArgumentException">The VMA would not grow, the end is unaligned, or something is mapped before it.</exception>
    public bool TryGrow(uint vma, ulong end)
    {
        ref Vma record = ref pool[vma];
        CheckRange(record.End, end);
        if (Overlaps(record.AddressSpace, record.End, end))
            throw new ArgumentException($"Address space {record.AddressSpace} already has a VMA in {record.End:x}..{end:x}.", nameof(end));
        var proposal = new VmaProposal
        {
            Start = record.End,
            End = end,
            PageOffset = LinearIndex(vma, record.End),
            Flags = record.Flags,
            SharedObject = record.SharedObject,
            Uffd = record.Uffd,
            AnonVma = record.AnonVma,
            ChainLength = record.ChainLength,
        };
        (uint previous, uint next) = Neighbours(record.AddressSpace, proposal.Start, end);
        Choose(in proposal, ref previous, ref next, differingAnonVmas: true);
        return Extend(in proposal, previous, next, source: vma, consumed: 0) != 0;
    }

    /// <summary>
    /// Takes a VMA out of its address space and the reverse map and frees it. Its pages are unmapped already: that is what lets the reverse
    /// map forget it.
    /// </summary>
    /// <returns>The shared object that it showed, 0 for none: the VMA's reference to it is the caller's now, who puts it.</returns>
    public uint Remove(uint vma)
    {
        DropAnonVma(vma);
        uint shared = pool[vma].SharedObject;
        Objects.Lock(shared);
        Objects.Unlink(vma);
        Objects.Unlock(shared);
        Discard(vma);
        return shared;
    }

    /// <summary>
    /// Takes the anon_vma and all links from a VMA that maps no anonymous page any more: before it is removed, or when mremap moved all its
    /// pages away and leaves it in place (MREMAP_DONTUNMAP).
    /// </summary>
    public void DropAnonVma(uint vma)
    {
        uint family = LockFamily(vma, 0, 0);
        uint emptied = anons.Detach(vma);
        anons.UnlockRoot(family);
        anons.Release(emptied);
    }

    private static void CheckOrder(ulong start, ulong end)
    {
        if (start >= end)
            throw new ArgumentException($"The range {start:x}..{end:x} is empty.", nameof(end));
    }

    private ref uint FlagsWord(uint vma) => ref Unsafe.As<VmaFlags, uint>(ref pool[vma].Flags);

    private ref MmState State => ref image.Record<MmState>(MetadataRegion.MmState, 0);

    private ulong NextAge() => Atomic<TModel>.Add(ref State.AgeCounter, 1);

    private void CheckRange(ulong start, ulong end)
    {
        CheckOrder(start, end);
        ulong mask = (ulong)image.PageSize - 1;
        if (((start | end) & mask) != 0)
            throw new ArgumentException($"The range {start:x}..{end:x} is not a multiple of the page size {mask + 1}.", nameof(start));
    }

    /// <summary>The VMAs that end where a free range starts, and start where it ends; 0 when there is none.</summary>
    private (uint Previous, uint Next) Neighbours(uint mm, ulong start, ulong end)
    {
        uint next = FindFirstEndingAbove(mm, end);
        if (next != 0 && pool[next].Start != end)
            next = 0;
        uint previous = start == 0 ? 0 : Find(mm, start - 1);
        return (previous, next);
    }

    /// <summary>A new VMA without anon_vma. 0: no record.</summary>
    private uint TryInsert(uint mm, in VmaProposal proposal)
    {
        uint number = pool.TryAllocate();
        if (number == 0)
            return 0;
        Objects.Lock(proposal.SharedObject);
        Insert(mm, number, in proposal);
        Objects.Unlock(proposal.SharedObject);
        return number;
    }

    /// <summary>Under the shared object's lock, if there is one.</summary>
    private void Insert(uint mm, uint number, in VmaProposal proposal)
    {
        ref Vma vma = ref pool[number];
        vma.Start = proposal.Start;
        vma.End = proposal.End;
        vma.PageOffset = proposal.PageOffset;
        vma.Flags = proposal.Flags;
        vma.SharedObject = proposal.SharedObject;
        vma.Uffd = proposal.Uffd;
        vma.AddressSpace = mm;
        vma.Age = NextAge();
        ref AddressSpace space = ref Spaces[mm];
        tree.Insert(ref space.VmaRoot, number);
        space.VmaCount++;
        Objects.AddVma(vma.SharedObject);
        Objects.Link(number);
    }

    /// <summary>Takes a VMA without links, and in no reverse map, out of its address space and frees it.</summary>
    private void Discard(uint vma)
    {
        ref AddressSpace space = ref Spaces[pool[vma].AddressSpace];
        tree.Remove(ref space.VmaRoot, vma);
        space.VmaCount--;
        pool.Free(vma);
    }

    /// <summary>
    /// Locks the family of whichever of the VMAs has one (0 = no VMA); returns its root, 0 when none has. The merge rules see to it that
    /// they do not have two.
    /// </summary>
    private uint LockFamily(uint one, uint two, uint three)
    {
        uint anonVma = one == 0 ? 0 : pool[one].AnonVma;
        if (anonVma == 0 && two != 0)
            anonVma = pool[two].AnonVma;
        if (anonVma == 0 && three != 0)
            anonVma = pool[three].AnonVma;
        return anonVma == 0 ? 0 : anons.LockRoot(anonVma);
    }
}
