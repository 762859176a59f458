using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>Moves one base page to another address, in memory or in swap (mm/userfaultfd.c move_pages_ptes and what it calls).</summary>
/// <remarks>
/// <para>The caller holds the mmap_lock for reading. Both entries are read first, and proved unchanged when both tables are locked. Only
/// a page that belongs to its entry alone is moved: its folio then follows the entry, so that the reverse map finds it at the new
/// place; that changes under the folio lock and the lock of the old anon_vma root.</para>
/// <para>A swap entry may have a folio in the swap cache, which must follow too. What was found in the cache proves nothing before it is locked and
/// its binding was looked at again. If nothing was found, the slot is looked at again with both tables locked: the page may have
/// come in and gone out to the same slot meanwhile, its entry the same, its folio still in the cache.</para>
/// </remarks>
internal sealed class PageMover<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FolioSplitter<TArch, TModel> splitter;

    internal PageMover(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        splitter = new FolioSplitter<TArch, TModel>(mm);
    }

    /// <summary>Moves the page at <paramref name="source"/>; Again: look anew, what was in the way has been waited for.</summary>
    internal MmResult Move(uint from, uint to, ulong destination, ulong source, bool allowHoles)
    {
        uint root = RootOf(from);
        uint target = mm.Tables.TryEnsureLeafTable(root, destination);
        if (target == 0)
            return mm.Huge.IsMapped(root, destination) ? MmResult.Exists : MmResult.NoMemory;
        if (!TArch.IsNone(PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(target, destination)), 1))
            return MmResult.Exists;
        uint table = mm.Tables.LeafTable(root, source);
        Pte entry = table == 0 ? default : PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, source));
        if (TArch.IsNone(entry, 1))
            return allowHoles ? MmResult.Ok : MmResult.NoEntry;
        if (TArch.IsPresent(entry, 1))
        {
            return MmContext<TArch, TModel>.NormalFrame(entry) == 0
                ? MoveZeroPage(to, root, destination, source, entry)
                : MovePresent(from, to, destination, source, entry);
        }

        SoftLeaf soft = mm.Decode(entry);
        if (soft.IsMigration)
        {
            TModel.WaitUntil(ref mm.Frames.Folio((uint)soft.Frame).Lock, ulong.MaxValue, 0); // held as long as the folio is being migrated
            return MmResult.Again;
        }

        return soft.Kind == SoftLeafKind.Swap
            ? MoveSwapped(from, to, destination, source, entry, new SwapEntry(soft.Type, soft.Offset))
            : MmResult.Fault;
    }

    private static bool IsUnchanged(in TablePair<TArch, TModel> tables, ulong destination, ulong source, Pte expected) =>
        tables.Exists && tables[source].Value == expected && TArch.IsNone(tables[destination].Value, 1);

    private uint RootOf(uint vma) => mm.Spaces[mm.Vmas[vma].AddressSpace].Root;

    private MmResult MoveZeroPage(uint to, uint root, ulong destination, ulong source, Pte expected)
    {
        using var tables = new TablePair<TArch, TModel>(mm.Tables, root, source, destination);
        if (!IsUnchanged(tables, destination, source, expected))
            return MmResult.Again;
        tables[source].ClearPresent();
        Protection protection = MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(to));
        mm.Leaves.Publish(tables[destination], TArch.MakeSpecial(TArch.MakeLeaf(mm.Folios.ZeroFrame, protection, 1)));
        return MmResult.Ok;
    }

    private MmResult MovePresent(uint from, uint to, ulong destination, ulong source, Pte expected)
    {
        MmResult result = TryTakeFolio(RootOf(from), source, expected, out uint frame);
        if (result != MmResult.Ok)
            return result;
        if (mm.Frames.IsLarge(frame))
        {
            // Only whole folios follow their entry. A split may also have put the zero page here, so the entry is read anew.
            result = splitter.TrySplit(frame) ? MmResult.Again : MmResult.Busy;
        }
        else
        {
            uint anonVma = mm.ReverseMap.Lock(frame);
            result = anonVma == 0 ? MmResult.Again : MoveLocked(RootOf(from), to, destination, source, expected, frame);
            if (anonVma != 0)
                mm.ReverseMap.Unlock(anonVma);
        }

        mm.Frames.Unlock(frame);
        mm.Folios.Put(frame);
        return result;
    }

    /// <summary>A reference and the lock of the folio that an entry maps, if it is this entry's alone.</summary>
    private MmResult TryTakeFolio(uint root, ulong source, Pte expected, out uint frame)
    {
        frame = MmContext<TArch, TModel>.NormalFrame(expected);
        bool locked;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, source))
        {
            if (guard.Table == 0 || guard[source].Value != expected)
                return MmResult.Again;
            if (!mm.Frames.Has(frame, FrameFlags.Anon | FrameFlags.AnonExclusive))
                return MmResult.Busy;
            locked = mm.Frames.TryLock(frame);
            if (locked || !mm.Frames.IsLarge(frame))
                mm.Frames.Get(frame);
        }

        if (!locked && mm.Frames.IsLarge(frame))
        {
            // Our reference would make every split fail for as long as we wait, so we wait without one.
            TModel.WaitUntil(ref mm.Frames.Folio(frame).Lock, ulong.MaxValue, 0);
            return MmResult.Again;
        }

        if (!locked)
            mm.Frames.Lock(frame);
        return MmResult.Ok;
    }

    private MmResult MoveLocked(uint root, uint to, ulong destination, ulong source, Pte expected, uint frame)
    {
        using var tables = new TablePair<TArch, TModel>(mm.Tables, root, source, destination);
        if (!IsUnchanged(tables, destination, source, expected))
            return MmResult.Again;
        if (mm.Frames.MaybePinned(frame) || !mm.Frames.Has(frame, FrameFlags.AnonExclusive))
            return MmResult.Busy;
        Unmapping<TArch, TModel> unmapping = mm.Leaves.BeginUnmap(tables[source]);
        if (mm.Frames.MaybePinned(frame))
        {
            unmapping.Rollback(); // pinned from under us: the entry must go on showing the page
            return MmResult.Busy;
        }

        mm.Rmap.MoveTo(frame, to);
        mm.Frames[frame].Index = mm.Vmas.LinearIndex(to, destination);
        Pte entry = TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(to)), 1);
        entry = TArch.MakeSoftDirty(entry); // so that whoever watches stores notices the move
        if (TArch.IsDirty(expected))
            entry = TArch.MakeDirty(entry);
        unmapping.CommitPresent(tables[destination], TArch.MakeWritable(entry));
        return MmResult.Ok;
    }

    private MmResult MoveSwapped(uint from, uint to, ulong destination, ulong source, Pte expected, SwapEntry entry)
    {
        if (!TArch.IsSwapExclusive(expected))
            return MmResult.Busy;
        if (!mm.Swap.TryPinArea(entry))
            return MmResult.Again; // swapoff was faster: the entry has changed or is about to
        MmResult result = MmResult.Again;
        uint cached = mm.Swap.Lookup(entry);
        if (cached != 0 && mm.Frames.IsLarge(cached))
        {
            mm.Folios.Put(cached);
            cached = 0;
            result = MmResult.Busy; // unmapped, it could not be split either
        }
        else
        {
            if (cached != 0)
                mm.Frames.Lock(cached);
            if (cached == 0 || !TModel.MoveVerifiesFolio || mm.Swap.IsBound(cached, entry))
                result = MoveSwapLocked(RootOf(from), to, destination, source, expected, entry, cached);
        }

        if (cached != 0)
        {
            mm.Frames.Unlock(cached);
            mm.Folios.Put(cached);
        }

        if (result == MmResult.Again)
            mm.Swap.WaitWhilePinned(entry); // a direct swap-in: it will change the entry
        mm.Swap.UnpinArea(entry);
        return result;
    }

    private MmResult MoveSwapLocked(uint root, uint to, ulong destination, ulong source, Pte expected, SwapEntry entry, uint cached)
    {
        using var tables = new TablePair<TArch, TModel>(mm.Tables, root, source, destination);
        if (!IsUnchanged(tables, destination, source, expected))
            return MmResult.Again;
        SwapSlotWord slot = mm.Swap.Map[entry];
        if (TModel.MoveRechecksSlot && cached == 0 && (slot.IsCached || slot.IsPinned))
            return MmResult.Again;
        if (cached != 0 && mm.Frames.Has(cached, FrameFlags.Anon))
        {
            mm.Rmap.MoveTo(cached, to);
            mm.Frames[cached].Index = mm.Vmas.LinearIndex(to, destination);
        }

        // Where nobody watches stores, a write-protect mark would mean nothing. (Linux carries it along all the same, and ignores it there.)
        mm.Leaves.Move(tables[source], tables[destination], keepUffdWp: mm.IsWriteProtectWatched(to));
        return MmResult.Ok;
    }
}
