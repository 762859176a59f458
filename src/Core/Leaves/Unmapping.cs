using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Leaves;

/// <summary>
/// A present entry taken out of its table and not yet replaced: a linear token that must end in exactly one of <see cref="CommitSwap"/>,
/// <see cref="CommitMigration"/>, <see cref="CommitPresent"/>, <see cref="Discard"/> and <see cref="Rollback"/>. The steps between may fail; Rollback
/// undoes those that were
/// done, in reverse, so that a new failing step cannot miss an undo.
/// </summary>
/// <remarks>
/// Order of a swap-out (try_to_unmap_one): begin (clear the entry) → <see cref="AddSlotReference"/> → <see cref="TrySaveMetadata"/> →
/// <see cref="TryShare"/> → CommitSwap; of a page that moves (try_to_migrate_one) the same without the slot, ending in CommitMigration. Sharing is
/// the last step that can fail, because the exclusive flag cannot be set again safely once others may have seen it clear. A rollback goes the
/// other way: what was saved, the swap reference, and last the entry.
/// <para>Metadata that belongs to frames and slots needs no saving here; the step is for a provider that keeps it by address. Its failures and
/// those of the steps after it are where Linux once leaked; the model says which of those leaks it shall have
/// (<see cref="IModel.PutsSlotReferenceWhenSaveFails"/>, <see cref="IModel.UndoesSavedMetadata"/>, <see cref="IModel.SharesBeforeSave"/>).</para>
/// </remarks>
public ref struct Unmapping<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly LeafOperations<TArch, TModel> operations;
    private readonly Leaf<TArch, TModel> leaf;
    private SwapEntry referenced;
    private TagSaveToken saved;
    private Steps done;

    internal Unmapping(LeafOperations<TArch, TModel> operations, Leaf<TArch, TModel> leaf)
    {
        this.operations = operations;
        this.leaf = leaf;
        Previous = TModel.UnmapFences ? leaf.Exchange(default) : leaf.Value; // a full fence: whoever pins the frame after this sees the entry gone
        if (!TModel.UnmapFences)
            leaf.Store(default);
        Frame = (uint)TArch.FrameOf(Previous, 1);
        WasExclusive = operations.Frames.Has(Frame, FrameFlags.AnonExclusive);
        if (TModel.Checked)
            OpenUnmappings.Opened();
    }

    [Flags]
    private enum Steps : byte
    {
        None = 0,
        Saved = 1,
        SaveFailed = 2,
        Closed = 4,
    }

    /// <summary>The entry as it was.</summary>
    public Pte Previous { get; }

    /// <summary>The frame that the entry mapped.</summary>
    public uint Frame { get; }

    /// <summary>Whether the frame belonged to this entry alone.</summary>
    public bool WasExclusive { get; }

    /// <summary>Takes the swap reference that the new entry will own; before the entry is published, so that a count is never too low.</summary>
    public SwapResult AddSlotReference(SwapEntry entry)
    {
        SwapResult result = operations.Swap.TryDuplicate(entry);
        if (result == SwapResult.Ok)
            referenced = entry;
        return result;
    }

    /// <summary>
    /// Saves the page's metadata, where it is kept by address while the page is away (arch_unmap_one); false when there is no room. After the swap
    /// reference and before sharing. Nothing on all other machines.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TrySaveMetadata() => !LeafTags<TArch, TModel>.IsOn || TrySaveByAddress();

    /// <summary>
    /// The two steps that can fail after the swap reference, in the order of the model. Sharing first is the wrong repair that was once proposed:
    /// exclusiveness is gone then when saving fails.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TrySaveAndShare() =>
        LeafTags<TArch, TModel>.IsOn && TModel.SharesBeforeSave ? TryShare() && TrySaveMetadata() : TrySaveMetadata() && TryShare();

    /// <summary>
    /// Gives up exclusiveness (folio_try_share_anon_rmap_pte): false, and nothing changed, when the frame may be pinned. The cleared entry
    /// before and the cleared flag after are both full fences, against lock-free pinning.
    /// </summary>
    public readonly bool TryShare()
    {
        if (!WasExclusive)
            return true;
        if (operations.Frames.MaybePinned(Frame))
            return false;
        operations.Frames.Clear(Frame, FrameFlags.AnonExclusive);
        return true;
    }

    /// <summary>The swap entry that takes the place of a present one: it remembers exclusiveness, soft-dirty and write-protect marks.</summary>
    internal static Pte SwapEntryFor(Pte previous, SwapEntry slot, bool wasExclusive)
    {
        Pte entry = TArch.EncodeSwap(slot.Type, slot.Offset);
        if (wasExclusive && TModel.SwapEntryRemembersExclusive)
            entry = TArch.MakeSwapExclusive(entry);
        if (TArch.IsSoftDirty(previous))
            entry = TArch.MakeSwapSoftDirty(entry);
        return TArch.IsUffdWp(previous) ? TArch.MakeSwapUffdWp(entry) : entry;
    }

    /// <summary>Ends in a swap entry that remembers exclusiveness, soft-dirty and write-protect marks.</summary>
    public void CommitSwap()
    {
        leaf.Store(SwapEntryFor(Previous, referenced, WasExclusive));
        if (LeafTags<TArch, TModel>.IsOn)
            AdoptSaved();
        Close();
    }

    /// <summary>
    /// Ends in a migration entry (try_to_migrate_one): it remembers the frame, whether it was writable or exclusive, young, dirty, and the
    /// soft-dirty and write-protect marks. No swap reference was taken.
    /// </summary>
    public void CommitMigration(in SwapTypeLayout types)
    {
        if (TModel.Checked && !referenced.IsNone)
            throw new InvalidOperationException($"An unmapping that has a reference of slot {referenced} cannot end in a migration entry.");
        leaf.Store(MigrationEntry<TArch>.Of(Previous, Frame, WasExclusive).Encode<TArch>(types));
        if (LeafTags<TArch, TModel>.IsOn)
            AdoptSaved();
        Close();
    }

    /// <summary>Ends in a present entry at another address: the mapping and its reference move there (UFFDIO_MOVE).</summary>
    /// <param name="destination">An entry that holds nothing, its table locked too.</param>
    /// <param name="entry">A present entry of the same frame.</param>
    public void CommitPresent(Leaf<TArch, TModel> destination, Pte entry)
    {
        operations.Publish(destination, entry);
        Close();
    }

    /// <summary>Ends in nothing: the page is not remembered.</summary>
    public void Discard() => Close();

    /// <summary>Puts everything back: what was saved first, then the swap reference, then the entry.</summary>
    public void Rollback()
    {
        if (LeafTags<TArch, TModel>.IsOn)
            UndoSave();
        if (!referenced.IsNone && !(LeafTags<TArch, TModel>.IsOn && LeaksReference))
            operations.Swap.Put(referenced);
        leaf.Store(Previous);
        Close();
    }

    private readonly bool LeaksReference => !TModel.PutsSlotReferenceWhenSaveFails && (done & Steps.SaveFailed) != 0;

    private bool TrySaveByAddress()
    {
        bool success = operations.ByAddress.Save(leaf, Previous, Frame, out saved);
        done |= success ? Steps.Saved : Steps.SaveFailed;
        return success;
    }

    private readonly void UndoSave()
    {
        if ((done & Steps.Saved) != 0 && TModel.UndoesSavedMetadata)
            operations.ByAddress.Undo(saved);
    }

    private readonly void AdoptSaved()
    {
        if (TModel.Checked && (done & Steps.Saved) == 0)
            throw new InvalidOperationException($"The page at {leaf.Address:x} leaves without its metadata: TrySaveMetadata was not called.");
        operations.ByAddress.Adopt(saved);
    }

    private void Close()
    {
        if ((done & Steps.Closed) != 0)
            throw new InvalidOperationException("The unmapping has already ended.");
        done |= Steps.Closed;
        if (TModel.Checked)
            OpenUnmappings.Closed();
    }
}
