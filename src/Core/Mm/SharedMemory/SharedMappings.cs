using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// The page-table entries that map pages of shared objects: making one, and finding all of a folio to take it out of every page table
/// (mm/rmap.c and unmap_mapping_folio for shmem).
/// </summary>
/// <remarks>
/// A page is mapped with its folio locked and only while it is in its object, so who has locked the folio and unmapped it can take it out of the
/// object without a new mapping appearing. The walk over the VMAs holds the object's lock, each entry its table's.
/// </remarks>
public sealed class SharedMappings<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly SharedObjects<TModel> objects;

    /// <summary>Makes the operations of a machine.</summary>
    public SharedMappings(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        objects = mm.Vmas.Objects;
    }

    /// <summary>
    /// Maps a locked folio at an entry that holds nothing or a marker (set_pte_range); the caller's reference becomes the mapping's.
    /// </summary>
    /// <param name="vma">The VMA.</param>
    /// <param name="leaf">The entry, its table locked.</param>
    /// <param name="frame">The folio.</param>
    /// <param name="write">Whether a store is about to happen.</param>
    /// <param name="writeProtected">Whether userfaultfd write-protects the page.</param>
    internal void Map(uint vma, Leaf<TArch, TModel> leaf, uint frame, bool write, bool writeProtected)
    {
        mm.Frames.AssertLocked(frame);
        // Young by its protection; mkyoung would open a PROT_NONE entry to the hardware on sparc64 (the kernel calls pte_sw_mkyoung here).
        Pte entry = TArch.MakeLeaf(frame, mm.ProtectionOf(vma), 1);
        if (write)
        {
            mm.Frames.Set(frame, FrameFlags.Dirty); // fault_dirty_shared_page
            entry = TArch.MakeDirty(entry);
            if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Write) != 0)
                entry = TArch.MakeWritable(entry);
        }

        if (writeProtected)
            entry = TArch.MakeUffdWp(entry);
        mm.Frames.AddMapping(frame);
        mm.Rmap.LockInMemory(frame, vma);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].SharedPages, 1);
        if (TArch.IsNone(leaf.Value, 1))
            mm.Leaves.Publish(leaf, entry);
        else
            mm.Leaves.Mark(leaf, entry); // in the place of a marker
    }

    /// <summary>Takes a locked folio out of every page table; a write-protect mark stays behind as a marker.</summary>
    /// <param name="frame">The folio, in its object.</param>
    /// <param name="evenLocked">Whether locked VMAs lose it too: yes when the page itself goes, no for reclaim, which stops there.</param>
    /// <returns>Whether no entry maps it any more.</returns>
    public bool TryUnmap(uint frame, bool evenLocked)
    {
        mm.Frames.AssertLocked(frame);
        if (mm.Frames.Mappings(frame) == 0)
            return true;
        ref FrameRecord record = ref mm.Frames[frame];
        uint number = ObjectOf(frame);
        objects.Lock(number);
        for (uint vma = objects.FirstVma(number, record.Index); vma != 0; vma = objects.NextVma(vma, record.Index))
        {
            if (!TryUnmapAt(frame, vma, AddressIn(vma, record.Index), evenLocked))
                break;
        }

        objects.Unlock(number);
        return mm.Frames.Mappings(frame) == 0;
    }

    /// <summary>
    /// Drops the private copies of pages from a given one on, in memory or in swap (unmap_mapping_range with even_cows). A VMA that is found
    /// under the object's lock keeps its tables until that is free.
    /// </summary>
    internal void ZapPrivateCopies(uint number, ulong firstPage)
    {
        var zapper = new Zapper<TArch, TModel>(mm);
        objects.Lock(number);
        for (uint vma = objects.FirstVma(number, firstPage, ulong.MaxValue); vma != 0; vma = objects.NextVma(vma, firstPage, ulong.MaxValue))
        {
            if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Shared) != 0)
                continue;
            ref Vma record = ref mm.Vmas[vma];
            ulong start = firstPage <= record.PageOffset ? record.Start : AddressIn(vma, firstPage);
            zapper.Zap(vma, start, record.End, dropMarkers: false);
        }

        objects.Unlock(number);
    }

    /// <summary>
    /// Counts the VMAs through which the locked folio was used since the last time, and makes their entries old; a locked VMA ends the walk, and
    /// the folio is counted as locked in memory.
    /// </summary>
    /// <param name="frame">The folio, in its object.</param>
    /// <param name="locked">Whether a locked VMA maps it.</param>
    public int TakeReferences(uint frame, out bool locked)
    {
        mm.Frames.AssertLocked(frame);
        ref FrameRecord record = ref mm.Frames[frame];
        uint number = ObjectOf(frame);
        int references = 0;
        locked = false;
        objects.Lock(number);
        for (uint vma = objects.FirstVma(number, record.Index); vma != 0 && !locked; vma = objects.NextVma(vma, record.Index))
        {
            ulong address = AddressIn(vma, record.Index);
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(RootOf(vma), address);
            if (guard.Table == 0 || !Maps(guard[address].Value, frame))
                continue;
            locked = (mm.Vmas.FlagsOf(vma) & VmaFlags.Locked) != 0;
            if (locked)
                mm.Rmap.RepairMlock(frame, vma);
            else if (TArch.IsYoung(guard[address].Value))
                references++;
            if (!locked)
                guard[address].SetPresent(TArch.MakeOld(guard[address].Value));
        }

        objects.Unlock(number);
        return references;
    }

    private static bool Maps(Pte entry, uint frame) =>
        !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) && MmContext<TArch, TModel>.NormalFrame(entry) == frame;

    private uint ObjectOf(uint frame)
    {
        ulong mapping = mm.Frames[frame].Mapping;
        return mapping <= uint.MaxValue ? (uint)mapping : throw new CorruptImageException($"Frame {frame}: Mapping", $"{mapping} is no object");
    }

    private uint RootOf(uint vma) => mm.Spaces[mm.Vmas[vma].AddressSpace].Root;

    private ulong AddressIn(uint vma, ulong page)
    {
        ref Vma record = ref mm.Vmas[vma];
        return record.Start + ((page - record.PageOffset) << TArch.PageShift);
    }

    /// <summary>False ends the walk.</summary>
    private bool TryUnmapAt(uint frame, uint vma, ulong address, bool evenLocked)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(RootOf(vma), address);
        if (guard.Table == 0 || !Maps(guard[address].Value, frame))
            return true;
        if (!evenLocked && (mm.Vmas.FlagsOf(vma) & VmaFlags.Locked) != 0)
        {
            mm.Rmap.RepairMlock(frame, vma); // a count that was lost when another locked mapping went
            return false;
        }

        Unmap(vma, guard[address], keepMarker: true);
        return true;
    }

    /// <summary>Ends one mapping: the entry's dirty mark goes to the folio, the mapping's reference goes.</summary>
    /// <param name="vma">The VMA.</param>
    /// <param name="leaf">The entry, its table locked; it maps a page of a shared object.</param>
    /// <param name="keepMarker">Whether a write-protect mark stays behind as a marker: always, unless the VMA itself goes.</param>
    internal void Unmap(uint vma, Leaf<TArch, TModel> leaf, bool keepMarker)
    {
        Pte old = leaf.ClearPresent();
        uint frame = MmContext<TArch, TModel>.NormalFrame(old);
        if (TArch.IsDirty(old))
            mm.Frames.Set(frame, FrameFlags.Dirty); // before the mapping is no longer counted: reclaim must not find the folio clean
        if (keepMarker && TArch.IsUffdWp(old))
            mm.Leaves.Mark(leaf, SoftLeaf.OfMarker(PteMarkers.UffdWp).Encode<TArch>(mm.SwapTypes));
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].SharedPages, -1);
        mm.Rmap.Remove(frame, vma);
        mm.Folios.Put(frame);
    }
}
