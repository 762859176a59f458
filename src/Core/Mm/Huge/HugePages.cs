using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// Huge leaves of page tables: a large folio mapped by one entry of level 2 (mm/huge_memory.c). What every user of them needs: to find and
/// lock one, to put one in, to take one away, to split it into entries of level 1.
/// </summary>
/// <remarks>
/// <para>A huge leaf changes under the lock of its level-2 table. Where none is, a huge leaf and a table compete for the empty entry by
/// compare-exchange; whoever loses takes the entry as it is now. A spare level-1 table lies with every huge leaf, so that splitting it
/// needs no memory. Splitting a leaf does not split the folio: afterwards its pages are mapped by entries of level 1.</para>
/// <para>Exclusiveness of a folio mapped by a huge leaf is the flag of its first frame; a split copies it to all. References: one for the
/// leaf, one for each entry of level 1.</para>
/// <para>A level-1 table leaves its tree while address spaces live in three cases: MADV_DONTNEED of all that it covers, collapse, and a move
/// of the whole table. All hold the mmap_lock for writing and the lock of the anon_vma root, which keeps everybody away who locks tables;
/// who walks without locks is waited for.</para>
/// <para>Order: level-2 table's lock before a level-1 table's; nothing takes both of two address spaces but fork.</para>
/// </remarks>
/// <seealso cref="AccessOutcome"/>
public sealed class HugePages<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly HugeMigrations<TArch, TModel> migrations;

    /// <summary>Makes the operations of a machine.</summary>
    public HugePages(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        migrations = new HugeMigrations<TArch, TModel>(mm);
    }

    /// <summary>Bytes that a huge leaf maps.</summary>
    public static ulong Span => 1UL << TArch.LevelShift(2);

    /// <summary>Base pages of a huge page.</summary>
    public static uint Pages => 1u << TArch.LevelBits(1);

    /// <summary>Whether a range covers all that the huge leaf of an address maps.</summary>
    public static bool IsWhole(ulong address, ulong start, ulong end)
    {
        ulong first = address & ~(Span - 1);
        return start <= first && end - first >= Span && end > first;
    }

    /// <summary>First frame of a huge leaf's block; 0 of the huge zero page.</summary>
    public static uint HeadOf(Pte leaf) => TArch.IsSpecial(leaf) ? 0 : (uint)TArch.FrameOf(leaf, 2);

    /// <summary>Position of an address among the base pages of its huge page.</summary>
    public static uint PageOf(ulong address) => (uint)((address & (Span - 1)) >> TArch.PageShift);

    /// <summary>
    /// Whether a level-2 entry is that of a huge page under way to another block: nothing else is neither none nor present at this level.
    /// </summary>
    public static bool IsMigration(Pte entry) => !TArch.IsNone(entry, 2) && !TArch.IsPresent(entry, 2);

    /// <summary>
    /// Whether a huge leaf maps an address, or the entry of a huge page under way stands in its place: then there is no level-1 table. Without
    /// the lock this may be over on return.
    /// </summary>
    public bool IsMapped(uint root, ulong address)
    {
        uint middle = mm.Tables.MiddleTable(root, address);
        if (middle == 0)
            return false;
        Pte entry = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(middle, address, 2));
        return TArch.IsLeaf(entry, 2) || IsMigration(entry);
    }

    /// <summary>Locks the level-2 entry of an address.</summary>
    public HugeGuard<TArch, TModel> Lock(uint root, ulong address)
    {
        uint middle = mm.Tables.MiddleTable(root, address);
        return middle == 0 ? default : new HugeGuard<TArch, TModel>(mm.Tables, middle, address);
    }

    /// <summary>
    /// A processor's access through a huge leaf, under its lock; a fault is needed when there is none or it does not allow the access.
    /// </summary>
    public AccessOutcome TryAccess(uint root, ulong pointer, AccessKind kind, Span<byte> load, ReadOnlySpan<byte> store)
    {
        ulong address = TArch.Untag(pointer);
        using HugeGuard<TArch, TModel> guard = Lock(root, address);
        if (!guard.IsLeaf || !TArch.TryAccess(guard.Value, kind, 2, out Pte after))
            return AccessOutcome.NeedsFault;
        uint frame = (uint)TArch.FrameOf(after, 2) + PageOf(address);
        if (PageTags<TArch, TModel>.IsOn && !mm.Tags.Allows(after, frame, pointer, load.Length + store.Length))
            return AccessOutcome.TagMismatch;
        if (after != guard.Value)
            guard.Set(after); // as the hardware does, before the data moves
        Span<byte> page = mm.Frames.Bytes(frame)[(int)(address & ((1UL << TArch.PageShift) - 1))..];
        if (kind == AccessKind.Write)
            SharedBytes<TModel>.Copy(store, page[..store.Length]);
        else
            SharedBytes<TModel>.Copy(page[..load.Length], load);
        return AccessOutcome.Done;
    }

    /// <summary>
    /// Maps a large folio or the huge zero page where no entry is; the spare table becomes the leaf's. False: something is there now.
    /// </summary>
    internal bool TryInstall(uint middle, ulong address, Pte leaf, uint spare)
    {
        mm.Tags.BeforePublish(leaf, 2);
        if (!mm.Tables.TryFill(middle, address, leaf))
            return false;
        mm.Tables.PutAside(middle, spare);
        return true;
    }

    /// <summary>
    /// Counts a fresh large folio as mapped by a huge leaf of a VMA; returns the leaf. When it stands, the folio goes on the LRU list.
    /// </summary>
    internal Pte Adopt(uint head, uint vma, ulong first)
    {
        VmaFlags flags = mm.Vmas.FlagsOf(vma);
        mm.Frames.Set(head, FrameFlags.Uptodate | FrameFlags.SwapBacked);
        mm.Rmap.AddNewLarge(head, vma, first);
        mm.Frames.DeferredSplits.Add(head); // perhaps it is never used in full
        mm.Rmap.LockInMemory(head, vma);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].AnonPages, Pages);
        Pte leaf = TArch.MakeDirty(TArch.MakeLeaf(head, MmContext<TArch, TModel>.ProtectionOf(flags), 2));
        mm.Tags.BeforePublish(leaf, 2);
        return (flags & VmaFlags.Write) != 0 ? TArch.MakeWritable(leaf) : leaf;
    }

    /// <summary>Removes the huge leaf of a locked entry and what it maps.</summary>
    internal void Zap(in HugeGuard<TArch, TModel> guard, uint vma)
    {
        uint head = guard.Head;
        uint space = mm.Vmas[vma].AddressSpace;
        uint spare = mm.Tables.TakeSpare(guard.Table);
        mm.Tables.Empty(mm.Spaces[space].Root, guard.Table, guard.First);
        mm.Tables.FreeSpare(spare);
        if (head == 0)
            return;
        Atomic<TModel>.Add(ref mm.Spaces[space].AnonPages, -Pages);
        mm.Rmap.RemoveLarge(head, vma);
        mm.FreeSwapCache(head);
        mm.Folios.Put(head);
    }

    /// <summary>
    /// For who empties a range: removes the huge leaf of an address if the range covers it, splits it otherwise. Whether the entries of the
    /// range below this leaf are done with.
    /// </summary>
    internal bool ZapOrSplit(uint vma, ulong start, ulong end)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        if (!IsMapped(root, start))
            return false;
        using HugeGuard<TArch, TModel> guard = Lock(root, start);
        if (guard.IsMigration)
            return migrations.ZapOrSplit(guard, vma, start, end);
        if (!guard.IsLeaf)
            return false;
        if (IsWhole(start, start, end))
        {
            Zap(guard, vma);
            return true;
        }

        Split(guard, vma);
        return false;
    }

    /// <summary>Splits the huge leaf that maps an address, unless the address is the first that it maps: a VMA is to begin or end there.</summary>
    public void SplitAt(uint vma, ulong address)
    {
        if ((address & (Span - 1)) != 0)
            SplitLeaf(vma, address);
    }

    /// <summary>Splits the huge leaf that maps an address, if there is one.</summary>
    internal void SplitLeaf(uint vma, ulong address)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        if (!IsMapped(root, address))
            return;
        using HugeGuard<TArch, TModel> guard = Lock(root, address);
        if (guard.IsMigration)
            migrations.Split(guard, vma);
        else if (guard.IsLeaf)
            Split(guard, vma);
    }

    /// <summary>Puts the spare table, filled with entries for each page, in the place of the huge leaf of a locked entry.</summary>
    internal void Split(in HugeGuard<TArch, TModel> guard, uint vma)
    {
        Pte leaf = guard.Value;
        uint head = HeadOf(leaf);
        uint table = mm.Tables.TakeSpare(guard.Table);
        guard.Set(TArch.MakeInvalid(leaf, 2)); // no processor writes through it any more: its dirty bit is final
        if (head != 0)
            ShareOut(head, vma, TArch.IsDirty(leaf));
        Pte entry = FirstEntry(leaf, head, vma);
        for (uint page = 0; page < Pages; page++)
        {
            ulong address = guard.First + ((ulong)page << TArch.PageShift);
            mm.Tags.BeforePublish(entry);
            PageTables<TArch, TModel>.Store(ref mm.Tables.Entry(table, address), entry);
            if (head != 0)
                entry = TArch.Advance(entry, 1, 1);
        }

        mm.Tables.Place(table, guard.First);
        guard.Set(TArch.MakeTable((ulong)table << TArch.PageShift)); // a release store: who finds the table finds it filled
        mm.Tables.Invalidate(mm.Spaces[mm.Vmas[vma].AddressSpace].Root);
    }

    /// <summary>References, mappings, exclusiveness: what the leaf had for all, each page has for itself.</summary>
    private void ShareOut(uint head, uint vma, bool dirty)
    {
        if (dirty)
            mm.Frames.Set(head, FrameFlags.Dirty);
        mm.Frames.Get(head, (int)Pages - 1);
        if (mm.Frames.Has(head, FrameFlags.AnonExclusive))
        {
            for (uint frame = head + 1; frame < head + Pages; frame++)
                mm.Frames.Set(frame, FrameFlags.AnonExclusive);
        }
        else
        {
            for (uint frame = head + 1; frame < head + Pages; frame++)
                mm.Frames.Clear(frame, FrameFlags.AnonExclusive); // what a mapping of long ago left behind
        }

        mm.Frames.Large.SplitEntire(head, mm.Vmas[vma].AddressSpace);
    }

    private Pte FirstEntry(Pte leaf, uint head, uint vma)
    {
        Protection protection = MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma));
        Pte entry = TArch.MakeLeaf(head != 0 ? head : mm.Folios.ZeroFrame, protection, 1);
        if (head == 0)
            entry = TArch.MakeSpecial(entry);
        else if (TArch.IsWritable(leaf))
            entry = TArch.MakeWritable(entry);
        if (head != 0 && TArch.IsDirty(leaf))
            entry = TArch.MakeDirty(entry);
        entry = TArch.IsYoung(leaf) ? TArch.MakeYoung(entry) : TArch.MakeOld(entry);
        if (TArch.IsSoftDirty(leaf))
            entry = TArch.MakeSoftDirty(entry);
        return TArch.IsUffdWp(leaf) ? TArch.MakeUffdWp(entry) : entry;
    }
}
