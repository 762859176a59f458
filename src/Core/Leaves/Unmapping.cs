using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Leaves;

/// <summary>
/// A present entry taken out of its table and not yet replaced: a linear token that must end in exactly one of <see cref="CommitSwap"/>,
/// <see cref="Discard"/> and <see cref="Rollback"/>. The steps between may fail; Rollback undoes those that were done, in reverse, so that a
/// new failing step cannot miss an undo.
/// </summary>
/// <remarks>
/// Order of a swap-out (try_to_unmap_one): begin (clear the entry) → <see cref="AddSlotReference"/> → <see cref="TryShare"/> → CommitSwap.
/// Sharing is the last step that can fail, because the exclusive flag cannot be set again safely once others may have seen it clear.
/// </remarks>
public ref struct Unmapping<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly FrameTable<TModel> frames;
    private readonly SwapSpace<TModel> swap;
    private readonly Leaf<TArch, TModel> leaf;
    private SwapEntry referenced;
    private bool closed;

    internal Unmapping(FrameTable<TModel> frames, SwapSpace<TModel> swap, Leaf<TArch, TModel> leaf)
    {
        this.frames = frames;
        this.swap = swap;
        this.leaf = leaf;
        Previous = TModel.UnmapFences ? leaf.Exchange(default) : leaf.Value; // a full fence: whoever pins the frame after this sees the entry gone
        if (!TModel.UnmapFences)
            leaf.Store(default);
        Frame = (uint)TArch.FrameOf(Previous, 1);
        WasExclusive = frames.Has(Frame, FrameFlags.AnonExclusive);
        if (TModel.Checked)
            OpenUnmappings.Opened();
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
        SwapResult result = swap.TryDuplicate(entry);
        if (result == SwapResult.Ok)
            referenced = entry;
        return result;
    }

    /// <summary>
    /// Gives up exclusiveness (folio_try_share_anon_rmap_pte): false, and nothing changed, when the frame may be pinned. The cleared entry
    /// before and the cleared flag after are both full fences, against lock-free pinning.
    /// </summary>
    public readonly bool TryShare()
    {
        if (!WasExclusive)
            return true;
        if (frames.MaybePinned(Frame))
            return false;
        frames.Clear(Frame, FrameFlags.AnonExclusive);
        return true;
    }

    /// <summary>Ends in a swap entry that remembers exclusiveness, soft-dirty and write-protect marks.</summary>
    public void CommitSwap()
    {
        Pte entry = TArch.EncodeSwap(referenced.Type, referenced.Offset);
        if (WasExclusive && TModel.SwapEntryRemembersExclusive)
            entry = TArch.MakeSwapExclusive(entry);
        if (TArch.IsSoftDirty(Previous))
            entry = TArch.MakeSwapSoftDirty(entry);
        if (TArch.IsUffdWp(Previous))
            entry = TArch.MakeSwapUffdWp(entry);
        leaf.Store(entry);
        Close();
    }

    /// <summary>Ends in nothing: the page is not remembered.</summary>
    public void Discard() => Close();

    /// <summary>Puts everything back: the swap reference first, then the entry.</summary>
    public void Rollback()
    {
        if (!referenced.IsNone)
            swap.Put(referenced);
        leaf.Store(Previous);
        Close();
    }

    private void Close()
    {
        if (closed)
            throw new InvalidOperationException("The unmapping has already ended.");
        closed = true;
        if (TModel.Checked)
            OpenUnmappings.Closed();
    }
}
