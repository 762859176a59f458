using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Leaves;

/// <summary>
/// The only way to change a leaf that is not plain present. Five primitives change who owns what the entry remembers
/// (<see cref="BeginUnmap"/>, <see cref="TryDuplicate"/>, <see cref="Move"/>, <see cref="Drop"/>, <see cref="BeginResolve"/> with
/// <see cref="Resolve"/>); two do not (<see cref="Amend"/>, <see cref="Mark"/>).
/// </summary>
/// <remarks>
/// All need the table's lock, which the <see cref="Leaf{TArch, TModel}"/> argument proves. None of them counts pages of an address space:
/// that is the caller's, who knows it.
/// </remarks>
public sealed class LeafOperations<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly PageTables<TArch, TModel> tables;
    private readonly FrameTable<TModel> frames;
    private readonly SwapSpace<TModel> swap;

    /// <summary>Makes the operations of a machine.</summary>
    public LeafOperations(PageTables<TArch, TModel> tables, FrameTable<TModel> frames, SwapSpace<TModel> swap)
    {
        this.tables = tables;
        this.frames = frames;
        this.swap = swap;
    }

    /// <summary>Locks the level-1 table that covers an address; <see cref="TableGuard{TArch, TModel}.Table"/> is 0 when there is none.</summary>
    public TableGuard<TArch, TModel> Lock(uint root, ulong virtualAddress)
    {
        uint table = tables.LeafTable(root, virtualAddress);
        return table == 0 ? default : new TableGuard<TArch, TModel>(tables, table, virtualAddress);
    }

    /// <summary>As <see cref="Lock"/>, making the table if need be; table 0 means out of frames.</summary>
    public TableGuard<TArch, TModel> LockOrCreate(uint root, ulong virtualAddress)
    {
        uint table = tables.TryEnsureLeafTable(root, virtualAddress);
        return table == 0 ? default : new TableGuard<TArch, TModel>(tables, table, virtualAddress);
    }

    /// <summary>
    /// Locks a second table while a first is held, for copies and moves between tables. Two tables are locked by one thread only while it
    /// keeps other such pairs out (mmap_lock for writing), so that no cycle can form.
    /// </summary>
    public TableGuard<TArch, TModel> LockSecond(in TableGuard<TArch, TModel> first, uint root, ulong virtualAddress)
    {
        uint table = tables.LeafTable(root, virtualAddress);
        return table == 0 || table == first.Table ? default : new TableGuard<TArch, TModel>(tables, table, virtualAddress);
    }

    /// <summary>Takes a present entry out of its table; the token must be ended.</summary>
    public Unmapping<TArch, TModel> BeginUnmap(Leaf<TArch, TModel> leaf) => new(frames, swap, leaf);

    /// <summary>
    /// Copies a swap entry for fork: one more swap reference, and neither entry is exclusive any more. NoMemory: nothing changed.
    /// </summary>
    public SwapResult TryDuplicate(Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination, SwapEntry entry)
    {
        SwapResult result = swap.TryDuplicate(entry);
        if (result != SwapResult.Ok)
            return result;
        Pte shared = TModel.ForkClearsSwapExclusive ? TArch.ClearSwapExclusive(source.Value) : source.Value;
        source.Store(shared);
        destination.Store(TArch.ClearSwapUffdWp(shared)); // a child is not registered with the parent's userfaultfd
        return SwapResult.Ok;
    }

    /// <summary>
    /// Moves an entry of any kind to another address (mremap); what it remembers keeps its owner. A moved page counts as written for
    /// soft-dirty.
    /// </summary>
    public void Move(Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination, bool keepUffdWp)
    {
        Pte entry = source.Exchange(default);
        if (TArch.IsPresent(entry, 1))
        {
            entry = TArch.MakeSoftDirty(entry);
            destination.Store(keepUffdWp ? entry : TArch.ClearUffdWp(entry));
        }
        else
        {
            entry = TArch.MakeSwapSoftDirty(entry);
            destination.Store(keepUffdWp ? entry : TArch.ClearSwapUffdWp(entry));
        }
    }

    /// <summary>
    /// Forgets a swap entry (zap, MADV_FREE): its swap reference goes, and with the last one the slot and an unmapped cached folio.
    /// </summary>
    public void Drop(Leaf<TArch, TModel> leaf, SwapEntry entry)
    {
        leaf.Store(default);
        swap.PutAndReclaim(entry);
    }

    /// <summary>
    /// First half of resolving a swap entry to a frame: its swap reference goes while the entry still stands, under the same lock hold.
    /// The slot stays stable because the caller holds the bound folio's lock or a pin on the slot.
    /// </summary>
    public void BeginResolve(SwapEntry entry) => swap.Put(entry);

    /// <summary>Second half of <see cref="BeginResolve"/>: the present entry takes the place of the swap entry.</summary>
    public void Resolve(Leaf<TArch, TModel> leaf, Pte present) => leaf.Store(present);

    /// <summary>
    /// Changes marks of a non-present entry that do not change who owns what it remembers: soft-dirty, write-protect, exclusive cleared.
    /// </summary>
    public void Amend(Leaf<TArch, TModel> leaf, Pte amended)
    {
        if (TModel.Checked)
            AssertSameTarget(leaf.Value, amended);
        leaf.Store(amended);
    }

    /// <summary>Puts, replaces or removes a marker where no page is remembered.</summary>
    public void Mark(Leaf<TArch, TModel> leaf, Pte marker) => leaf.Store(marker);

    private static void AssertSameTarget(Pte before, Pte after)
    {
        if (TArch.SwapType(before) != TArch.SwapType(after) || TArch.SwapOffset(before) != TArch.SwapOffset(after)
            || (!TArch.IsSwapExclusive(before) && TArch.IsSwapExclusive(after)))
            throw new InvalidOperationException($"Amending {before} to {after} would change what the entry remembers.");
    }
}
