using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <summary>
/// The page-table pages of a machine: trees of table frames in the RAM image, entries stored in the guest's byte order.
/// </summary>
/// <remarks>
/// <para>Protocol. A tree is named by the frame of its root table. Tables are added by compare-exchange on the entry above: the missing
/// part of a path is built out of sight and published by one exchange, so adding needs no lock and running out of frames leaves nothing
/// half made (a loser gives its tables back). An entry of a level-1 table changes under the table's lock (<see cref="Lock"/>, the kernel's
/// split page-table lock); without the lock only the accessed and dirty bits of a present entry change, by compare-exchange, as hardware
/// does it.</para>
/// <para>A table is removed only by a caller who keeps everybody who adds entries out of the range that it covers (the owner's mmap_lock
/// held for writing and the range's VMAs gone from the reverse map). Readers need not be kept out: after a table is unlinked and before its
/// frame is free, the <see cref="Generation"/> of the tree grows, and a walk that finds it changed starts again.</para>
/// <para>Counts. <see cref="FrameRecord.Count"/> of a table of level 2 and above is kept here (atomically, because tables are linked without
/// the lock). Of a level-1 table it is kept by <see cref="PageTable{TArch, TModel}"/> under the table's lock; who stores level-1 entries
/// through this class alone counts them himself, or not at all and then frees tables by <see cref="FreeTables"/>.</para>
/// </remarks>
public sealed partial class PageTables<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly Folios<TModel> folios;

    /// <summary>Makes a view of the page tables of a machine.</summary>
    public PageTables(MachineImage image, Folios<TModel> folios)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(folios);
        this.image = image;
        this.folios = folios;
    }

    internal MachineImage Image => image;

    internal Folios<TModel> Folios => folios;

    /// <summary>Makes an empty root table; 0 when RAM is exhausted.</summary>
    /// <param name="addressSpace">The address space it belongs to; kept in the frame record for whoever finds the table.</param>
    public uint TryCreateRoot(uint addressSpace) => TryCreateTable(addressSpace, TArch.Levels, 0);

    /// <summary>
    /// The generation of a tree: grows whenever something that a walk in flight or a TLB may still hold has become invalid. It lies in the
    /// root's <see cref="FrameRecord.Index"/>, which has no other use there: the first address that a root covers is 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Generation(uint root) => Atomic<TModel>.Load(ref folios.Table[root].Index);

    /// <summary>Lets the generation of a tree grow: cached translations of it, made before, must not be used any more.</summary>
    public void Invalidate(uint root) => Atomic<TModel>.Add(ref folios.Table[root].Index, 1);

    /// <summary>The level-1 table that covers an address, 0 when there is none (a huge leaf or a gap above it).</summary>
    /// <exception cref="CorruptImageException">A table lies outside RAM.</exception>
    public uint LeafTable(uint root, ulong virtualAddress)
    {
        uint table = root;
        // Unrolled: with a constant level the geometry folds into shifts and masks; a loop over levels costs 1.4 times as much.
        if (TArch.Levels >= 5 && !TryDescend(ref table, virtualAddress, 5))
            return 0;
        return TryDescend(ref table, virtualAddress, 4) && TryDescend(ref table, virtualAddress, 3) && TryDescend(ref table, virtualAddress, 2)
            ? table
            : 0;
    }

    /// <summary>The level-1 table that covers an address, made if need be; 0 when RAM is exhausted or a huge leaf is in the way.</summary>
    /// <exception cref="CorruptImageException">A table lies outside RAM.</exception>
    public uint TryEnsureLeafTable(uint root, ulong virtualAddress)
    {
        uint table = LeafTable(root, virtualAddress);
        return table != 0 ? table : EnsureTable(root, virtualAddress, 1, out _, out _);
    }

    /// <summary>The word of a table that covers an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref ulong Entry(uint table, ulong virtualAddress, int level = 1)
    {
        ulong index = (virtualAddress >> TArch.LevelShift(level)) & ((1UL << TArch.LevelBits(level)) - 1);
        return ref image.RamWord(((ulong)table << TArch.PageShift) + (index * 8));
    }

    /// <summary>The frame of the table in which an entry lies.</summary>
    internal uint TableOf(ref readonly ulong entry) => image.FrameOf(in entry);

    /// <summary>Reads an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Load(ref ulong word) => new(Order(Atomic<TModel>.Load(ref word)));

    /// <summary>Writes an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ref ulong word, Pte entry) => Atomic<TModel>.Store(ref word, Order(entry.Raw));

    /// <summary>Replaces an entry and returns what it was (the kernel's ptep_get_and_clear when the new entry is none).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Exchange(ref ulong word, Pte entry) => new(Order(Atomic<TModel>.Exchange(ref word, Order(entry.Raw))));

    /// <summary>Replaces an entry if it is what the caller thinks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReplace(ref ulong word, Pte entry, Pte expected) =>
        Atomic<TModel>.CompareExchange(ref word, Order(entry.Raw), Order(expected.Raw)) == Order(expected.Raw);

    /// <summary>Takes the lock of a table (the page-table lock of its entries).</summary>
    public void Lock(uint table) => folios.Table.Lock(table);

    /// <summary>Gives the lock of a table back.</summary>
    public void Unlock(uint table) => folios.Table.Unlock(table);

    /// <summary>
    /// Frees the table pages below the root that lie wholly inside [floor, ceiling), visiting those that cover [start, end)
    /// (the kernel's free_pgd_range). The tables must hold no entry that owns anything.
    /// </summary>
    /// <param name="root">The tree.</param>
    /// <param name="start">First address whose tables are visited.</param>
    /// <param name="end">First address behind.</param>
    /// <param name="floor">Tables that cover anything below are kept.</param>
    /// <param name="ceiling">Tables that cover anything from here on are kept.</param>
    /// <param name="readers">Lock-free readers of the tree: those who were there before a table was unlinked are waited for.</param>
    public void FreeTables(uint root, ulong start, ulong end, ulong floor, ulong ceiling, ref TableReaders readers) =>
        FreeBelow(root, root, TArch.Levels, start, end, floor, ceiling, ref readers);

    /// <summary>Frees a root table whose tree is empty.</summary>
    public void FreeRoot(uint root) => FreeTable(root);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Order(ulong raw) => TArch.BigEndian == BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(raw) : raw;

    /// <summary>The table of a level that covers an address, made if need be; 0 when RAM is exhausted or an entry is in the way.</summary>
    /// <param name="root">The tree.</param>
    /// <param name="virtualAddress">The address.</param>
    /// <param name="target">Level of the wanted table.</param>
    /// <param name="obstacle">The entry that is in the way; none when RAM is exhausted.</param>
    /// <param name="level">Level of the obstacle.</param>
    internal uint EnsureTable(uint root, ulong virtualAddress, int target, out Pte obstacle, out int level)
    {
        uint table = root;
        obstacle = default;
        for (level = TArch.Levels; level > target; level--)
        {
            ref ulong word = ref Entry(table, virtualAddress, level);
            Pte entry = Load(ref word);
            while (TArch.IsNone(entry, level))
            {
                if (!TryPublish(table, ref word, entry, virtualAddress, level, target))
                    return 0;
                entry = Load(ref word);
            }

            if (!TArch.IsTable(entry, level))
            {
                obstacle = entry;
                return 0;
            }

            table = TableFrame(entry);
        }

        return table;
    }

    /// <summary>
    /// Frees the empty tables on the path to an address, from the lowest up, as their counts say. The caller keeps everybody out who adds
    /// entries in the range that they cover; the root stays.
    /// </summary>
    internal void FreeEmptyPath(uint root, ulong virtualAddress)
    {
        Span<uint> path = stackalloc uint[TArch.Levels + 1];
        path[TArch.Levels] = root;
        int level = TArch.Levels;
        while (level > 1)
        {
            Pte entry = Load(ref Entry(path[level], virtualAddress, level));
            if (!TArch.IsTable(entry, level))
                break;
            path[--level] = TableFrame(entry);
        }

        for (; level < TArch.Levels && IsEmpty(path[level]); level++)
            Unlink(root, path[level + 1], ref Entry(path[level + 1], virtualAddress, level + 1), path[level]);
    }

    /// <summary>Takes an empty table out of the tree and frees it. Who may: <see cref="FreeEmptyPath"/>.</summary>
    internal void Unlink(uint root, uint parent, ref ulong word, uint table)
    {
        Detach(root, parent, ref word);
        FreeTable(table);
    }

    /// <summary>Takes an empty table out of the tree, to be freed with others of the same parent. Who may: <see cref="FreeEmptyPath"/>.</summary>
    internal void Detach(uint root, uint parent, ref ulong word, uint table, ref DetachedTables detached)
    {
        Store(ref word, default);
        detached.Add(table);
        if (detached.IsFull)
            FreeDetached(root, parent, ref detached);
    }

    /// <summary>Frees the tables that were taken out of a parent; in the order of <see cref="Unlink"/>.</summary>
    internal void FreeDetached(uint root, uint parent, ref DetachedTables detached)
    {
        if (detached.Count == 0)
            return;
        Atomic<TModel>.Add(ref folios.Table[parent].Count, -detached.Count);
        Invalidate(root);
        FreeAll(detached.Tables);
        detached.Clear();
    }

    private void Detach(uint root, uint parent, ref ulong word)
    {
        Store(ref word, default);
        Atomic<TModel>.Add(ref folios.Table[parent].Count, -1);
        Invalidate(root); // before the frame can be something else: a walk that still reads the table sees the change and starts again
    }

    /// <summary>Non-empty entries of a table.</summary>
    internal uint Count(uint table) => Atomic<TModel>.Load(ref folios.Table[table].Count);

    /// <summary>
    /// Whether a table has no entries, and whoever took the last one away is done with it: he counts before he gives its lock back, and what he
    /// stores there must not fall on the table that the frame becomes next.
    /// </summary>
    internal bool IsEmpty(uint table)
    {
        if (Count(table) != 0)
            return false;
        WordLock<TModel>.WaitUntilFree(ref folios.Table[table].Lock);
        return true;
    }

    /// <summary>Frame of the table that an entry points to.</summary>
    /// <exception cref="CorruptImageException">It lies outside RAM.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint TableFrame(Pte entry)
    {
        ulong frame = TArch.TableAddress(entry) >> TArch.PageShift;
        if (frame - 1 >= image.FrameCount - 1UL)
            ThrowTableOutside(entry);
        return (uint)frame;
    }

    private static void ThrowTableOutside(Pte entry) =>
        throw new CorruptImageException("page-table entry", $"{entry} points to a table outside RAM");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryDescend(ref uint table, ulong virtualAddress, int level)
    {
        Pte entry = Load(ref Entry(table, virtualAddress, level));
        if (!TArch.IsTable(entry, level))
            return false;
        table = TableFrame(entry);
        return true;
    }

    private uint TryCreateTable(uint addressSpace, int level, ulong firstAddress)
    {
        uint table = folios.TryAllocateZeroed();
        if (table == 0)
            return 0;
        ref FrameRecord record = ref folios.Table[table];
        record.Mapping = addressSpace;
        record.Index = firstAddress;
        record.Swap = (uint)level;
        record.Count = 0;
        folios.Table.Set(table, FrameFlags.Table);
        return table;
    }

    /// <summary>
    /// Makes the tables from below <paramref name="level"/> down to <paramref name="target"/> and publishes them by one exchange of the
    /// entry. True also when somebody else changed the entry first: the caller looks again. False when RAM is exhausted.
    /// </summary>
    private bool TryPublish(uint parent, ref ulong word, Pte seen, ulong virtualAddress, int level, int target)
    {
        uint addressSpace = (uint)folios.Table[parent].Mapping;
        uint top = 0; // the highest table made so far; the others hang below it, each the only entry of the one above
        for (int made = target; made < level; made++)
        {
            int span = TArch.LevelShift(made + 1);
            uint table = TryCreateTable(addressSpace, made, virtualAddress >> span << span);
            if (table == 0)
            {
                FreeChain(top, virtualAddress, made - 1, target);
                return false;
            }

            if (top != 0)
            {
                Store(ref Entry(table, virtualAddress, made), TArch.MakeTable((ulong)top << TArch.PageShift));
                folios.Table[table].Count = 1;
            }

            top = table;
        }

        if (TryReplace(ref word, TArch.MakeTable((ulong)top << TArch.PageShift), seen))
            Atomic<TModel>.Add(ref folios.Table[parent].Count, 1);
        else
            FreeChain(top, virtualAddress, level - 1, target);
        return true;
    }

    private void FreeChain(uint table, ulong virtualAddress, int level, int target)
    {
        for (; table != 0; level--)
        {
            uint below = level > target ? TableFrame(Load(ref Entry(table, virtualAddress, level))) : 0;
            FreeTable(table); // nobody has seen it: no generation to raise
            table = below;
        }
    }

    /// <summary>As <see cref="FreeTable"/>, many at once: one exchange each ends the only reference.</summary>
    private void FreeAll(Span<uint> many)
    {
        int frozen = 0;
        foreach (uint table in many)
        {
            if (folios.Table.TryFreeze(table, 1))
                many[frozen++] = table;
            else
                FreeTable(table); // somebody who looks at frames holds it for a moment, and may be the last
        }

        folios.Allocator.FreeFrozen(many[..frozen], FrameFlags.Table);
    }

    private void FreeTable(uint table)
    {
        folios.Table.Clear(table, FrameFlags.Table);
        folios.Put(table);
    }

    private void FreeBelow(
        uint root, uint table, int level, ulong start, ulong end, ulong floor, ulong ceiling, ref TableReaders readers)
    {
        if (level == 1)
            return;
        ulong span = 1UL << TArch.LevelShift(level);
        for (ulong first = start & ~(span - 1); first < end; first += span)
        {
            ref ulong word = ref Entry(table, first, level);
            Pte entry = Load(ref word);
            if (TArch.IsTable(entry, level))
            {
                uint below = TableFrame(entry);
                ulong stop = first + (span - 1) < end - 1 ? first + span : end;
                FreeBelow(root, below, level - 1, Math.Max(start, first), stop, floor, ceiling, ref readers);
                if (first >= floor && first + span <= ceiling)
                {
                    Detach(root, table, ref word);
                    TableReaders.WaitForEarlier<TModel>(ref readers); // who walks without a lock may still read the table
                    FreeTable(below);
                }
            }

            if (first + span < first)
                return; // the last entry of the address space
        }
    }
}
