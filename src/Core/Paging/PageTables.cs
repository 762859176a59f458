using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <summary>
/// The page-table pages of a machine: trees of table frames in the RAM image, entries stored in the guest's byte order.
/// </summary>
/// <remarks>
/// Protocol. A tree is named by the frame of its root table. Tables are added by compare-exchange on the entry above (a loser gives its
/// table back), so adding needs no lock. Entries of a level-1 table change under the table's lock (<see cref="Lock"/>, the kernel's split
/// page-table lock) or by compare-exchange. A table is removed only by a caller who keeps every walker out of the range that it covers
/// (the owner's mmap_lock held for writing and the range's VMAs gone from the reverse map).
/// </remarks>
public sealed class PageTables<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly Folios<TModel> folios;

    /// <summary>Makes a view of the page tables of a machine.</summary>
    public PageTables(MachineImage image, Folios<TModel> folios)
    {
        this.image = image;
        this.folios = folios;
    }

    /// <summary>Makes an empty root table; 0 when RAM is exhausted.</summary>
    /// <param name="addressSpace">The address space it belongs to; kept in the frame record for whoever finds the table.</param>
    public uint TryCreateRoot(uint addressSpace) => TryCreateTable(addressSpace, TArch.Levels, 0);

    /// <summary>The level-1 table that covers an address, 0 when there is none (a huge leaf or a gap above it).</summary>
    public uint LeafTable(uint root, ulong virtualAddress)
    {
        uint table = root;
        for (int level = TArch.Levels; level > 1; level--)
        {
            Pte entry = Load(ref Entry(table, virtualAddress, level));
            if (!TArch.IsTable(entry, level))
                return 0;
            table = (uint)(TArch.TableAddress(entry) >> TArch.PageShift);
        }

        return table;
    }

    /// <summary>The level-1 table that covers an address, made if need be; 0 when RAM is exhausted or a huge leaf is in the way.</summary>
    public uint TryEnsureLeafTable(uint root, ulong virtualAddress)
    {
        uint table = root;
        for (int level = TArch.Levels; level > 1; level--)
        {
            ref ulong word = ref Entry(table, virtualAddress, level);
            Pte entry = Load(ref word);
            if (TArch.IsNone(entry, level) && !TryPublishTable(table, ref word, ref entry, virtualAddress, level))
                return 0;
            if (!TArch.IsTable(entry, level))
                return 0;
            table = (uint)(TArch.TableAddress(entry) >> TArch.PageShift);
        }

        return table;
    }

    /// <summary>The word of a table that covers an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref ulong Entry(uint table, ulong virtualAddress, int level = 1)
    {
        ulong index = (virtualAddress >> TArch.LevelShift(level)) & ((1UL << TArch.LevelBits(level)) - 1);
        return ref image.RamWord(((ulong)table << TArch.PageShift) + (index * 8));
    }

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
    public void FreeTables(uint root, ulong start, ulong end, ulong floor, ulong ceiling) =>
        FreeBelow(root, TArch.Levels, start, end, floor, ceiling);

    /// <summary>Frees a root table whose tree is empty.</summary>
    public void FreeRoot(uint root) => FreeTable(root);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Order(ulong raw) => TArch.BigEndian == BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(raw) : raw;

    private uint TryCreateTable(uint addressSpace, int level, ulong firstAddress)
    {
        uint table = folios.TryAllocateZeroed();
        if (table == 0)
            return 0;
        ref FrameRecord record = ref folios.Table[table];
        record.Mapping = addressSpace;
        record.Index = firstAddress;
        record.Swap = (uint)level;
        folios.Table.Set(table, FrameFlags.Table);
        return table;
    }

    private bool TryPublishTable(uint parent, ref ulong word, ref Pte entry, ulong virtualAddress, int level)
    {
        ulong first = virtualAddress & ~((1UL << TArch.LevelShift(level)) - 1);
        uint table = TryCreateTable((uint)folios.Table[parent].Mapping, level - 1, first);
        if (table == 0)
            return false;
        Pte made = TArch.MakeTable((ulong)table << TArch.PageShift);
        if (TryReplace(ref word, made, entry))
        {
            entry = made;
            return true;
        }

        FreeTable(table); // somebody else published a table first
        entry = Load(ref word);
        return true;
    }

    private void FreeTable(uint table)
    {
        folios.Table.Clear(table, FrameFlags.Table);
        folios.Put(table);
    }

    private void FreeBelow(uint table, int level, ulong start, ulong end, ulong floor, ulong ceiling)
    {
        if (level == 1)
            return;
        ulong span = 1UL << TArch.LevelShift(level);
        for (ulong first = start & ~(span - 1); first < end; first += span)
        {
            ref ulong word = ref Entry(table, first, level);
            Pte entry = Load(ref word);
            if (!TArch.IsTable(entry, level))
                continue;
            uint below = (uint)(TArch.TableAddress(entry) >> TArch.PageShift);
            FreeBelow(below, level - 1, Math.Max(start, first), Math.Min(end, first + span), floor, ceiling);
            if (first < floor || first + span > ceiling)
                continue;
            Store(ref word, default);
            FreeTable(below);
        }
    }
}
