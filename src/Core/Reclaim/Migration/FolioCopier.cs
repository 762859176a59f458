using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Migration;

/// <summary>
/// Makes one folio what another is: content, state, place in the swap cache or in its shared object, identity as a merged page (mm/migrate.c
/// __folio_migrate_mapping, folio_migrate_flags, folio_migrate_ksm).
/// </summary>
/// <remarks>
/// Both folios are locked, and no page table maps either. The order is that of Linux since 6.12: compare the references, copy, freeze the
/// references if they are still the same, move what makes the folio findable, unfreeze. Whoever gets hold of the old folio in between without
/// a page table (the swap cache, a shared object, a list) must lock it before it trusts what it sees, and then finds it empty.
/// </remarks>
internal sealed class FolioCopier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>
    /// What moves with the page. Not among it: the swap cache's and the object's marks, which move with the binding, exclusiveness, which the
    /// entries remember, and mlock's, which is counted anew with the mappings.
    /// </summary>
    private const FrameFlags Moved = FrameFlags.Uptodate | FrameFlags.Dirty | FrameFlags.SwapBacked | FrameFlags.Anon | FrameFlags.Ksm
        | FrameFlags.Active | FrameFlags.Referenced | FrameFlags.ReadError | FrameFlags.Owner;

    private readonly MmContext<TArch, TModel> mm;

    internal FolioCopier(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>
    /// Moves everything to the target. False: somebody beside the caller, the swap cache and the object has a reference, and nothing changed but
    /// the target's content.
    /// </summary>
    internal bool TryMove(uint folio, uint target)
    {
        mm.Frames.AssertLocked(folio);
        mm.Frames.AssertLocked(target);
        uint expected = Expected(folio);
        if (mm.Frames.References(folio) != expected)
            return false;
        CopyContent(folio, target);
        FrameFlags flags = mm.Frames.Flags(folio);

        // A merged page that is in no swap cache is found through its node alone: who takes it from there has to lock it after the reference, and
        // would take a frozen one for freed.
        bool freeze = (flags & (FrameFlags.Ksm | FrameFlags.SwapCache)) != FrameFlags.Ksm;
        if (freeze ? !mm.Frames.TryFreeze(folio, expected) : mm.Frames.References(folio) != expected)
            return false;
        if (mm.Frames.IsLarge(folio))
            mm.Frames.DeferredSplits.Remove(folio); // frozen, so nobody puts it back; the target begins whole
        CopyState(folio, target, mm.Frames.Flags(folio));
        if ((flags & FrameFlags.Ksm) != 0)
            MoveNode(folio, target);
        if ((flags & FrameFlags.SwapCache) != 0)
            mm.Swap.ReplaceFrozenInCache(folio, target);
        if ((flags & FrameFlags.SharedMemory) != 0)
            mm.SharedCache.ReplaceFrozen(folio, target);
        mm.Frames.Clear(folio, FrameFlags.Dirty); // what was stored through it is in the target, which says so
        if (freeze)
            mm.Frames.Unfreeze(folio, 1);
        return true;
    }

    /// <summary>
    /// Makes the folio that the page has left a plain unused one, after the last entry that named it is gone: until then others may ask of what
    /// kind it is. Who still has a reference finds nothing that would be worth keeping.
    /// </summary>
    internal void Retire(uint folio)
    {
        const FrameFlags Left = Moved | FrameFlags.SharedMemory | FrameFlags.PartiallyMapped | FrameFlags.AnonExclusive;
        mm.Folios.Lru.Disown(folio);
        mm.Frames.Clear(folio, Left);
        Atomic<TModel>.Store(ref mm.Frames[folio].Mapping, 0);
    }

    /// <summary>References of an unmapped folio that nobody uses: the caller's, one of the swap cache for each page, the object's.</summary>
    private uint Expected(uint folio)
    {
        FrameFlags flags = mm.Frames.Flags(folio);
        uint cache = (flags & FrameFlags.SwapCache) != 0 ? mm.PagesOf(folio) : 0;
        return 1 + cache + ((flags & FrameFlags.SharedMemory) != 0 ? 1u : 0);
    }

    /// <summary>The one place where a migration copies what a frame holds.</summary>
    private void CopyContent(uint folio, uint target)
    {
        uint pages = mm.PagesOf(folio);
        for (uint page = 0; page < pages; page++)
            mm.Tags.CopyPage(folio + page, target + page);
    }

    /// <summary>The target is old from the start: no processor has it in a batch that would hold a reference (lru_cache_disable).</summary>
    private void CopyState(uint folio, uint target, FrameFlags flags)
    {
        mm.Frames[target].Mapping = mm.Frames[folio].Mapping;
        uint pages = mm.PagesOf(folio);
        for (uint page = 0; page < pages; page++)
        {
            mm.Frames[target + page].Index = mm.Frames[folio + page].Index;
            mm.Frames[target + page].Birth = mm.Frames[folio + page].Birth;
        }

        mm.Frames.Set(target, flags & Moved);
    }

    /// <summary>The node names the target before the folio forgets the node, so that who looks at both finds one of them.</summary>
    private void MoveNode(uint folio, uint target)
    {
        uint node = (uint)mm.Frames[folio].Mapping;
        if (node != 0)
            Atomic<TModel>.Store(ref mm.Ksm.Nodes[node].Frame, target);
        Atomic<TModel>.Store(ref mm.Frames[folio].Mapping, 0);
    }
}
