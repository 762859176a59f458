using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <summary>
/// Goes through a range of a tree and reports everything in it, in order and without overlap: leaves of any size, non-present entries, bad
/// entries, and the gaps between them. Together the reported pieces are the range.
/// </summary>
/// <remarks>
/// <para><b>A cursor is a transaction on its range.</b> From its creation to its last use the caller holds whatever keeps tables of the range
/// from being freed (in a machine: mmap_lock, for reading is enough; alone: that nobody unmaps there with table freeing). The cursor itself
/// holds no lock between calls. It remembers the tables on its path and goes up only as far as it must, so that moving from page to page
/// reads one entry.</para>
/// <para><b>Reading</b> is a snapshot of each entry at the moment when the cursor reaches it. Others may map, zap and protect pages in the
/// range meanwhile; each piece was true at some time during the step that reported it.</para>
/// <para><b>Changing</b> (<see cref="TryReplace"/>) takes the lock of the one table that holds the entry, compares the entry with what the
/// cursor reported, and changes it only if they are equal: it fails, and changes nothing, if somebody was faster (call
/// <see cref="Refresh"/> and decide again). The table's count follows. No lock is held when it returns, so two cursors cannot deadlock; an
/// owner who needs several entries to change together holds the locks of the floors above. The returned ticket says what flush is owed. Tables
/// that become empty stay until <see cref="PageTable{TArch, TModel}.FreeEmptyTables"/>.</para>
/// <para>A huge leaf that lies across an end of the range is reported with <see cref="Start"/> and <see cref="End"/> cut to the range;
/// <see cref="Entry"/> and <see cref="Level"/> are those of the whole leaf.</para>
/// </remarks>
public ref struct RangeCursor<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    private readonly PageTable<TArch, TModel> tree;
    private readonly ulong first;
    private readonly ulong last;
    private LevelWords path; // table of each level on the path to the address looked at last
    private int depth; // lowest level whose table is known
    private ulong pathAddress;
    private ulong next;
    private bool finished;

    /// <summary>Makes a cursor before the start of [start, end).</summary>
    /// <param name="tree">The tree.</param>
    /// <param name="start">First address.</param>
    /// <param name="end">First address after the range; 0 for the end of the address space.</param>
    /// <exception cref="ArgumentException">The range is empty, misaligned, or not inside one half of the address space.</exception>
    public RangeCursor(PageTable<TArch, TModel> tree, ulong start, ulong end)
    {
        ArgumentNullException.ThrowIfNull(tree);
        this.tree = tree;
        last = PageTable<TArch, TModel>.CheckRange(start, end);
        next = first = start;
        depth = TArch.Levels;
        path[depth - 1] = tree.Root;
    }

    /// <summary>What the cursor stands on.</summary>
    public RangeKind Kind { get; private set; }

    /// <summary>First address of the piece.</summary>
    public ulong Start { get; private set; }

    /// <summary>First address after the piece; 0 at the end of the address space.</summary>
    public ulong End { get; private set; }

    /// <summary>The entry; none of a gap.</summary>
    public Pte Entry { get; private set; }

    /// <summary>Level of the entry; 0 of a gap.</summary>
    public int Level { get; private set; }

    /// <summary>Physical address of the entry; 0 of a gap.</summary>
    public ulong EntryAddress { get; private set; }

    /// <summary>Physical address that <see cref="Start"/> has in the leaf; meaningless of anything else.</summary>
    public readonly ulong PhysicalAddress =>
        (TArch.FrameOf(Entry, Level) << TArch.PageShift) | (Start & ((1UL << TArch.LevelShift(Level)) - 1));

    /// <summary>Goes to the next piece; false at the end of the range.</summary>
    public bool MoveNext()
    {
        if (finished)
            return false;
        Start = next;
        ulong pieceLast = Look(next);
        if (Kind == RangeKind.Gap)
        {
            while (pieceLast < last)
            {
                ulong more = Look(pieceLast + 1);
                if (Kind != RangeKind.Gap)
                    break;
                pieceLast = more;
            }

            Kind = RangeKind.Gap;
            Entry = default;
            Level = 0;
            EntryAddress = 0;
        }

        pieceLast = Math.Min(pieceLast, last);
        End = next = pieceLast + 1;
        finished = pieceLast == last;
        return true;
    }

    /// <summary>Goes to an address of the range, forwards or backwards: the next <see cref="MoveNext"/> reports what is there.</summary>
    /// <exception cref="ArgumentException">The address is no page of the range.</exception>
    public void Seek(ulong virtualAddress)
    {
        PageTable<TArch, TModel>.CheckAddress(virtualAddress);
        if (virtualAddress < first || virtualAddress > last)
            throw new ArgumentOutOfRangeException(nameof(virtualAddress), $"{virtualAddress:x} is not in the range from {first:x} to {last:x}.");
        next = virtualAddress;
        finished = false;
    }

    /// <summary>Reads the piece again; it may have become another one, and shorter or longer.</summary>
    public void Refresh()
    {
        Seek(Start);
        MoveNext();
    }

    /// <summary>
    /// Replaces the entry that the cursor stands on, if it is still the entry reported. Not for gaps and bad entries. What a non-present entry
    /// owns, the caller has settled.
    /// </summary>
    /// <param name="entry">The new entry: none, a leaf of this level, or a non-present entry.</param>
    /// <param name="ticket">The flush that is owed: something if the old entry was a leaf.</param>
    /// <returns>False, and nothing has changed, when the entry is another one by now.</returns>
    /// <exception cref="InvalidOperationException">The cursor stands on nothing that can be replaced.</exception>
    public bool TryReplace(Pte entry, out FlushTicket<TModel> ticket)
    {
        if (Kind is not (RangeKind.Leaf or RangeKind.NonPresent))
            throw new InvalidOperationException($"The cursor stands on {Kind}: only a leaf or a non-present entry can be replaced.");
        ticket = default;
        ref FrameRecord record = ref tree.Tables.Folios.Table[(uint)(EntryAddress >> TArch.PageShift)];
        ref ulong word = ref tree.Tables.Image.RamWord(EntryAddress);
        WordLock<TModel>.Acquire(ref record.Lock);
        bool replaced = PageTables<TArch, TModel>.TryReplace(ref word, entry, Entry);
        if (replaced && TArch.IsNone(entry, Level))
            Atomic<TModel>.Add(ref record.Count, -1);
        WordLock<TModel>.Release(ref record.Lock);
        if (!replaced)
            return false;
        if (Kind == RangeKind.Leaf)
            ticket = tree.TicketFor(Start, End - 1);
        Entry = entry;
        Kind = KindOf(entry, Level);
        return true;
    }

    private static RangeKind KindOf(Pte entry, int level) => PageTable<TArch, TModel>.Reason(entry, level) switch
    {
        FaultReason.None => RangeKind.Leaf,
        FaultReason.NotMapped => RangeKind.Gap,
        FaultReason.NotPresent => RangeKind.NonPresent,
        _ => RangeKind.Bad,
    };

    /// <summary>Reads the lowest entry for an address and says what it is; returns the last address that the entry covers.</summary>
    private ulong Look(ulong virtualAddress)
    {
        while (depth < TArch.Levels && (virtualAddress ^ pathAddress) >> (TArch.LevelShift(depth) + TArch.LevelBits(depth)) != 0)
            depth++;
        pathAddress = virtualAddress;
        while (true)
        {
            int level = depth;
            ref ulong word = ref tree.Tables.Entry((uint)path[level - 1], virtualAddress, level);
            Entry = PageTables<TArch, TModel>.Load(ref word);
            if (level > 1 && TArch.IsTable(Entry, level))
            {
                ulong table = TArch.TableAddress(Entry) >> TArch.PageShift;
                if (table < tree.Tables.Image.FrameCount)
                {
                    depth--;
                    path[depth - 1] = table;
                    continue;
                }
            }

            ulong index = (virtualAddress >> TArch.LevelShift(level)) & ((1UL << TArch.LevelBits(level)) - 1);
            EntryAddress = (path[level - 1] << TArch.PageShift) + (index * 8);
            Level = level;
            Kind = KindOf(Entry, level);
            return virtualAddress | ((1UL << TArch.LevelShift(level)) - 1);
        }
    }
}
