using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <summary>
/// One page-table tree in the RAM image, for those who map frames themselves: simulators, tools, tests. It knows nothing of who owns the
/// frames that its leaves map (that is memory management's), and leaves alone every entry that is not present, because something owns it.
/// </summary>
/// <remarks>
/// <para><b>Who may run beside whom.</b> Reading (<see cref="Translate"/>, <see cref="Walk"/>, <see cref="Access"/>) needs no lock and may
/// run at any time beside anything: a table that is freed meanwhile is noticed by the tree's generation and the walk starts again.
/// <see cref="Map"/>, <see cref="Zap"/>, <see cref="Protect"/> and a cursor's changes of different pages may run beside each other, in the
/// same leaf table too: the table's lock orders them. <see cref="Unmap"/>, <see cref="UnmapRange"/>, <see cref="FreeEmptyTables"/> and
/// <see cref="TryDelete"/> free tables that became empty: their caller keeps those who <i>add</i> entries, or look for a page that is not mapped
/// in order to change it, out of the range that these tables cover (as the kernel does with mmap_lock held for writing). Who takes mapped pages
/// away there is waited for, until he has given the table's lock back. <see cref="MapRange"/> and <see cref="ProtectRange"/> expect that nobody else
/// changes the range.</para>
/// <para><b>Live counts.</b> A table's number of non-empty entries stands in its frame record, so no unmap ever scans a table to learn
/// whether it is empty. A level-1 count changes under the table's lock. A tree whose level-1 entries were stored through
/// <see cref="PageTables{TArch, TModel}"/> alone has none: call <see cref="Recount"/> before tables are freed here.</para>
/// <para><b>Nothing half done.</b> An operation that reports failure has changed nothing; a range that runs into an obstacle or out of frames
/// takes back what it had mapped, and frees the tables it had made.</para>
/// <para><b>Addresses</b> are multiples of the page size, ranges are [start, end) with end 0 for the end of the address space, inside one
/// half of it. Misuse throws <see cref="ArgumentException"/> or a class derived from it.</para>
/// </remarks>
/// <example>
/// <code>
/// PageTable&lt;X64FourLevel, Mainline&gt; table = PageTable&lt;X64FourLevel, Mainline&gt;.TryCreate(machine.Context.Tables)!;
/// uint frame = machine.Context.Folios.TryAllocate();
/// MapResult mapped = table.Map(address, frame, X64Leaf.ProtectionOf(AccessRights.Read | AccessRights.Write));
/// FlushTicket&lt;Mainline&gt; ticket = table.Unmap(address, out ChangeResult old);
/// machine.Context.Folios.Put(frame);
/// table.TryDelete();
/// </code>
/// </example>
public sealed partial class PageTable<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    /// <summary>What <see cref="Translate"/> returns for an address that no leaf maps.</summary>
    public const ulong NotMapped = ulong.MaxValue;

    private readonly PageTables<TArch, TModel> tables;
    private readonly MachineImage image;
    private readonly FrameTable<TModel> frames;
    private readonly ulong rootAddress;
    private readonly RootView rootView;

    /// <summary>Opens the tree with a root table.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The frame is 0 or outside RAM.</exception>
    public PageTable(PageTables<TArch, TModel> tables, uint root)
    {
        ArgumentNullException.ThrowIfNull(tables);
        this.tables = tables;
        image = tables.Image;
        frames = tables.Folios.Table;
        if (root == 0 || root >= image.FrameCount)
            throw new ArgumentOutOfRangeException(nameof(root), root, $"A root table is a frame from 1 to {image.FrameCount - 1}.");
        Root = root;
        rootAddress = (ulong)root << TArch.PageShift;
        rootView = image.RootOf(root);
    }

    /// <summary>Frame of the root table.</summary>
    public uint Root { get; }

    /// <summary>The page-table pages of the machine, to which this tree belongs.</summary>
    public PageTables<TArch, TModel> Tables => tables;

    /// <summary>The generation of the tree: what was cached under another one must not be used.</summary>
    public ulong Generation => Atomic<TModel>.Load(ref GenerationWord);

    internal ref ulong GenerationWord
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref image.Frame(Root).Index;
    }

    private static ulong PageMask
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (1UL << TArch.PageShift) - 1;
    }

    /// <summary>Makes an empty tree; null when RAM is exhausted.</summary>
    public static PageTable<TArch, TModel>? TryCreate(PageTables<TArch, TModel> tables, uint addressSpace = 0)
    {
        ArgumentNullException.ThrowIfNull(tables);
        uint root = tables.TryCreateRoot(addressSpace);
        return root == 0 ? null : new PageTable<TArch, TModel>(tables, root);
    }

    /// <summary>Frees the root if the tree is empty; false if it is not. Nobody may use the tree afterwards.</summary>
    public bool TryDelete()
    {
        if (!tables.IsEmpty(Root))
            return false;
        tables.FreeRoot(Root);
        return true;
    }

    /// <summary>Maps one leaf: a page, or at a higher level a huge page of the size that the level's entries cover.</summary>
    /// <param name="virtualAddress">First address, a multiple of the leaf's size.</param>
    /// <param name="frame">First frame, a multiple of the leaf's frames. Frames outside RAM may be mapped: device memory.</param>
    /// <param name="protection">Who may do what.</param>
    /// <param name="level">Level of the leaf: 1 for a page.</param>
    /// <exception cref="ArgumentException">Address or frame is misaligned or not canonical, or the level has no leaves.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MapResult Map(ulong virtualAddress, ulong frame, Protection protection, int level = 1) =>
        level == 1 && TryMapQuickly(virtualAddress, frame, protection) ? default : MapSlowly(virtualAddress, frame, protection, level);

    /// <summary>Takes one leaf away and frees the tables that become empty by it.</summary>
    /// <param name="virtualAddress">First address of the leaf.</param>
    /// <param name="result">What was there.</param>
    /// <returns>The flush that is owed; nothing unless the result is <see cref="ChangeStatus.Done"/>.</returns>
    public FlushTicket<TModel> Unmap(ulong virtualAddress, out ChangeResult result)
    {
        if (Remove(virtualAddress, out result))
            tables.FreeEmptyPath(Root, virtualAddress);
        return result.Status == ChangeStatus.Done ? Ticket(virtualAddress, result.Level) : default;
    }

    /// <summary>Takes one leaf away and keeps the tables, so that others may map beside it (the kernel's zap).</summary>
    /// <inheritdoc cref="Unmap"/>
    [SkipLocalsInit] // safe: the only local is assigned by the call before it is read
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlushTicket<TModel> Zap(ulong virtualAddress, out ChangeResult result)
    {
        Pte old = ZapQuickly(virtualAddress).Old;
        if (old != default)
        {
            result = new ChangeResult { Status = ChangeStatus.Done, Pages = 1, Level = 1, Entry = old };
            return new FlushTicket<TModel>(ref rootView.Generation, Root, virtualAddress, virtualAddress | PageMask);
        }

        FlushTicket<TModel> ticket = ZapUnusual(virtualAddress, out ChangeResult unusual);
        result = unusual; // not passed on by reference: then the common one need not be in memory
        return ticket;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private FlushTicket<TModel> ZapUnusual(ulong virtualAddress, out ChangeResult result)
    {
        RemoveUnusual(virtualAddress, out result);
        return result.Status == ChangeStatus.Done ? Ticket(virtualAddress, result.Level) : default;
    }

    /// <summary>Changes the protection of one leaf, keeping frame number, accessed, dirty and the other marks.</summary>
    /// <inheritdoc cref="Unmap"/>
    /// <param name="virtualAddress">First address of the leaf.</param>
    /// <param name="protection">Who may do what from now on.</param>
    /// <param name="result">What was there.</param>
    public FlushTicket<TModel> Protect(ulong virtualAddress, Protection protection, out ChangeResult result)
    {
        CheckAddress(virtualAddress);
        ref ulong word = ref Find(virtualAddress, out uint table, out int level);
        frames.Lock(table);
        result = Classify(virtualAddress, PageTables<TArch, TModel>.Load(ref word), level);
        if (result.Status == ChangeStatus.Done)
            result = result with { Entry = Modify(ref word, protection, level) };
        frames.Unlock(table);
        return result.Status == ChangeStatus.Done ? Ticket(virtualAddress, level) : default;
    }

    /// <summary>The entries of a table as they lie in RAM: in the guest's byte order, changing under the reader's eyes.</summary>
    /// <param name="table">Frame of a table of any tree.</param>
    public Span<ulong> Words(uint table) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(image.FrameBytes(table));

    internal static void CheckAddress(ulong virtualAddress)
    {
        if ((virtualAddress & PageMask) != 0 || !TArch.IsCanonical(virtualAddress))
            throw new ArgumentException($"{virtualAddress:x} is not a canonical multiple of the page size {PageMask + 1}.", nameof(virtualAddress));
    }

    private static void CheckLeaf(ulong virtualAddress, ulong frame, int level)
    {
        if (level < 1 || level > TArch.Levels || !TArch.LeafAllowed(level))
            throw new ArgumentOutOfRangeException(nameof(level), level, $"{TArch.Name} has no leaves at this level.");
        ulong size = 1UL << TArch.LevelShift(level);
        if ((virtualAddress & (size - 1)) != 0 || !TArch.IsCanonical(virtualAddress))
            throw new ArgumentException($"{virtualAddress:x} is not a canonical multiple of the leaf size {size}.", nameof(virtualAddress));
        if ((frame & ((size >> TArch.PageShift) - 1)) != 0 || frame >> TArch.FrameNumberBits != 0)
            throw new ArgumentException($"Frame {frame:x} is misaligned for a leaf of {size} bytes, or beyond the architecture.", nameof(frame));
    }

    private static MapResult Failure(ulong virtualAddress, Pte obstacle, int level) => TArch.IsNone(obstacle, level)
        ? new MapResult(MapStatus.OutOfFrames, virtualAddress)
        : new MapResult(MapStatus.Occupied, virtualAddress, level, obstacle);

    /// <summary>What an entry means to somebody who wants to change the leaf that starts at an address.</summary>
    private static ChangeResult Classify(ulong virtualAddress, Pte entry, int level)
    {
        ulong size = 1UL << TArch.LevelShift(level);
        ChangeStatus status;
        if (TArch.IsNone(entry, level))
            status = ChangeStatus.Nothing;
        else if (!TArch.IsLeaf(entry, level))
            status = ChangeStatus.NotPresent;
        else
            status = (virtualAddress & (size - 1)) == 0 ? ChangeStatus.Done : ChangeStatus.LeafStraddles;
        ulong pages = status == ChangeStatus.Done ? size >> TArch.PageShift : 0;
        return new ChangeResult { Status = status, Pages = pages, Level = level, Entry = entry };
    }

    /// <summary>Changes a leaf under the table's lock; hardware may set accessed and dirty at the same time, so nothing is stored blindly.</summary>
    private static Pte Modify(ref ulong word, Protection protection, int level)
    {
        while (true)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            Pte changed = TArch.Modify(entry, protection, level);
            if (entry == changed || PageTables<TArch, TModel>.TryReplace(ref word, changed, entry))
                return entry;
        }
    }

    /// <summary>The lowest entry on the path to an address, with its table.</summary>
    private ref ulong Find(ulong virtualAddress, out uint table, out int level)
    {
        table = tables.LeafTable(Root, virtualAddress);
        level = 1;
        if (table != 0)
            return ref tables.Entry(table, virtualAddress);
        table = Root;
        for (level = TArch.Levels; ; level--)
        {
            ref ulong word = ref tables.Entry(table, virtualAddress, level);
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (level == 1 || !TArch.IsTable(entry, level))
                return ref word;
            table = tables.TableFrame(entry);
        }
    }

    /// <summary>Maps what is no page, or has no table yet, or is refused.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private MapResult MapSlowly(ulong virtualAddress, ulong frame, Protection protection, int level)
    {
        CheckLeaf(virtualAddress, frame, level);
        uint table = tables.EnsureTable(Root, virtualAddress, level, out Pte obstacle, out int at);
        if (table == 0)
            return Failure(virtualAddress, obstacle, at);
        Pte leaf = TArch.MakeLeaf(frame, protection, level);
        return level == 1 ? InsertPage(table, virtualAddress, leaf) : InsertHuge(table, virtualAddress, leaf, level);
    }

    private MapResult InsertPage(uint table, ulong virtualAddress, Pte leaf)
    {
        ref FrameRecord record = ref image.Frame(table);
        ref ulong word = ref tables.Entry(table, virtualAddress);
        WordLock<TModel>.Acquire(ref record.Lock);
        Pte existing = PageTables<TArch, TModel>.Load(ref word);
        bool free = TArch.IsNone(existing, 1);
        if (free)
        {
            PageTables<TArch, TModel>.Store(ref word, leaf);
            record.Count++;
        }

        WordLock<TModel>.Release(ref record.Lock);
        return free ? default : new MapResult(MapStatus.Occupied, virtualAddress, 1, existing);
    }

    private MapResult InsertHuge(uint table, ulong virtualAddress, Pte leaf, int level)
    {
        ref FrameRecord record = ref frames[table];
        ref ulong word = ref tables.Entry(table, virtualAddress, level);
        WordLock<TModel>.Acquire(ref record.Lock);
        Pte existing = PageTables<TArch, TModel>.Load(ref word);
        bool free = TArch.IsNone(existing, level);
        if (free)
        {
            // Tables are linked without the lock: only an exchange can tell who was first.
            free = PageTables<TArch, TModel>.TryReplace(ref word, leaf, existing);
            if (free)
                Atomic<TModel>.Add(ref record.Count, 1);
            else
                existing = PageTables<TArch, TModel>.Load(ref word);
        }

        WordLock<TModel>.Release(ref record.Lock);
        return free ? default : new MapResult(MapStatus.Occupied, virtualAddress, level, existing);
    }

    /// <summary>Takes one leaf away under the table's lock; returns whether its table is empty now.</summary>
    private bool Remove(ulong virtualAddress, out ChangeResult result)
    {
        (Pte old, bool empty) = ZapQuickly(virtualAddress);
        if (old == default)
            return RemoveUnusual(virtualAddress, out result);
        result = new ChangeResult { Status = ChangeStatus.Done, Pages = 1, Level = 1, Entry = old };
        return empty;
    }

    private bool RemovePage(uint table, ulong virtualAddress, out ChangeResult result)
    {
        ref FrameRecord record = ref image.Frame(table);
        ref ulong word = ref tables.Entry(table, virtualAddress);
        WordLock<TModel>.Acquire(ref record.Lock);
        result = Classify(virtualAddress, PageTables<TArch, TModel>.Load(ref word), 1);
        bool empty = false;
        if (result.Status == ChangeStatus.Done)
        {
            result = result with { Entry = TakeAway(ref word, result.Entry) };
            empty = --record.Count == 0;
        }

        WordLock<TModel>.Release(ref record.Lock);
        return empty;
    }

    /// <summary>Removes what is no page, or throws.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RemoveUnusual(ulong virtualAddress, out ChangeResult result)
    {
        CheckAddress(virtualAddress);
        ref ulong word = ref Find(virtualAddress, out uint table, out int level);
        if (level == 1)
            return RemovePage(table, virtualAddress, out result);
        ref FrameRecord record = ref frames[table];
        WordLock<TModel>.Acquire(ref record.Lock);
        result = Classify(virtualAddress, PageTables<TArch, TModel>.Load(ref word), level);
        bool empty = false;
        if (result.Status == ChangeStatus.Done)
        {
            result = result with { Entry = PageTables<TArch, TModel>.Exchange(ref word, default) };
            empty = Atomic<TModel>.Add(ref record.Count, -1) == 0;
        }

        WordLock<TModel>.Release(ref record.Lock);
        return empty;
    }

    /// <summary>Takes away a leaf of a table that the caller has locked; returns what it was in the end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Pte TakeAway(ref ulong word, Pte leaf)
    {
        if (!IsSettled(leaf))
            return PageTables<TArch, TModel>.Exchange(ref word, default); // not a store: a walker that sets a bit meanwhile must not be lost
        PageTables<TArch, TModel>.Store(ref word, default);
        return leaf;
    }

    /// <summary>
    /// Puts an entry in the place of another, whose table is locked; false, and nothing has changed, if that is not there. Only of a leaf that an
    /// access may still mark it takes an exchange to know.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryExchange(ref ulong word, Pte entry, Pte expected)
    {
        if (TArch.IsLeaf(expected, 1) && !IsSettled(expected))
            return PageTables<TArch, TModel>.TryReplace(ref word, entry, expected);
        if (PageTables<TArch, TModel>.Load(ref word) != expected)
            return false;
        PageTables<TArch, TModel>.Store(ref word, entry);
        return true;
    }

    /// <summary>
    /// Whether no access changes a leaf any more: its accessed bit is set, and its dirty bit too if stores are allowed. Under the table's lock
    /// nobody else changes such an entry, and a store is enough to take it away.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSettled(Pte entry) =>
        (entry.Raw & QuickShape<TArch>.SettledLeaf) == QuickShape<TArch>.SettledLeaf || IsUnchanged(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsUnchanged(Pte entry) =>
        TArch.TryAccess(entry, AccessKind.Write, 1, out Pte after)
            ? after == entry
            : (!TArch.TryAccess(entry, AccessKind.Read, 1, out after) || after == entry)
                && (!TArch.TryAccess(entry, AccessKind.Execute, 1, out after) || after == entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FlushTicket<TModel> Ticket(ulong virtualAddress, int level) =>
        TicketFor(virtualAddress, virtualAddress + (1UL << TArch.LevelShift(level)) - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal FlushTicket<TModel> TicketFor(ulong start, ulong last) => new(ref frames[Root].Index, Root, start, last);
}
