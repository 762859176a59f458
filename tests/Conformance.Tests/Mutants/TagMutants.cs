using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>Providers broken in one place each: a call forgotten, done twice or too late, an undo that undoes nothing.</summary>
public static class TagMutants
{
    public static IEnumerable<Mutant> All =>
    [
        Mutant.OfTags<CopySkipped>("tags/copy", "a copied page has what lay in its frame"),
        Mutant.OfTags<CopyForCheckedOnly>("tags/copy", "a copy made while checking is off loses metadata"),
        Mutant.OfTags<CopyKeepsLeftovers>("tags/copy-of-none", "a copy of a frame without metadata says that leftovers are its own"),
        Mutant.OfTags<CopyTakesInvalid>("tags/copy-of-none", "copies what is not valid"),
        Mutant.OfTags<DefineSkipped>("tags/define", "a new page is shown with leftovers, and not valid"),
        Mutant.OfTags<DefineFlagOnly>("tags/define", "leftovers become the default"),
        Mutant.OfTags<DefineAgain>("tags/define-keeps", "each definition is a new one"),
        Mutant.OfTags<AllIdentical>("tags/identical", "pages of different metadata are merged"),
        Mutant.OfTags<IdenticalOneWay>("tags/identical", "looks at the first frame alone"),
        Mutant.OfTags<PrepareSkipped>("tags/prepare", "keeps nothing with the slot"),
        Mutant.OfTags<PrepareOnce>("tags/prepare", "does not replace what the slot keeps"),
        Mutant.OfTags<PrepareIgnoresValid>("tags/prepare-of-none", "overwrites the slot's with leftovers of a page that was read ahead"),
        Mutant.OfTags<PrepareForgets>("tags/prepare-of-none", "a frame without metadata empties the slot"),
        Mutant.OfTags<PrepareFailsSilently>("tags/prepare-fails", "says that it kept what found no room"),
        Mutant.OfTags<RestoreSkipped>("tags/restore", "never restores"),
        Mutant.OfTags<RestoreConsumes>("tags/restore", "a slot restores one frame only"),
        Mutant.OfTags<RestoreWithoutFlag>("tags/restore", "restores and does not say that it is valid"),
        Mutant.OfTags<RestoreTwice>("tags/restore-is-older", "overwrites newer metadata"),
        Mutant.OfTags<RestoreOfNothing>("tags/restore-of-none", "says that leftovers are valid when the slot keeps nothing"),
        Mutant.OfTags<SlotFreeSkipped>("tags/slot-free", "a slot keeps what its last user had"),
        Mutant.OfTags<SlotFreeTakesNext>("tags/slot-free", "empties the next slot too"),
        Mutant.OfTags<AreaFreeSkipped>("tags/area-free", "an area leaves its metadata behind"),
        Mutant.OfTags<AreaFreeTakesAll>("tags/area-free", "empties every area"),
        Mutant.OfTags<UndoForgotten>("tags/save-undo", "what was saved for a page that stays is never released"),
        Mutant.OfTags<SaveFailsSilently>("tags/save-fails", "says that it saved what found no room"),
        Mutant.OfTags<ExitForgets>("tags/space-exit", "an address space leaves its metadata behind"),
        Mutant.OfTags<RestoreAfterPublish>("tags/machine-restore-order", "restores when the entry is present already"),
        Mutant.OfTags<ProtectionForgets>("tags/checks", "mprotect does not switch checking on"),
        Mutant.OfTags<UntagTooMuch>("tags/untag", "takes a bit of the address with the tag"),
        Mutant.OfTags<AllowsForgotten>("tags/allows", "every pointer is good for every memory"),
        Mutant.OfTags<UntagForgotten>("tags/allows", "a pointer with a tag is another address"),
        Mutant.OfTags<OddShape>("tags/shape", "provider number 0"),
    ];

    private readonly struct CopySkipped : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
        {
        }
    }

    private readonly struct CopyForCheckedOnly : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
        {
            if (!forUnchecked)
                Sun4vM7Of.CopyFrame(tags, destination, source, forUnchecked);
        }
    }

    private readonly struct CopyKeepsLeftovers : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
        {
            if (tags.IsValid(source))
                tags.OfFrame(source).CopyTo(tags.OfFrame(destination));
            tags.SetValid(destination);
        }
    }

    private readonly struct CopyTakesInvalid : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
        {
            tags.OfFrame(source).CopyTo(tags.OfFrame(destination));
            tags.SetValid(destination);
        }
    }

    private readonly struct DefineSkipped : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame)
        {
        }
    }

    private readonly struct DefineFlagOnly : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame) => tags.SetValid(frame);
    }

    private readonly struct DefineAgain : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static void IPageTagProvider.EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame)
        {
            tags.OfFrame(frame).Clear();
            tags.SetValid(frame);
        }
    }

    private readonly struct AllIdentical : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static bool IPageTagProvider.Identical<TModel>(TagStorage<TModel> tags, uint frame, uint other) => true;
    }

    private readonly struct IdenticalOneWay : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static bool IPageTagProvider.Identical<TModel>(TagStorage<TModel> tags, uint frame, uint other) => !tags.IsValid(frame);
    }

    private readonly struct PrepareSkipped : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot) => true;
    }

    private readonly struct PrepareOnce : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot) =>
            !tags.OfSlot(slot).IsEmpty || tags.TryKeep(slot, tags.OfFrame(frame));
    }

    private readonly struct PrepareIgnoresValid : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot) =>
            tags.TryKeep(slot, tags.OfFrame(frame));
    }

    private readonly struct PrepareForgets : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot)
        {
            if (tags.IsValid(frame))
                return tags.TryKeep(slot, tags.OfFrame(frame));
            tags.Forget(slot);
            return true;
        }
    }

    private readonly struct PrepareFailsSilently : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot)
        {
            if (tags.IsValid(frame))
                tags.TryKeep(slot, tags.OfFrame(frame));
            return true;
        }
    }

    private readonly struct RestoreSkipped : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
        {
        }
    }

    private readonly struct RestoreConsumes : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
        {
            Arm64Of.RestoreFromSlot(tags, slot, frame);
            tags.Forget(slot);
        }
    }

    private readonly struct RestoreWithoutFlag : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
        {
            ReadOnlySpan<byte> kept = tags.OfSlot(slot);
            if (!tags.IsValid(frame) && !kept.IsEmpty)
                kept.CopyTo(tags.OfFrame(frame));
        }
    }

    private readonly struct RestoreTwice : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
        {
            ReadOnlySpan<byte> kept = tags.OfSlot(slot);
            if (kept.IsEmpty)
                return;
            kept.CopyTo(tags.OfFrame(frame));
            tags.SetValid(frame);
        }
    }

    private readonly struct RestoreOfNothing : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
        {
            Sun4vM7Of.RestoreFromSlot(tags, slot, frame);
            tags.SetValid(frame);
        }
    }

    private readonly struct SlotFreeSkipped : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.OnSlotFree<TModel>(TagStorage<TModel> tags, SwapEntry slot)
        {
        }
    }

    private readonly struct SlotFreeTakesNext : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static void IPageTagProvider.OnSlotFree<TModel>(TagStorage<TModel> tags, SwapEntry slot)
        {
            tags.Forget(slot);
            tags.Forget(new SwapEntry(slot.Type, slot.Offset + 1));
        }
    }

    private readonly struct AreaFreeSkipped : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static void IPageTagProvider.OnAreaFree<TModel>(TagStorage<TModel> tags, uint type)
        {
        }
    }

    private readonly struct AreaFreeTakesAll : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static void IPageTagProvider.OnAreaFree<TModel>(TagStorage<TModel> tags, uint type)
        {
            for (uint area = 0; area < 2; area++)
            {
                foreach (SwapEntry slot in tags.SlotsOf(area))
                    tags.Forget(slot);
            }
        }
    }

    private readonly struct UndoForgotten : IMutant<Sun4vM7<AdiLinux>>
    {
        static void IPageTagProvider.Undo<TModel>(TagStorage<TModel> tags, in TagSaveToken token)
        {
        }
    }

    private readonly struct SaveFailsSilently : IMutant<Sun4vM7<AdiLinux>>
    {
        static bool IPageTagProvider.Save<TModel>(
            TagStorage<TModel> tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token)
        {
            LinuxOf.Save(tags, space, address, old, frame, out token);
            return true;
        }
    }

    private readonly struct ExitForgets : IMutant<Sun4vM7<AdiLinux>>
    {
        static void IPageTagProvider.OnSpaceExit<TModel>(TagStorage<TModel> tags, uint space)
        {
        }
    }

    /// <summary>Remembers what to restore, and does it in the call that comes after the entry is stored.</summary>
    private readonly struct RestoreAfterPublish : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        [ThreadStatic]
        private static byte[]? pending;

        static bool IPageTagProvider.KeepsTagsByAddress => true;

        static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame) =>
            pending = tags.OfSlot(slot).ToArray();

        static void IPageTagProvider.Restore<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte now, uint frame)
        {
            pending?.CopyTo(tags.OfFrame(frame));
            pending = null;
        }
    }

    private readonly struct ProtectionForgets : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level)
        {
            Pte changed = Arm64Leaf.Modify(entry, protection);
            return new Pte((changed.Raw & ~Arm64Bits.AttributeMask) | (entry.Raw & Arm64Bits.AttributeMask));
        }
    }

    private readonly struct UntagTooMuch : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static ulong IPageTagProvider.Untag(ulong pointer) => pointer & ((1UL << 47) - 1);
    }

    private readonly struct AllowsForgotten : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static bool IPageTagProvider.Allows<TModel>(TagStorage<TModel> tags, uint frame, ulong pointer, int offset, int length) => true;
    }

    private readonly struct UntagForgotten : IMutant<Arm64FourLevel<MteFrameSlot>>
    {
        static ulong IPageTagProvider.Untag(ulong pointer) => pointer;
    }

    private readonly struct OddShape : IMutant<Sun4vM7<AdiFrameSlot>>
    {
        static uint IPageTagProvider.TagProviderId => 0;
    }

    /// <summary>The providers themselves, for mutants that do part of what they do.</summary>
    private static class Sun4vM7Of
    {
        internal static void CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
            where TModel : Atomics.IModel => Provider<AdiFrameSlot>.CopyFrame(tags, destination, source, forUnchecked);

        internal static void RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
            where TModel : Atomics.IModel => Provider<AdiFrameSlot>.RestoreFromSlot(tags, slot, frame);
    }

    private static class Arm64Of
    {
        internal static void RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
            where TModel : Atomics.IModel => Provider<MteFrameSlot>.RestoreFromSlot(tags, slot, frame);
    }

    private static class LinuxOf
    {
        internal static void Save<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token)
            where TModel : Atomics.IModel => Provider<AdiLinux>.Save(tags, space, address, old, frame, out token);
    }

    private static class Provider<TTags>
        where TTags : struct, IPageTagProvider
    {
        internal static void CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
            where TModel : Atomics.IModel => TTags.CopyFrame(tags, destination, source, forUnchecked);

        internal static void RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
            where TModel : Atomics.IModel => TTags.RestoreFromSlot(tags, slot, frame);

        internal static void Save<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token)
            where TModel : Atomics.IModel => TTags.Save(tags, space, address, old, frame, out token);
    }
}
