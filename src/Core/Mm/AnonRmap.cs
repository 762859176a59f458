using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>
/// Counting the mappings of anonymous frames, and the flags that go with them: exclusive, locked in memory (mm/rmap.c folio_add_*_rmap,
/// folio_remove_rmap_*, mm/mlock.c).
/// </summary>
/// <remarks>
/// Callers hold the page-table lock of the entry concerned. A mapping's reference is taken before the mapping is counted and dropped after
/// it is no longer counted, so that references are never fewer than mappings.
/// </remarks>
public sealed class AnonRmap<TModel>
    where TModel : IModel
{
    private readonly Folios<TModel> folios;
    private readonly FrameTable<TModel> frames;
    private readonly Vmas<TModel> vmas;
    private readonly ReverseMap<TModel> reverseMap;

    /// <summary>Makes the operations of a machine.</summary>
    public AnonRmap(Folios<TModel> folios, Vmas<TModel> vmas, ReverseMap<TModel> reverseMap)
    {
        ArgumentNullException.ThrowIfNull(folios);
        this.folios = folios;
        frames = folios.Table;
        this.vmas = vmas;
        this.reverseMap = reverseMap;
    }

    /// <summary>
    /// First mapping of a frame that nobody else knows (folio_add_new_anon_rmap); the caller's reference becomes the mapping's. A frame that
    /// starts shared belongs to the oldest anon_vma, from which every address space that may hold its swap entry can be reached.
    /// </summary>
    public void AddNew(uint frame, uint vma, ulong virtualAddress, bool exclusive)
    {
        ref FrameRecord record = ref frames[frame];
        uint anonVma = vmas.AnonVmaOf(vma);
        record.Mapping = exclusive ? anonVma : reverseMap.AnonVmaRoot(anonVma);
        record.Index = vmas.LinearIndex(vma, virtualAddress);
        frames.Set(frame, exclusive ? FrameFlags.Anon | FrameFlags.AnonExclusive : FrameFlags.Anon);
        frames.AddMapping(frame);
    }

    /// <summary>
    /// As <see cref="AddNew"/> of a frozen frame, exclusive and with flags of its own. The caller then gives it its reference, which is the
    /// mapping's: from there on it can be found.
    /// </summary>
    internal void AddFrozen(uint frame, uint anonVma, ulong index, FrameFlags flags)
    {
        ref FrameRecord record = ref frames[frame];
        record.Mapping = anonVma;
        record.Index = index;
        record.MapCount = 1;
        record.Flags = (ulong)(flags | FrameFlags.Anon | FrameFlags.AnonExclusive);
    }

    /// <summary>First mapping of a large folio that nobody else knows, by a huge leaf; the caller's reference becomes the mapping's.</summary>
    public void AddNewLarge(uint head, uint vma, ulong virtualAddress)
    {
        ulong index = vmas.LinearIndex(vma, virtualAddress);
        frames[head].Mapping = vmas.AnonVmaOf(vma);
        uint pages = frames.PagesOf(head);
        for (uint page = 0; page < pages; page++)
            frames[head + page].Index = index + page;
        frames.Set(head, FrameFlags.Anon | FrameFlags.AnonExclusive);
        frames.Large.AddEntire(head, vmas[vma].AddressSpace);
    }

    /// <summary>
    /// First mapping of a large folio that nobody else knows, by entries of level 1 for all its pages; the caller's reference becomes that of the
    /// first page's mapping, those of the others are taken here.
    /// </summary>
    public void AddNewPages(uint head, uint vma, ulong virtualAddress, bool exclusive)
    {
        uint anonVma = vmas.AnonVmaOf(vma);
        ulong index = vmas.LinearIndex(vma, virtualAddress);
        uint pages = frames.PagesOf(head);
        frames[head].Mapping = exclusive ? anonVma : reverseMap.AnonVmaRoot(anonVma);
        for (uint page = 0; page < pages; page++)
        {
            frames[head + page].Index = index + page;
            if (exclusive)
                frames.Set(head + page, FrameFlags.AnonExclusive);
        }

        frames.Set(head, FrameFlags.Anon);
        frames.Get(head, (int)pages - 1);
        frames.Large.AddAllPages(head, vmas[vma].AddressSpace);
    }

    /// <summary>One more huge leaf that maps a large folio; the caller's reference becomes the mapping's.</summary>
    public void AddLarge(uint head, uint vma, bool exclusive)
    {
        if (exclusive)
            frames.Set(head, FrameFlags.AnonExclusive);
        frames.Large.AddEntire(head, vmas[vma].AddressSpace);
        LockInMemory(head, vma);
    }

    /// <summary>One huge leaf less that maps a large folio; the caller still owns the reference that went with it.</summary>
    public void RemoveLarge(uint head, uint vma)
    {
        frames.Large.RemoveEntire(head, vmas[vma].AddressSpace);
        if ((vmas.FlagsOf(vma) & VmaFlags.Locked) != 0)
            MunlockFolio(head);
    }

    /// <summary>As <see cref="TryDuplicate"/> for a huge leaf.</summary>
    public bool TryDuplicateLarge(uint head, bool parentHasPinned, uint childVma)
    {
        frames.Get(head);
        if (frames.Has(head, FrameFlags.AnonExclusive))
        {
            if (TModel.ForkCopiesPinned && parentHasPinned && frames.MaybePinned(head))
            {
                folios.Put(head);
                return false;
            }

            frames.Clear(head, FrameFlags.AnonExclusive);
        }

        frames.Large.AddEntire(head, vmas[childVma].AddressSpace);
        return true;
    }

    /// <summary>One more mapping of an anonymous frame (folio_add_anon_rmap_pte); the caller's reference becomes the mapping's.</summary>
    public void Add(uint frame, uint vma, bool exclusive)
    {
        if (exclusive)
            frames.Set(frame, FrameFlags.AnonExclusive);
        frames.AddMapping(frame, vmas[vma].AddressSpace);
        if (!frames.IsLarge(frame))
            LockInMemory(frame, vma); // whether all of a large folio is mapped by the VMA is found out by reclaim
    }

    /// <summary>One mapping less (folio_remove_rmap_pte); the caller still owns the reference that went with it.</summary>
    public void Remove(uint frame, uint vma)
    {
        frames.RemoveMapping(frame, vmas[vma].AddressSpace);
        if ((vmas.FlagsOf(vma) & VmaFlags.Locked) != 0)
            MunlockFolio(frame);
    }

    /// <summary>
    /// One more mapping for a fork (folio_try_dup_anon_rmap_pte): false, and nothing changed, when the frame is exclusive and pinned through
    /// the parent, so that the child needs a copy. Takes the mapping's reference.
    /// </summary>
    public bool TryDuplicate(uint frame, bool parentHasPinned, uint childVma)
    {
        frames.Get(frame);
        if (frames.Has(frame, FrameFlags.AnonExclusive))
        {
            if (TModel.ForkCopiesPinned && parentHasPinned && frames.MaybePinned(frame))
            {
                folios.Put(frame);
                return false;
            }

            frames.Clear(frame, FrameFlags.AnonExclusive);
        }

        frames.AddMapping(frame, vmas[childVma].AddressSpace);
        return true;
    }

    /// <summary>
    /// Gives up exclusiveness (folio_try_share_anon_rmap_pte): false, and nothing changed, when the frame is exclusive and may be pinned. The
    /// entry is clear meanwhile, which is a full fence as clearing the flag is, against lock-free pinning.
    /// </summary>
    public bool TryShare(uint frame)
    {
        if (!frames.Has(frame, FrameFlags.AnonExclusive))
            return true;
        if (frames.MaybePinned(frame))
            return false;
        frames.Clear(frame, FrameFlags.AnonExclusive);
        return true;
    }

    /// <summary>Makes a frame that only this VMA maps a child of its anon_vma (folio_move_anon_rmap). Needs the folio lock.</summary>
    public void MoveTo(uint frame, uint vma)
    {
        frames.AssertLocked(frame);
        frames.Folio(frame).Mapping = vmas.AnonVmaOf(vma);
    }

    /// <summary>Counts a locked VMA's mapping of the frame (mlock_vma_folio); does nothing for other VMAs.</summary>
    public void LockInMemory(uint frame, uint vma)
    {
        if ((vmas.FlagsOf(vma) & VmaFlags.Locked) != 0)
            MlockFolio(frame);
    }

    /// <summary>Keeps a frame out of reclaim (mlock_folio): counted once per locked VMA that maps it.</summary>
    public void MlockFolio(uint frame)
    {
        folios.Lru.Mlock(frame);
        folios.Allocator.NoteMlock(frame, unlocked: false);
    }

    /// <summary>
    /// What reclaim does with a frame that it finds mapped by a locked VMA but not counted: counts it, because the count may have been lost
    /// when another locked mapping went. Not while somebody holds the VMA's mmap_lock for writing: that may be the mlock that marked
    /// the VMA a moment ago and is about to count this very page, and nobody would take a second count back (the kernel marks such
    /// a VMA with VM_IO meanwhile). The caller holds the page-table lock, for which mlock waits before it counts.
    /// </summary>
    public void RepairMlock(uint frame, uint vma)
    {
        if (Atomic<TModel>.Load(ref vmas.Spaces[vmas[vma].AddressSpace].MmapWriter) != 0)
            return;
        folios.Lru.RepairMlock(frame);
        folios.Allocator.NoteMlock(frame, unlocked: false);
    }

    /// <summary>
    /// Takes one count back (munlock_folio); with the last the frame can be reclaimed, even if another locked VMA maps it: reclaim repairs
    /// that when it meets it.
    /// </summary>
    public void MunlockFolio(uint frame)
    {
        folios.Lru.Munlock(frame);
        folios.Allocator.NoteMlock(frame, unlocked: true);
    }
}
