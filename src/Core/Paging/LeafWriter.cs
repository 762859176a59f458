using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <summary>
/// Maps, unmaps and replaces page after page, keeping the leaf table that it is in locked from one page to the next: a page then costs no walk
/// and no atomic operation, which is most of what <see cref="PageTable{TArch, TModel}.Map"/> and <see cref="PageTable{TArch, TModel}.Unmap"/> cost.
/// </summary>
/// <remarks>
/// <para>For the same callers and under the same rules as Map and Zap: tables that become empty stay. Between its first use and
/// <see cref="Dispose"/> the writer holds the lock of at most one leaf table; others who change entries of that table wait, readers do not.
/// Its thread takes no other lock of a table meanwhile, and that of no other writer.</para>
/// <para>What is unmapped or replaced owes one flush, for all of it: <see cref="Finish"/>.</para>
/// <para><b>Swap entries.</b> <see cref="Read"/> and <see cref="TryReplace"/> are for those who swap pages of such a tree themselves. Out: take
/// slots (<see cref="Swap.SwapSpace{TModel}.TryTake"/>), keep the content, put a swap entry in the place of the leaf; the slot's reference is the
/// entry's now. In: read the entry, bring the content, put a leaf in its place, and put the reference
/// (<see cref="Swap.SwapSpace{TModel}.Put(ReadOnlySpan{Swap.SwapEntry})"/>). Metadata of pages, where an architecture has it, is the caller's as the
/// content is.</para>
/// </remarks>
/// <example>
/// <code>
/// PageTable&lt;X64FourLevel, Mainline&gt; table = PageTable&lt;X64FourLevel, Mainline&gt;.TryCreate(machine.Context.Tables)!;
/// Protection writable = X64Leaf.ProtectionOf(AccessRights.Read | AccessRights.Write);
/// using (var writer = new LeafWriter&lt;X64FourLevel, Mainline&gt;(table))
/// {
///     for (ulong page = 0; page &lt; 16; page++)
///         writer.Map(address + (page &lt;&lt; 12), frame: 0x1000 + page, writable);
///     writer.Unmap(address, out Pte old);
///     Pte leaf = writer.Read(address + 0x1000);
///     Pte swapped = X64Swap.Encode(type: 0, offset: 7);
///     writer.TryReplace(address + 0x1000, swapped, leaf);
///     writer.TryReplace(address + 0x1000, leaf, swapped);
///     writer.Finish().Flush();
///     Console.WriteLine(X64Leaf.FrameOf(old, 1));
/// }
///
/// table.UnmapRange(address, address + (16 &lt;&lt; 12), out _).Flush();
/// table.TryDelete();
/// </code>
/// </example>
public ref struct LeafWriter<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    private readonly PageTable<TArch, TModel> tree;
    private ref ulong words; // of the locked table
    private ref FrameRecord record; // of the locked table
    private ulong covered; // what of an address names the locked table; all ones when none is locked
    private ulong first;
    private ulong last;
    private bool owesFlush;

    /// <summary>Makes a writer that holds no lock yet.</summary>
    public LeafWriter(PageTable<TArch, TModel> tree)
    {
        ArgumentNullException.ThrowIfNull(tree);
        this.tree = tree;
        covered = ulong.MaxValue;
        words = ref Unsafe.NullRef<ulong>();
        record = ref Unsafe.NullRef<FrameRecord>();
        first = ulong.MaxValue;
    }

    /// <summary>Maps one page.</summary>
    /// <param name="virtualAddress">Its address.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="protection">Who may do what.</param>
    /// <exception cref="ArgumentException">The address is misaligned or not canonical, the frame beyond the architecture.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MapStatus Map(ulong virtualAddress, ulong frame, Protection protection)
    {
        if ((virtualAddress >> TArch.LevelShift(2) != covered || frame >> TArch.FrameNumberBits != 0) && !TryEnter(virtualAddress, frame, make: true))
            return tree.Map(virtualAddress, frame, protection).Status; // the lock is not held: the tree says what is wrong
        ref ulong word = ref WordOf(virtualAddress);
        if (!TArch.IsNone(PageTables<TArch, TModel>.Load(ref word), 1))
            return MapStatus.Occupied;
        PageTables<TArch, TModel>.Store(ref word, TArch.MakeLeaf(frame, protection, 1));
        record.Count++;
        return MapStatus.Mapped;
    }

    /// <summary>Takes one page away and keeps its table.</summary>
    /// <param name="virtualAddress">Its address.</param>
    /// <param name="old">What was there, whether it was taken away or not.</param>
    /// <returns>What <see cref="PageTable{TArch, TModel}.Zap"/> says.</returns>
    /// <exception cref="ArgumentException">The address is misaligned or not canonical.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ChangeStatus Unmap(ulong virtualAddress, out Pte old)
    {
        if (virtualAddress >> TArch.LevelShift(2) != covered && !TryEnter(virtualAddress, 0, make: false))
            return UnmapUnusual(virtualAddress, out old);
        ref ulong word = ref WordOf(virtualAddress);
        old = PageTables<TArch, TModel>.Load(ref word);
        if (!TArch.IsLeaf(old, 1))
            return TArch.IsNone(old, 1) ? ChangeStatus.Nothing : ChangeStatus.NotPresent;
        old = PageTable<TArch, TModel>.TakeAway(ref word, old);
        record.Count--;
        Owe(virtualAddress);
        return ChangeStatus.Done;
    }

    /// <summary>The entry of one page, whatever it is; all zero where no leaf table is.</summary>
    /// <param name="virtualAddress">Its address.</param>
    /// <exception cref="ArgumentException">The address is misaligned or not canonical.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Pte Read(ulong virtualAddress) =>
        virtualAddress >> TArch.LevelShift(2) != covered && !TryEnter(virtualAddress, 0, make: false)
            ? default
            : PageTables<TArch, TModel>.Load(ref WordOf(virtualAddress));

    /// <summary>
    /// Puts any entry in the place of another, as <see cref="RangeCursor{TArch, TModel}.TryReplace"/> does. What a non-present entry owns, the caller
    /// settles.
    /// </summary>
    /// <param name="virtualAddress">Address of the page.</param>
    /// <param name="entry">The new entry: none, a leaf, or a non-present entry.</param>
    /// <param name="expected">What is there, by <see cref="Read"/>.</param>
    /// <returns>
    /// False, and nothing has changed, when something else is there: an access may have set marks of a leaf since, or there is no leaf table.
    /// </returns>
    /// <exception cref="ArgumentException">The address is misaligned or not canonical.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReplace(ulong virtualAddress, Pte entry, Pte expected)
    {
        if (virtualAddress >> TArch.LevelShift(2) != covered && !TryEnter(virtualAddress, 0, make: false))
            return false;
        if (!PageTable<TArch, TModel>.TryExchange(ref WordOf(virtualAddress), entry, expected))
            return false;
        if (TArch.IsNone(entry, 1) != TArch.IsNone(expected, 1))
            record.Count += TArch.IsNone(expected, 1) ? 1u : uint.MaxValue;
        if (TArch.IsLeaf(expected, 1))
            Owe(virtualAddress);
        return true;
    }

    /// <summary>Gives the lock back; the writer can be used on.</summary>
    /// <returns>The flush that is owed for everything unmapped since the last one.</returns>
    public FlushTicket<TModel> Finish()
    {
        Leave();
        if (!owesFlush)
            return default;
        FlushTicket<TModel> ticket = tree.TicketFor(first, last | ((1UL << TArch.PageShift) - 1));
        owesFlush = false;
        (first, last) = (ulong.MaxValue, 0);
        return ticket;
    }

    /// <summary>Gives the lock back.</summary>
    /// <exception cref="InvalidOperationException">Checked models: something was unmapped after the last <see cref="Finish"/>.</exception>
    public void Dispose()
    {
        Leave();
        if (TModel.Checked && owesFlush)
            throw new InvalidOperationException("Pages were unmapped and their flush is owed: call Finish.");
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Owe(ulong virtualAddress)
    {
        first = Math.Min(first, virtualAddress);
        last = Math.Max(last, virtualAddress);
        owesFlush = true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ref ulong WordOf(ulong virtualAddress)
    {
        // Safe: the index is below the number of entries of the locked table.
        ulong index = (virtualAddress >> TArch.PageShift) & ((1UL << TArch.LevelBits(1)) - 1);
        if ((virtualAddress & ((1UL << TArch.PageShift) - 1)) != 0)
            PageTable<TArch, TModel>.CheckAddress(virtualAddress);
        return ref Unsafe.Add(ref words, (nuint)index);
    }

    /// <summary>Locks the leaf table of an address; false, with no lock held, when there is none or the arguments are wrong.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryEnter(ulong virtualAddress, ulong frame, bool make)
    {
        Leave();
        if (frame >> TArch.FrameNumberBits != 0)
            return false;
        PageTable<TArch, TModel>.CheckAddress(virtualAddress);
        uint table = make ? tree.Tables.TryEnsureLeafTable(tree.Root, virtualAddress) : tree.Tables.LeafTable(tree.Root, virtualAddress);
        if (table == 0)
            return false;
        record = ref tree.Tables.Folios.Table[table];
        words = ref tree.Tables.Entry(table, 0);
        WordLock<TModel>.Acquire(ref record.Lock);
        covered = virtualAddress >> TArch.LevelShift(2);
        return true;
    }

    private ChangeStatus UnmapUnusual(ulong virtualAddress, out Pte old)
    {
        FlushTicket<TModel> ticket = tree.Zap(virtualAddress, out ChangeResult result);
        old = result.Entry;
        if (ticket.IsOwed)
        {
            first = Math.Min(first, ticket.Start);
            last = Math.Max(last, ticket.Last);
            owesFlush = true;
            ticket.Ignore(); // it goes over to this writer
        }

        return result.Status;
    }

    private void Leave()
    {
        if (covered == ulong.MaxValue)
            return;
        WordLock<TModel>.Release(ref record.Lock);
        covered = ulong.MaxValue;
    }
}
