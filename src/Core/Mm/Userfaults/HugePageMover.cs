using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>Moves a huge page with its leaf to another aligned address (mm/huge_memory.c move_pages_huge_pmd).</summary>
/// <remarks>
/// The caller holds the mmap_lock for reading. Order: folio lock → lock of the anon_vma root → the two level-2 tables, lower frame number
/// first; all others that lock two of them hold the mmap_lock for writing.
/// </remarks>
internal sealed class HugePageMover<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    internal HugePageMover(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>Splits a huge leaf so that its pages can be moved one by one; false when they could not, because they are shared.</summary>
    internal bool TrySplit(uint vma, ulong address)
    {
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(RootOf(vma), address);
        if (!guard.IsLeaf)
            return true;
        if (guard.Head != 0 && !mm.Frames.Has(guard.Head, FrameFlags.AnonExclusive))
            return false;
        mm.Huge.Split(guard, vma);
        return true;
    }

    /// <summary>Moves the whole huge page of an address; Again: look anew.</summary>
    internal MmResult Move(uint from, uint to, ulong destination, ulong source)
    {
        uint target = mm.Tables.TryEnsureMiddleTable(RootOf(from), destination);
        if (target == 0)
            return MmResult.NoMemory;
        MmResult result = TryTakeFolio(from, source, out Pte expected);
        if (result != MmResult.Ok)
            return result;
        uint head = HugePages<TArch, TModel>.HeadOf(expected);
        if (head == 0)
            return MoveLocked(from, to, target, destination, source, expected);
        uint anonVma = mm.ReverseMap.Lock(head);
        result = anonVma == 0 ? MmResult.Again : MoveLocked(from, to, target, destination, source, expected);
        if (anonVma != 0)
            mm.ReverseMap.Unlock(anonVma);
        mm.Frames.Unlock(head);
        mm.Folios.Put(head);
        return result;
    }

    private uint RootOf(uint vma) => mm.Spaces[mm.Vmas[vma].AddressSpace].Root;

    /// <summary>The leaf, and a reference and the lock of its folio, if it has one.</summary>
    private MmResult TryTakeFolio(uint from, ulong source, out Pte expected)
    {
        uint head;
        bool locked;
        using (HugeGuard<TArch, TModel> guard = mm.Huge.Lock(RootOf(from), source))
        {
            expected = guard.Value;
            if (!guard.IsLeaf)
                return MmResult.Again;
            head = guard.Head;
            if (head == 0)
                return MmResult.Ok;
            if (!mm.Frames.Has(head, FrameFlags.AnonExclusive))
                return MmResult.Busy;
            mm.Frames.Get(head);
            locked = mm.Frames.TryLock(head);
        }

        if (!locked)
            mm.Frames.Lock(head);
        return MmResult.Ok;
    }

    private MmResult MoveLocked(uint from, uint to, uint target, ulong destination, ulong source, Pte expected)
    {
        uint root = RootOf(from);
        uint table = mm.Tables.MiddleTable(root, source);
        using var first = new HugeGuard<TArch, TModel>(mm.Tables, Math.Min(table, target), table <= target ? source : destination);
        using HugeGuard<TArch, TModel> second = table == target
            ? default
            : new HugeGuard<TArch, TModel>(mm.Tables, Math.Max(table, target), table <= target ? destination : source);
        HugeGuard<TArch, TModel> guard = table <= target ? first : second;
        if (guard.Value != expected || !TArch.IsNone(PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(target, destination, 2)), 2))
            return MmResult.Again;
        uint head = guard.Head;
        if (head != 0 && !CanLeave(guard, head))
            return MmResult.Busy;
        Pte leaf = head == 0 ? ZeroLeaf(to, expected) : Follow(to, head, destination);
        mm.Tags.BeforePublish(leaf, 2); // the place may check tags where the old one did not
        if (!mm.Tables.TryFill(target, destination, leaf))
        {
            if (head != 0)
                Follow(from, head, source);
            guard.Set(expected); // a table came between
            return MmResult.Again;
        }

        uint spare = mm.Tables.TakeSpare(table);
        mm.Tables.Empty(root, table, source);
        mm.Tables.PutAside(target, spare);
        return MmResult.Ok;
    }

    /// <summary>
    /// Takes the leaf from the hardware and from lock-free pinning, and looks for pins after that; if there are, it stands as it was.
    /// </summary>
    private bool CanLeave(in HugeGuard<TArch, TModel> guard, uint head)
    {
        if (mm.Frames.MaybePinned(head) || !mm.Frames.Has(head, FrameFlags.AnonExclusive))
            return false;
        Pte leaf = guard.Value;
        guard.Set(TArch.MakeInvalid(leaf, 2));
        Atomic<TModel>.Fence(); // whoever pins after this sees the entry changed
        if (!mm.Frames.MaybePinned(head))
            return true;
        guard.Set(leaf);
        return false;
    }

    /// <summary>Lets the folio follow to a place; returns the leaf for it.</summary>
    private Pte Follow(uint vma, uint head, ulong address)
    {
        mm.Rmap.MoveTo(head, vma);
        ulong index = mm.Vmas.LinearIndex(vma, address);
        for (uint page = 0; page < HugePages<TArch, TModel>.Pages; page++)
            mm.Frames[head + page].Index = index + page;
        Pte leaf = TArch.MakeLeaf(head, MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma)), 2);
        return TArch.MakeWritable(TArch.MakeSoftDirty(TArch.MakeDirty(leaf)));
    }

    private static uint FrameOf(Pte leaf) => (uint)TArch.FrameOf(leaf, 2);

    private Pte ZeroLeaf(uint vma, Pte leaf) =>
        TArch.MakeSpecial(TArch.MakeLeaf(FrameOf(leaf), MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma)), 2));
}
