using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <content>Bringing a page back for swapoff (mm/swapfile.c unuse_pte).</content>
public sealed partial class SwapInFault<TArch, TModel>
{
    /// <summary>
    /// Maps a page for swapoff: from the locked folio of its slot, read-only and old; or lets the entry remember that the content is lost, if it
    /// could not be read or a memory error struck it. An entry that does not name the slot any more is left alone.
    /// </summary>
    /// <returns>False only when a frame for a copy could not be had.</returns>
    public bool TryRestore(in Fault fault, SwapEntry entry, uint cached)
    {
        // Without the check (before 6.18) clause (c) protects what follows: the area issues nothing, so the entry cannot have changed its meaning.
        if (TModel.SwapOffVerifiesFolio && !mm.Swap.IsBound(cached, entry))
            return true; // let go of meanwhile: the next round looks again
        bool usable = (mm.Frames.Flags(cached) & (FrameFlags.Uptodate | FrameFlags.HwPoison)) == FrameFlags.Uptodate;
        uint frame = !usable || FitsHere(fault, cached) ? cached : TryCopy(fault.Vma, cached);
        if (frame == 0)
            return false;
        bool restored = TryRestoreLocked(fault, entry, frame, cached, usable);
        if (frame == cached)
            return true;
        mm.Frames.Unlock(frame);
        if (!restored)
            mm.Folios.Put(frame);
        return true;
    }

    /// <summary>Whether the frame is mapped now.</summary>
    private bool TryRestoreLocked(in Fault fault, SwapEntry entry, uint frame, uint cached, bool usable)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        if (guard.Table == 0 || !Names(guard[fault.Address].Value, entry))
            return false;
        if (usable)
            Restore(fault, guard[fault.Address], entry, frame, cached);
        else
            Poison(fault, guard[fault.Address], entry, cached);
        return usable;
    }

    /// <summary>Whether an entry names a slot, whatever its marks say (pte_same_as_swp).</summary>
    private bool Names(Pte value, SwapEntry entry) =>
        !TArch.IsNone(value, 1) && !TArch.IsPresent(value, 1)
        && mm.Decode(value) is { Kind: SoftLeafKind.Swap } soft && new SwapEntry(soft.Type, soft.Offset) == entry;

    private void Restore(in Fault fault, Leaf<TArch, TModel> leaf, SwapEntry entry, uint frame, uint cached)
    {
        Pte old = leaf.Value;
        ref AddressSpace space = ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace];
        Atomic<TModel>.Add(ref space.AnonPages, 1);
        Atomic<TModel>.Add(ref space.SwapEntries, -1);
        if (frame == cached)
            mm.Frames.Get(frame); // the mapping's reference; a copy comes with its own
        AddMapping(fault, frame, cached, TArch.IsSwapExclusive(old));

        Pte present = TArch.MakeOld(TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(fault.Vma)), 1));
        if (TArch.IsSwapSoftDirty(old))
            present = TArch.MakeSoftDirty(present);
        if (TArch.IsSwapUffdWp(old))
            present = TArch.MakeUffdWp(present);
        mm.Leaves.Restore(leaf, entry, frame, present);
    }

    /// <summary>The content is lost: the entry remembers that, instead of the slot; and the frame, if it was a memory error.</summary>
    private void Poison(in Fault fault, Leaf<TArch, TModel> leaf, SwapEntry entry, uint cached)
    {
        Pte lost = mm.Frames.Has(cached, FrameFlags.HwPoison)
            ? mm.EncodeHwPoison(cached)
            : SoftLeaf.OfMarker(PteMarkers.Poisoned).Encode<TArch>(mm.SwapTypes);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace].SwapEntries, -1);
        mm.Leaves.Poison(leaf, entry, lost);
    }
}
