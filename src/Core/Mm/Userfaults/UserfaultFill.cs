using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>
/// Fills pages that are not there, for who resolves userfaults (mm/userfaultfd.c mfill_atomic and what it calls): COPY, ZEROPAGE, CONTINUE,
/// POISON.
/// </summary>
/// <remarks>
/// Takes the mmap_lock for reading. A page is filled under the lock of its table and only where nothing is: who finds something there is told
/// so. COPY and CONTINUE also replace a marker, as the kernel does, whatever it says.
/// </remarks>
internal sealed class UserfaultFill<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly SharedSwapIn<TArch, TModel> shared;

    internal UserfaultFill(MmContext<TArch, TModel> mm, SharedSwapIn<TArch, TModel> shared)
    {
        this.mm = mm;
        this.shared = shared;
    }

    /// <summary>Fills [start, start + length).</summary>
    /// <param name="space">The address space.</param>
    /// <param name="start">First byte of the first page.</param>
    /// <param name="length">Bytes, whole pages.</param>
    /// <param name="kind">With what.</param>
    /// <param name="content">Of <see cref="UserfaultFillKind.Copy"/>: so many bytes.</param>
    /// <param name="protect">Whether the pages come write-protected.</param>
    /// <param name="done">Bytes filled.</param>
    /// <returns>Ok; Again when only a part was filled; else why the first page was not.</returns>
    internal MmResult Fill(
        uint space, ulong start, ulong length, UserfaultFillKind kind, ReadOnlySpan<byte> content, bool protect, out ulong done)
    {
        done = 0;
        int pressure = 0;
        while (done < length)
        {
            int offset = kind == UserfaultFillKind.Copy ? (int)done : 0;
            ReadOnlySpan<byte> page = kind == UserfaultFillKind.Copy ? content.Slice(offset, 1 << TArch.PageShift) : default;
            MmResult result;
            using (mm.Spaces.HoldRead(space))
            {
                uint vma = mm.Vmas.Find(space, start);
                result = Check(vma, start + length, kind, protect);
                if (result == MmResult.Ok)
                    result = FillPage(vma, start + done, kind, page, protect);
            }

            if (result == MmResult.NoMemory && pressure++ < MmContext<TArch, TModel>.PressureTries && mm.TryFindFrames())
                continue;
            if (result != MmResult.Ok)
                return done == 0 ? result : MmResult.Again;
            done += 1UL << TArch.PageShift;
        }

        return MmResult.Ok;
    }

    private MmResult Check(uint vma, ulong end, UserfaultFillKind kind, bool protect)
    {
        if (vma == 0 || mm.Vmas[vma].End < end || mm.Vmas[vma].Uffd == 0)
            return MmResult.NoEntry;
        if (protect && !mm.IsWriteProtectWatched(vma))
            return MmResult.Invalid;
        bool needsObject = kind == UserfaultFillKind.Continue;
        return needsObject && mm.Vmas[vma].SharedObject == 0 ? MmResult.Invalid : MmResult.Ok;
    }

    private MmResult FillPage(uint vma, ulong address, UserfaultFillKind kind, ReadOnlySpan<byte> content, bool protect)
    {
        if (kind == UserfaultFillKind.Poison)
            return Poison(vma, address);
        if (mm.Vmas[vma].SharedObject != 0)
            return kind == UserfaultFillKind.Continue ? Continue(vma, address, protect) : FillShared(vma, address, content, protect);
        return kind == UserfaultFillKind.Zero ? MapZeroPage(vma, address) : CopyPrivate(vma, address, content, protect);
    }

    private uint RootOf(uint vma) => mm.Spaces[mm.Vmas[vma].AddressSpace].Root;

    /// <summary>A table could not be had: a huge page is there, or frames ran out.</summary>
    private MmResult NoTable(uint vma, ulong address) => mm.Huge.IsMapped(RootOf(vma), address) ? MmResult.Exists : MmResult.NoMemory;

    private bool IsEmptyOrMarker(Pte entry) =>
        TArch.IsNone(entry, 1) || (!TArch.IsPresent(entry, 1) && mm.Decode(entry).Kind == SoftLeafKind.Marker);

    private MmResult Poison(uint vma, ulong address)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(RootOf(vma), address);
        if (guard.Table == 0)
            return NoTable(vma, address);
        if (!TArch.IsNone(guard[address].Value, 1))
            return MmResult.Exists;
        mm.Leaves.Mark(guard[address], SoftLeaf.OfMarker(PteMarkers.Poisoned).Encode<TArch>(mm.SwapTypes));
        return MmResult.Ok;
    }

    private MmResult MapZeroPage(uint vma, ulong address)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(RootOf(vma), address);
        if (guard.Table == 0)
            return NoTable(vma, address);
        if (!TArch.IsNone(guard[address].Value, 1))
            return MmResult.Exists;
        Protection protection = MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma));
        mm.Leaves.Publish(guard[address], TArch.MakeSpecial(TArch.MakeLeaf(mm.Folios.ZeroFrame, protection, 1)));
        return MmResult.Ok;
    }

    /// <summary>The page counts as written, also where the VMA does not allow stores: its content is nowhere else.</summary>
    private MmResult CopyPrivate(uint vma, ulong address, ReadOnlySpan<byte> content, bool protect)
    {
        if (!mm.Vmas.TryPrepareAnonVma(vma))
            return MmResult.NoMemory;
        uint frame = mm.TryAllocate(mm.Vmas[vma].AddressSpace);
        if (frame == 0)
            return MmResult.NoMemory;
        SharedBytes<TModel>.Copy(content, mm.Frames.Bytes(frame));
        mm.Frames.Set(frame, FrameFlags.Uptodate | FrameFlags.SwapBacked);
        using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(RootOf(vma), address);
        if (guard.Table == 0 || !IsEmptyOrMarker(guard[address].Value))
        {
            mm.Folios.Put(frame);
            return guard.Table == 0 ? NoTable(vma, address) : MmResult.Exists;
        }

        VmaFlags flags = mm.Vmas.FlagsOf(vma);
        Pte entry = TArch.MakeDirty(TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(flags), 1));
        if ((flags & VmaFlags.Write) != 0)
            entry = TArch.MakeWritable(entry);
        if (protect)
            entry = TArch.MakeUffdWp(entry);
        mm.Rmap.AddNew(frame, vma, address, exclusive: true);
        mm.Rmap.LockInMemory(frame, vma);
        mm.Folios.Lru.Add(frame);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].AnonPages, 1);
        if (TArch.IsNone(guard[address].Value, 1))
            mm.Leaves.Publish(guard[address], entry);
        else
            mm.Leaves.Mark(guard[address], entry); // in the place of a marker
        return MmResult.Ok;
    }

    /// <summary>A new page of the object, which it gives back if it cannot be mapped (shmem_mfill_atomic_pte).</summary>
    private MmResult FillShared(uint vma, ulong address, ReadOnlySpan<byte> content, bool protect)
    {
        uint number = mm.Vmas[vma].SharedObject;
        ulong page = mm.Vmas.LinearIndex(vma, address);
        if (page >= mm.Vmas.Objects.PagesOf(number))
            return MmResult.Fault;
        if (!mm.Vmas.Objects.Index.Load(number, page).IsNone)
            return MmResult.Exists;
        FaultResult added = mm.SharedCache.TryAddZeroed(number, page, mm.GroupOf(mm.Vmas[vma].AddressSpace), out uint frame);
        if (frame == 0)
            return added == FaultResult.None ? MmResult.Exists : MmResult.NoMemory;
        if (!content.IsEmpty)
            SharedBytes<TModel>.Copy(content, mm.Frames.Bytes(frame)); // nobody maps it before we unlock it
        MmResult result = MapShared(vma, address, frame, protect);
        if (result != MmResult.Ok)
            mm.SharedCache.Remove(number, page, frame);
        Release(frame, mapped: result == MmResult.Ok);
        return result;
    }

    private MmResult Continue(uint vma, ulong address, bool protect)
    {
        uint number = mm.Vmas[vma].SharedObject;
        ulong page = mm.Vmas.LinearIndex(vma, address);
        if (mm.Vmas.Objects.Index.Load(number, page).IsNone)
            return MmResult.Fault;
        FaultResult got = shared.TryGetLocked(number, page, mm.GroupOf(mm.Vmas[vma].AddressSpace), out uint frame);
        if (frame == 0)
            return (got & FaultResult.OutOfMemory) != 0 ? MmResult.NoMemory : MmResult.Fault;
        MmResult result = MapShared(vma, address, frame, protect);
        Release(frame, mapped: result == MmResult.Ok);
        return result;
    }

    private MmResult MapShared(uint vma, ulong address, uint frame, bool protect)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(RootOf(vma), address);
        if (guard.Table == 0)
            return NoTable(vma, address);
        if (!IsEmptyOrMarker(guard[address].Value))
            return MmResult.Exists;
        mm.SharedMappings.Map(vma, guard[address], frame, write: true, writeProtected: protect);
        return MmResult.Ok;
    }

    /// <summary>Unlocks a folio of an object; the reference became the mapping's if it was mapped.</summary>
    private void Release(uint frame, bool mapped)
    {
        mm.Frames.Unlock(frame);
        if (!mapped)
            mm.Folios.Put(frame);
    }
}
