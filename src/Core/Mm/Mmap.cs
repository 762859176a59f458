using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Mm;

/// <summary>Mapping, unmapping and protecting ranges of an address space: mmap(2), munmap(2), mprotect(2) for anonymous memory.</summary>
/// <remarks>Every operation takes the mmap_lock for writing by itself. Addresses and lengths are multiples of the page size.</remarks>
public sealed class Mmap<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Zapper<TArch, TModel> zapper;
    private readonly ProtectionChanger<TArch, TModel> protection;
    private readonly Mlock<TArch, TModel> mlock;

    /// <summary>Makes the operations of a machine.</summary>
    public Mmap(MmContext<TArch, TModel> mm, Mlock<TArch, TModel> mlock)
    {
        this.mm = mm;
        this.mlock = mlock;
        zapper = new Zapper<TArch, TModel>(mm);
        protection = new ProtectionChanger<TArch, TModel>(mm);
    }

    /// <summary>Locking in memory, for who makes mappings larger.</summary>
    internal Mlock<TArch, TModel> Mlock => mlock;

    /// <summary>Maps private anonymous memory at an address (MAP_FIXED_NOREPLACE).</summary>
    /// <returns>Ok; Exists when something is mapped there; Invalid for an empty or impossible range; NoMemory.</returns>
    /// <exception cref="ArgumentException">The flags say Shared: that takes an object.</exception>
    public MmResult Map(uint space, ulong start, ulong length, VmaFlags flags)
    {
        ThrowIfShared(flags);
        if (!IsRange(start, length))
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        return MapLocked(space, start, length, flags);
    }

    /// <summary>Maps private anonymous memory at the lowest gap that is large enough, above a third of the user space.</summary>
    /// <exception cref="ArgumentException">The flags say Shared: that takes an object.</exception>
    public MmResult MapAnywhere(uint space, ulong length, VmaFlags flags, out ulong start)
    {
        ThrowIfShared(flags);
        start = 0;
        if (!IsRange(0, length))
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        return TryFindGap(space, length, out start) ? MapLocked(space, start, length, flags) : MmResult.NoMemory;
    }

    /// <summary>
    /// Maps new shared memory at an address (MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE). It lives as long as any VMA shows it, in this
    /// address space or, after a fork, in others.
    /// </summary>
    /// <returns>Ok; Exists when something is mapped there; Invalid for an empty or impossible range; NoMemory.</returns>
    public MmResult MapShared(uint space, ulong start, ulong length, VmaFlags flags)
    {
        if (!IsRange(start, length))
            return MmResult.Invalid;
        uint number = mm.Vmas.Objects.TryCreate(length >> TArch.PageShift);
        if (number == 0)
            return MmResult.NoMemory;
        MmResult result = MapObject(space, start, length, flags, number, 0);
        mm.SharedCache.Put(number); // the VMA has a reference of its own
        return result;
    }

    /// <summary>Maps pages of a shared object at an address (MAP_FIXED_NOREPLACE). It may reach behind the end of the object.</summary>
    /// <remarks>
    /// A private mapping (MAP_PRIVATE) shows the object's pages until it is written: a store gives it an anonymous copy of the page, which is its
    /// own from then on.
    /// </remarks>
    /// <param name="space">The address space.</param>
    /// <param name="start">First address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="flags">Properties; with Shared, stores go to the object.</param>
    /// <param name="sharedObject">The object.</param>
    /// <param name="pageOffset">Page of the object that shows at <paramref name="start"/>.</param>
    /// <returns>Ok; Exists when something is mapped there; Invalid for an empty or impossible range; NoEntry for no object; NoMemory.</returns>
    public MmResult MapObject(uint space, ulong start, ulong length, VmaFlags flags, uint sharedObject, ulong pageOffset)
    {
        if (!IsRange(start, length) || pageOffset > (ulong.MaxValue - length) >> TArch.PageShift)
            return MmResult.Invalid;
        if (!mm.Vmas.Objects.TryGet(sharedObject))
            return MmResult.NoEntry;
        flags |= Fresh;
        if ((flags & VmaFlags.Shared) != 0)
            flags = (flags | VmaFlags.MayShare) & ~VmaFlags.Account;
        MmResult result = MmResult.Exists;
        using (mm.Spaces.HoldWrite(space))
        {
            if (!mm.Vmas.Overlaps(space, start, start + length))
            {
                result = MapFree(space, start, length, flags, pageOffset, sharedObject);
            }
        }

        mm.SharedCache.Put(sharedObject);
        return result;
    }

    /// <summary>Unmaps a range; holes in it are no error.</summary>
    public MmResult Unmap(uint space, ulong start, ulong length)
    {
        if (!IsRange(start, length))
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        return UnmapLocked(space, start, start + length);
    }

    /// <summary>
    /// Gives a range new rights. It stops at a hole with NoMemory, after doing the part before it. Locked pages that become writable are
    /// faulted in for writing. On an architecture with tags, checking them is a right (PROT_ADI, PROT_MTE): with ADI it ends when it
    /// is not among <paramref name="rights"/>, and a mergeable VMA cannot have it (Invalid); with MTE it never ends.
    /// </summary>
    public MmResult Protect(uint space, ulong start, ulong length, AccessRights rights, ref FaultCounters counters)
    {
        if (!IsRange(start, length))
            return MmResult.Invalid;
        VmaFlags wanted = (VmaFlags)(uint)rights & Settable;
        try
        {
            using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
            return ProtectLocked(space, start, start + length, wanted, ref counters);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    /// <summary>Whether pages of a VMA have tags that are checked.</summary>
    internal static bool IsTagged(VmaFlags flags) => PageTags<TArch, TModel>.IsOn && (flags & VmaFlags.TagChecked) != 0;

    /// <summary>Whether a VMA cannot be mergeable because its pages have tags that are checked.</summary>
    internal static bool RefusesMerging(VmaFlags flags) => !TArch.MergesCheckedMappings && IsTagged(flags);

    /// <summary>What mprotect takes away where it is not wanted any more.</summary>
    private static VmaFlags Clearable => TArch.ChecksForEver ? Settable & ~VmaFlags.TagChecked : Settable;

    /// <summary>What mprotect changes.</summary>
    private static VmaFlags Settable =>
        VmaFlags.Read | VmaFlags.Write | VmaFlags.Execute | (PageTags<TArch, TModel>.IsOn ? VmaFlags.TagChecked : 0);

    /// <summary>Whether a range is not empty, page-aligned and inside user space.</summary>
    internal static bool IsRange(ulong start, ulong length)
    {
        ulong mask = (1UL << TArch.PageShift) - 1;
        return length != 0 && ((start | length) & mask) == 0 && length <= TArch.UserSpaceEnd && start <= TArch.UserSpaceEnd - length;
    }

    /// <summary>munmap under the mmap_lock for writing; on NoMemory nothing was unmapped.</summary>
    internal MmResult UnmapLocked(uint space, ulong start, ulong end)
    {
        try
        {
            return UnmapVmas(space, start, end);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult UnmapVmas(uint space, ulong start, ulong end)
    {
        if (!TrySplitAt(space, start) || !TrySplitAt(space, end))
            return MmResult.NoMemory;
        uint vma = mm.Vmas.FindFirstEndingAbove(space, start);
        while (vma != 0 && mm.Vmas[vma].Start < end)
        {
            uint next = mm.Vmas.Next(vma);
            zapper.Zap(vma, mm.Vmas[vma].Start, mm.Vmas[vma].End, dropMarkers: true);
            uint shared = mm.Vmas.Remove(vma); // after this no reverse-map walker can be on its way to the tables below
            mm.SharedCache.Put(shared);
            vma = next;
        }

        FreeTables(space, start, end);
        return MmResult.Ok;
    }

    /// <summary>The lowest gap of a length at or above the mapping base.</summary>
    internal bool TryFindGap(uint space, ulong length, out ulong start)
    {
        ulong span = 1UL << TArch.LevelShift(2);
        start = (TArch.UserSpaceEnd / 3) & ~(span - 1);
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, start); vma != 0; vma = mm.Vmas.Next(vma))
        {
            if (mm.Vmas[vma].Start >= start && mm.Vmas[vma].Start - start >= length)
                return true;
            start = mm.Vmas[vma].End;
        }

        return TArch.UserSpaceEnd - start >= length;
    }

    /// <summary>A new mapping counts as written as a whole, also when it becomes a part of an old one.</summary>
    private static VmaFlags Fresh => TArch.HasSoftDirty ? VmaFlags.SoftDirty : VmaFlags.None;

    private static void ThrowIfShared(VmaFlags flags)
    {
        if ((flags & VmaFlags.Shared) != 0)
            throw new ArgumentException($"The flags are {flags}; {nameof(MapShared)} and {nameof(MapObject)} map shared memory.", nameof(flags));
    }

    private MmResult MapLocked(uint space, ulong start, ulong length, VmaFlags flags)
    {
        if (mm.Vmas.Overlaps(space, start, start + length))
            return MmResult.Exists;
        return MapFree(space, start, length, flags | Fresh, start >> TArch.PageShift, sharedObject: 0);
    }

    /// <summary>Maps where nothing is. A VMA beside it may grow, or be found damaged: then no lock is kept.</summary>
    private MmResult MapFree(uint space, ulong start, ulong length, VmaFlags flags, ulong pageOffset, uint sharedObject)
    {
        if (mm.Spaces[space].MergesAll != 0 && KsmAdvice<TArch, TModel>.IsCompatible(flags))
            flags |= VmaFlags.Mergeable; // before neighbours are looked at: it takes part in merging VMAs (ksm_vma_flags)
        try
        {
            return mm.Vmas.TryMap(space, start, start + length, flags, pageOffset, sharedObject) != 0 ? MmResult.Ok : MmResult.NoMemory;
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private bool TrySplitAt(uint space, ulong address)
    {
        uint vma = mm.Vmas.Find(space, address);
        return vma == 0 || mm.Vmas[vma].Start == address || mm.Vmas.TrySplit(vma, address) != 0;
    }

    private void FreeTables(uint space, ulong start, ulong end)
    {
        uint next = mm.Vmas.FindFirstEndingAbove(space, start);
        uint previous = next != 0 ? mm.Vmas.Previous(next) : mm.Vmas.Last(space);
        ulong floor = previous != 0 ? mm.Vmas[previous].End : 0;
        ulong ceiling = next != 0 ? mm.Vmas[next].Start : TArch.UserSpaceEnd;
        mm.Tables.FreeTables(mm.Spaces[space].Root, start, end, floor, ceiling, ref mm.Spaces[space].FastWalkers);
    }

    private MmResult ProtectLocked(uint space, ulong start, ulong end, VmaFlags rights, ref FaultCounters counters)
    {
        for (ulong position = start; position < end;)
        {
            uint vma = mm.Vmas.Find(space, position);
            if (vma == 0)
                return MmResult.NoMemory;
            ulong stop = Math.Min(mm.Vmas[vma].End, end);
            VmaFlags old = mm.Vmas.FlagsOf(vma);
            VmaFlags wanted = (old & ~Clearable) | rights;
            if (RefusesMerging(wanted) && (wanted & VmaFlags.Mergeable) != 0)
                return MmResult.Invalid; // arch_validate_flags
            if (wanted != old)
            {
                uint changed = mm.Vmas.TryModify(vma, position, stop, Accounted(vma, old, wanted), mm.Vmas[vma].Uffd);
                if (changed == 0)
                    return MmResult.NoMemory;
                protection.TryChange(changed, position, stop);
                if ((old & (VmaFlags.Locked | VmaFlags.Write | VmaFlags.Shared)) == VmaFlags.Locked && (rights & VmaFlags.Write) != 0)
                    mlock.PopulateWritable(space, position, stop, ref counters);
            }

            position = stop;
        }

        return MmResult.Ok;
    }

    /// <summary>
    /// Commit accounting: a private mapping that becomes writable is counted; one that becomes read-only before anything was written is no
    /// longer. The flag takes part in merging.
    /// </summary>
    private VmaFlags Accounted(uint vma, VmaFlags old, VmaFlags wanted)
    {
        if ((wanted & VmaFlags.Write) != 0)
            return (old & (VmaFlags.Account | VmaFlags.Write | VmaFlags.Shared)) == 0 ? wanted | VmaFlags.Account : wanted;
        bool untouched = mm.Vmas[vma].SharedObject == 0 && mm.Vmas.AnonVmaOf(vma) == 0;
        return untouched ? wanted & ~VmaFlags.Account : wanted;
    }
}
