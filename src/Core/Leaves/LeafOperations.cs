using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Leaves;

/// <summary>
/// The only way to change a leaf that is not plain present. Five primitives change who owns what the entry remembers
/// (<see cref="BeginUnmap"/>, <see cref="TryDuplicate"/>, <see cref="Move"/>, <see cref="Drop"/>, <see cref="BeginResolve"/> with
/// <see cref="Resolve"/>, or <see cref="Restore"/>); two do not (<see cref="Amend"/>, <see cref="Mark"/>). <see cref="Publish"/> is for present
/// entries that show a frame for the first time.
/// </summary>
/// <remarks>
/// All need the table's lock, which the <see cref="Leaf{TArch, TModel}"/> argument proves. None of them counts pages of an address space:
/// that is the caller's, who knows it. Those that change owners tell the architecture's <see cref="IPageTagProvider"/> themselves, in the order
/// that it is promised; a caller cannot forget it.
/// </remarks>
public sealed partial class LeafOperations<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly PageTables<TArch, TModel> tables;
    private readonly FrameTable<TModel> frames;
    private readonly SwapSpace<TModel> swap;
    private readonly PageTags<TArch, TModel> tags;
    private readonly LeafTags<TArch, TModel> byAddress;

    /// <summary>Makes the operations of a machine.</summary>
    public LeafOperations(
        PageTables<TArch, TModel> tables, FrameTable<TModel> frames, SwapSpace<TModel> swap, PageTags<TArch, TModel> tags)
    {
        this.tables = tables;
        this.frames = frames;
        this.swap = swap;
        this.tags = tags;
        byAddress = new LeafTags<TArch, TModel>(tables, frames, tags);
    }

    internal FrameTable<TModel> Frames => frames;

    internal SwapSpace<TModel> Swap => swap;

    internal ref readonly LeafTags<TArch, TModel> ByAddress => ref byAddress;

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
    /// keeps other such pairs out (mmap_lock for writing), so that no cycle can form; whoever cannot locks the lower frame number first.
    /// </summary>
    public TableGuard<TArch, TModel> LockSecond(in TableGuard<TArch, TModel> first, uint root, ulong virtualAddress)
    {
        uint table = tables.LeafTable(root, virtualAddress);
        return table == 0 || table == first.Table ? default : new TableGuard<TArch, TModel>(tables, table, virtualAddress);
    }

    /// <summary>Takes a present entry out of its table; the token must be ended.</summary>
    public Unmapping<TArch, TModel> BeginUnmap(Leaf<TArch, TModel> leaf) => new(this, leaf);

    /// <summary>
    /// What <see cref="BeginUnmap"/> and <see cref="Unmapping{TArch, TModel}.CommitSwap"/> do, of a page that nobody could pin in between and that
    /// has no metadata: its entry is clear, and the slot has the reference that the swap entry will own.
    /// </summary>
    internal static void Remember(Leaf<TArch, TModel> leaf, Pte previous, SwapEntry slot, bool wasExclusive) =>
        leaf.Store(Unmapping<TArch, TModel>.SwapEntryFor(previous, slot, wasExclusive));

    /// <summary>
    /// Shows a frame at an entry that is none or present: a new mapping, another frame in the place of the old one, or an entry that begins to check
    /// tags. Defines the frame's metadata first.
    /// </summary>
    public void Publish(Leaf<TArch, TModel> leaf, Pte entry)
    {
        if (PageTags<TArch, TModel>.IsOn)
            tags.BeforePublish(entry);
        leaf.SetDefined(entry);
    }

    /// <summary>
    /// Copies a swap entry for fork: one more swap reference, and neither entry is exclusive any more. NoMemory: nothing changed.
    /// </summary>
    public SwapResult TryDuplicate(Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination, SwapEntry entry)
    {
        SwapResult result = swap.TryDuplicate(entry);
        if (result != SwapResult.Ok)
            return result;
        if (LeafTags<TArch, TModel>.IsOn)
            byAddress.OnDuplicate(source, destination);
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
            if (LeafTags<TArch, TModel>.IsOn)
                byAddress.OnMove(source, destination);
            entry = TArch.MakeSwapSoftDirty(entry);
            destination.Store(keepUffdWp ? entry : TArch.ClearSwapUffdWp(entry));
        }
    }

    /// <summary>
    /// Tells of a present entry that the folio of its page is about to be split. Linux puts a migration entry in its place meanwhile; here it stands,
    /// so nothing is done but for a provider that keeps metadata by address, which saves it as in any migration. False: no room.
    /// </summary>
    public bool TrySplit(Leaf<TArch, TModel> leaf)
    {
        if (!LeafTags<TArch, TModel>.IsOn)
            return true;
        bool saved = byAddress.Save(leaf, leaf.Value, (uint)TArch.FrameOf(leaf.Value, 1), out TagSaveToken token);
        if (saved)
            byAddress.Adopt(token);
        return saved;
    }

    /// <summary>
    /// Asks before a level-1 table moves with all its entries (mremap of whole tables), which no entry notices; false: they have to be moved one
    /// by one. The level-2 entries of both addresses are locked.
    /// </summary>
    public bool TryMoveTable(uint table, ulong oldAddress, ulong newAddress) =>
        !LeafTags<TArch, TModel>.IsOn || byAddress.OnMoveTable(table, oldAddress, newAddress);

    /// <summary>
    /// Forgets a swap entry (zap, MADV_FREE): its swap reference goes, and with the last one the slot and an unmapped cached folio.
    /// </summary>
    public void Drop(Leaf<TArch, TModel> leaf, SwapEntry entry)
    {
        if (LeafTags<TArch, TModel>.IsOn)
            byAddress.OnDrop(leaf);
        leaf.Store(default);
        swap.PutAndReclaim(entry);
    }

    /// <summary>
    /// First half of resolving a swap entry to a frame, whose content is there: the page's metadata comes from the slot, and then its swap
    /// reference goes while the entry still stands, under the same lock hold. The slot stays stable because the caller holds the bound folio's lock
    /// or a pin on the slot.
    /// </summary>
    /// <param name="entry">The slot.</param>
    /// <param name="frame">The frame that the entry will show: the folio of the slot, or a copy of it.</param>
    public void BeginResolve(SwapEntry entry, uint frame)
    {
        if (PageTags<TArch, TModel>.IsOn)
            tags.RestoreFromSlot(entry, frame);
        swap.Put(entry);
    }

    /// <summary>Second half of <see cref="BeginResolve"/>: the present entry takes the place of the swap entry.</summary>
    public void Resolve(Leaf<TArch, TModel> leaf, Pte present)
    {
        if (PageTags<TArch, TModel>.IsOn)
            tags.BeforePublish(present);
        leaf.Store(present);
        if (LeafTags<TArch, TModel>.IsOn)
            byAddress.Restore(leaf, present);
    }

    /// <summary>
    /// Resolves a swap entry to a frame for swapoff (unuse_pte), which gives the swap reference up only after the entry is present.
    /// </summary>
    /// <param name="leaf">The entry.</param>
    /// <param name="entry">The slot that it names, bound to a locked folio.</param>
    /// <param name="frame">The folio of the slot, or a copy of it.</param>
    /// <param name="present">The entry that shows the frame.</param>
    public void Restore(Leaf<TArch, TModel> leaf, SwapEntry entry, uint frame, Pte present)
    {
        if (PageTags<TArch, TModel>.IsOn)
            tags.RestoreFromSlot(entry, frame);
        if (PageTags<TArch, TModel>.IsOn)
            tags.BeforePublish(present);
        leaf.Store(present);
        swap.Put(entry);
    }

    /// <summary>Turns a swap entry whose content is lost into a marker (swapoff of a page that could not be read): its swap reference goes.</summary>
    public void Poison(Leaf<TArch, TModel> leaf, SwapEntry entry, Pte marker)
    {
        if (LeafTags<TArch, TModel>.IsOn)
            byAddress.OnDrop(leaf);
        leaf.Store(marker);
        swap.Put(entry);
    }

    /// <summary>
    /// Changes marks of a non-present entry that do not change who owns what it remembers: soft-dirty, write-protect, exclusive cleared.
    /// </summary>
    public void Amend(Leaf<TArch, TModel> leaf, Pte amended)
    {
        if (TModel.Checked)
            AssertSameTarget(leaf.Value, amended);
        leaf.Store(amended);
    }

    /// <summary>Puts, replaces or removes a marker where no page is remembered; what takes a marker's place may be a present entry.</summary>
    public void Mark(Leaf<TArch, TModel> leaf, Pte marker)
    {
        if (PageTags<TArch, TModel>.IsOn && TArch.IsPresent(marker, 1))
            tags.BeforePublish(marker);
        leaf.Store(marker);
    }

    private static void AssertSameTarget(Pte before, Pte after)
    {
        if (TArch.SwapType(before) != TArch.SwapType(after) || TArch.SwapOffset(before) != TArch.SwapOffset(after)
            || (!TArch.IsSwapExclusive(before) && TArch.IsSwapExclusive(after)))
            throw new InvalidOperationException($"Amending {before} to {after} would change what the entry remembers.");
    }
}
