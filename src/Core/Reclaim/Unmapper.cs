using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Ksm;
using PageTableEmu.Swap;

namespace PageTableEmu.Reclaim;

/// <summary>
/// Takes a folio out of every page table that maps it (mm/rmap.c try_to_unmap_one): swap entries take the place of a swap-backed page, nothing
/// that of a lazily freed one.
/// </summary>
/// <remarks>
/// <para>The caller holds the folio lock and one reference. The walk holds the lock of the anon_vma root, each entry its table's lock. A KSM
/// frame is found through the items of its node.</para>
/// <para>Order for one entry: clear it → note that it was dirty (never undone) → [lazily freed: look at references, then at dirty] → swap
/// reference → give up exclusiveness, the last step that can fail → swapoff list → publish the swap entry → mapping and reference go. After a
/// failure the walk ends; entries converted before stay converted, ordinary swap entries of a folio in the swap cache.</para>
/// <para>A frame with a memory error that is in no swap cache leaves poison entries behind, also in locked VMAs.</para>
/// </remarks>
public sealed class Unmapper<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly KsmReverseMap<TArch, TModel> merged;

    /// <summary>Makes the operation of a machine.</summary>
    public Unmapper(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        merged = new KsmReverseMap<TArch, TModel>(mm);
    }

    /// <summary>Returns whether no page table maps the folio any more.</summary>
    public bool TryUnmap(uint frame)
    {
        mm.Frames.AssertLocked(frame);
        if (mm.Frames.Has(frame, FrameFlags.SharedMemory))
            return mm.SharedMappings.TryUnmap(frame, evenLocked: false);

        if (mm.Frames.Has(frame, FrameFlags.Ksm))
        {
            var visitor = new UnmapVisitor(this, frame);
            merged.Walk(frame, ref visitor);
            return mm.Frames.Mappings(frame) == 0;
        }

        ulong index = mm.Frames[frame].Index;
        uint anonVma = mm.ReverseMap.Lock(frame);
        if (anonVma != 0)
        {
            foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, index))
            {
                if (!TryUnmapAt(frame, place))
                    break;
            }

            mm.ReverseMap.Unlock(anonVma);
        }

        return mm.Frames.Mappings(frame) == 0;
    }

    internal static bool Maps(Pte entry, uint frame) =>
        !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) && MmContext<TArch, TModel>.NormalFrame(entry) == frame;

    /// <summary>False ends the walk.</summary>
    internal bool TryUnmapAt(uint frame, ReverseMapPlace place)
    {
        uint space = mm.Vmas[place.Vma].AddressSpace;
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(mm.Spaces[space].Root, place.Address);
        if (guard.Table == 0 || !Maps(guard[place.Address].Value, frame))
            return true;
        bool poisoned = mm.Frames.Has(frame, FrameFlags.HwPoison);
        if (!poisoned && (mm.Vmas.FlagsOf(place.Vma) & VmaFlags.Locked) != 0)
        {
            mm.Rmap.RepairMlock(frame, place.Vma); // a count that was lost when another locked mapping went
            return false;
        }

        Unmapping<TArch, TModel> unmapping = mm.Leaves.BeginUnmap(guard[place.Address]);
        if (TArch.IsDirty(unmapping.Previous))
            mm.Frames.Set(frame, FrameFlags.Dirty);
        if (poisoned && !mm.Frames.Has(frame, FrameFlags.SwapCache))
            Poison(ref unmapping, guard[place.Address], frame);
        else if (!(mm.Frames.Has(frame, FrameFlags.SwapBacked) ? TrySwapOut(ref unmapping, frame, space) : TryDiscard(ref unmapping, frame)))
            return false;
        Atomic<TModel>.Add(ref mm.Spaces[space].AnonPages, -1);
        mm.Rmap.Remove(frame, place.Vma);
        mm.Folios.Put(frame);
        return true;
    }

    /// <summary>The entry remembers that a memory error took its page; it owns nothing.</summary>
    private void Poison(ref Unmapping<TArch, TModel> unmapping, Leaf<TArch, TModel> leaf, uint frame)
    {
        unmapping.Discard();
        mm.Leaves.Mark(leaf, mm.EncodeHwPoison(frame));
    }

    /// <summary>
    /// A lazily freed page goes if nobody wrote it and nobody can any more. The entry is clear (a full fence) before the references are read,
    /// and those are read before the dirty flag: a writer through a reference sets dirty first and drops the reference after, so one of
    /// the two is seen (6c8e2a256915; other orders are <see cref="IModel.LazyFreeTest"/>).
    /// </summary>
    private bool TryDiscard(ref Unmapping<TArch, TModel> unmapping, uint frame)
    {
        bool dirtyBefore = TModel.LazyFreeTest != LazyFreeTest.ReferencesThenDirty && mm.Frames.Has(frame, FrameFlags.Dirty);
        bool held = TModel.LazyFreeTest != LazyFreeTest.DirtyOnly && mm.Frames.References(frame) != 1 + mm.Frames.FolioMappings(frame);
        bool dirty = TModel.LazyFreeTest == LazyFreeTest.ReferencesThenDirty ? mm.Frames.Has(frame, FrameFlags.Dirty) : dirtyBefore;
        if (!dirty && !held)
        {
            unmapping.Discard();
            return true;
        }

        unmapping.Rollback();
        if (dirty || TModel.ExtraReferenceEndsLazyFree)
            mm.Frames.Set(frame, FrameFlags.SwapBacked); // written again: an ordinary page from now on
        return false;
    }

    private bool TrySwapOut(ref Unmapping<TArch, TModel> unmapping, uint frame, uint space)
    {
        var entry = new SwapEntry(mm.Frames[frame].Swap);
        if (unmapping.AddSlotReference(entry) != SwapResult.Ok || !unmapping.TrySaveAndShare())
        {
            unmapping.Rollback();
            return false;
        }

        mm.Spaces.AddToMmList(space); // before the entry is published: swapoff must be able to find it
        Atomic<TModel>.Add(ref mm.Spaces[space].SwapEntries, 1);
        unmapping.CommitSwap();
        return true;
    }

    private readonly struct UnmapVisitor(Unmapper<TArch, TModel> owner, uint frame) : IKsmPlaceVisitor
    {
        public bool Visit(ReverseMapPlace place) => owner.TryUnmapAt(frame, place);
    }
}
