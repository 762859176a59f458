using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>Present entries broken in one place each.</summary>
public static class LeafMutants
{
    public static IEnumerable<Mutant> All =>
    [
        Mutant.Of<YoungBitMoved>("flags/set-clear-test", "mkyoung sets the dirty bit"),
        Mutant.Of<OldForgotten>("flags/set-clear-test", "mkold does nothing"),
        Mutant.Of<SavedDirtyUnread>("flags/no-dirt-from-writing", "dirty looks at D only"),
        Mutant.Of<DirtyWrites>("flags/independent", "mkdirty grants writing"),
        Mutant.Of<ProtectCleans>("flags/independent", "wrprotect drops the dirty bit instead of saving it"),
        Mutant.Of<WritableIsDirty>("flags/no-dirt-from-writing", "mkwrite sets D"),
        Mutant.Of<CleanTwiceToggles>("flags/idempotent", "mkclean toggles"),
        Mutant.Of<UffdWpKeepsWriting>("flags/all-subsets", "mkuffd_wp leaves write permission"),
        Mutant.Of<ClearUffdWpClearsSoftDirty>("flags/independent", "clear_uffd_wp clears soft-dirty too"),
        Mutant.Of<SpecialIsTwoBits>("flags/special", "mkspecial sets the global bit too"),
        Mutant.Of<SoftDirtyDenied>("flags/absent", "has soft-dirty and says it has not"),
        Mutant.Of<FrameMaskTooWide>("flags/independent", "the frame number includes SAVED_DIRTY"),
        Mutant.Of<FrameMaskTooNarrow>("leaf/frame", "the highest bit of the frame number is lost"),
        Mutant.Of<HugeMaskTooWide>("leaf/frame", "the frame number of a huge leaf includes its PAT bit"),
        Mutant.Of<ModifyDropsSoftDirty>("leaf/modify-keeps", "the keep mask lacks soft-dirty"),
        Mutant.Of<ModifyDropsSpecial>("leaf/modify-keeps", "the keep mask lacks special"),
        Mutant.Of<ModifyKeepsWriting>("leaf/modify-keeps", "the keep mask includes write"),
        Mutant.Of<ModifyForgetsInversion>("leaf/modify-keeps", "the frame number is not inverted on the way to PROT_NONE"),
        Mutant.Of<ModifyMakesOld>("leaf/modify-again", "the keep mask lacks accessed, and the new protection is old"),
        Mutant.Of<AdvanceForgetsInversion>("leaf/advance", "an inverted frame number is advanced forwards"),
        Mutant.Of<AdvanceOffByOne>("leaf/advance", "advances one frame too far"),
        Mutant.Of<InvalidStaysOpen>("leaf/invalidate", "mkinvalid leaves P"),
        Mutant.Of<PrivateIsWritable>("leaf/rights", "a private mapping may be written at once"),
        Mutant.Of<EverythingExecutes>("leaf/rights", "no protection has NX"),
        Mutant.Of<KernelOnly>("leaf/rights", "protections lack U/S"),
        Mutant.Of<NoneIgnoresTooMuch>("shape/exclusive", "none ignores the low twelve bits"),
        Mutant.Of<ZeroIsPresent>("shape/zero", "present is what is not PROT_NONE"),
        Mutant.Of<ProtNoneForgotten>("leaf/rights", "present looks at P only"),
        Mutant.Of<HugeIsTable>("shape/exclusive", "a table is whatever has P above level 1"),
        Mutant.Of<TableMaskTooWide>("shape/table", "the address of a table includes its flags"),
        Mutant.Of<LeafTooHigh>("leaf/rights", "the geometry allows leaves where the format has none"),
    ];

    private readonly struct YoungBitMoved : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeYoung(Pte entry) => new(entry.Raw | X64Bits.Dirty);
    }

    private readonly struct OldForgotten : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeOld(Pte entry) => entry;
    }

    private readonly struct SavedDirtyUnread : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.IsDirty(Pte entry) => (entry.Raw & X64Bits.Dirty) != 0;
    }

    private readonly struct DirtyWrites : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeDirty(Pte entry) => new(X64Leaf.MakeDirty(entry).Raw | X64Bits.Write);
    }

    private readonly struct ProtectCleans : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.WriteProtect(Pte entry) => new(entry.Raw & ~(X64Bits.Write | X64Bits.Dirty));
    }

    private readonly struct WritableIsDirty : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeWritable(Pte entry) => new(X64Leaf.MakeWritable(entry).Raw | X64Bits.Dirty);
    }

    private readonly struct CleanTwiceToggles : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeClean(Pte entry) => new(entry.Raw ^ ((entry.Raw & X64Bits.SavedDirty) | X64Bits.Dirty));
    }

    private readonly struct UffdWpKeepsWriting : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeUffdWp(Pte entry) => new(entry.Raw | X64Bits.UffdWp);
    }

    private readonly struct ClearUffdWpClearsSoftDirty : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.ClearUffdWp(Pte entry) => new(entry.Raw & ~(X64Bits.UffdWp | X64Bits.SoftDirty));
    }

    private readonly struct SpecialIsTwoBits : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeSpecial(Pte entry) => new(entry.Raw | X64Bits.Special | X64Bits.Global);
    }

    private readonly struct SoftDirtyDenied : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.HasSoftDirty => false;
    }

    private readonly struct FrameMaskTooWide : IMutant<X64FourLevel>
    {
        static ulong ILeafFormat.FrameOf(Pte entry, int level) => X64Leaf.FrameOf(entry, level) | ((entry.Raw & X64Bits.SavedDirty) >> 12);
    }

    private readonly struct FrameMaskTooNarrow : IMutant<X64FourLevel>
    {
        static ulong ILeafFormat.FrameOf(Pte entry, int level) => X64Leaf.FrameOf(entry, level) & ((1UL << 33) - 1);
    }

    private readonly struct HugeMaskTooWide : IMutant<X64FourLevel>
    {
        static ulong ILeafFormat.FrameOf(Pte entry, int level) =>
            X64Leaf.FrameOf(entry, level) | (level > 1 && !X64Leaf.IsInverted(entry.Raw) ? (entry.Raw >> 7) & 1 : 0);
    }

    private readonly struct ModifyDropsSoftDirty : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) =>
            X64Leaf.ClearSoftDirty(X64Leaf.Modify(entry, protection, level));
    }

    private readonly struct ModifyDropsSpecial : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) =>
            new(X64Leaf.Modify(entry, protection, level).Raw & ~X64Bits.Special);
    }

    private readonly struct ModifyKeepsWriting : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) =>
            new(X64Leaf.Modify(entry, protection, level).Raw | (entry.Raw & X64Bits.Write));
    }

    private readonly struct ModifyForgetsInversion : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) =>
            new((entry.Raw & X64Bits.KeepMaskHuge) | (protection.Raw & ~X64Bits.KeepMaskHuge));
    }

    private readonly struct ModifyMakesOld : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) => X64Leaf.MakeOld(X64Leaf.Modify(entry, protection, level));
    }

    private readonly struct AdvanceForgetsInversion : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.Advance(Pte entry, ulong frames, int level) => new(entry.Raw + (frames << 12));
    }

    private readonly struct AdvanceOffByOne : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.Advance(Pte entry, ulong frames, int level) => X64Leaf.Advance(entry, frames + 1);
    }

    private readonly struct InvalidStaysOpen : IMutant<X64FourLevel>
    {
        static Pte ILeafFormat.MakeInvalid(Pte entry, int level) => entry;
    }

    private readonly struct PrivateIsWritable : IMutant<X64FourLevel>
    {
        static Protection ILeafFormat.ProtectionOf(AccessRights rights) =>
            X64Leaf.ProtectionOf((rights & AccessRights.Write) != 0 ? rights | AccessRights.Shared : rights);
    }

    private readonly struct EverythingExecutes : IMutant<X64FourLevel>
    {
        static Protection ILeafFormat.ProtectionOf(AccessRights rights) => new(X64Leaf.ProtectionOf(rights).Raw & ~X64Bits.NoExecute);
    }

    private readonly struct KernelOnly : IMutant<X64FourLevel>
    {
        static Protection ILeafFormat.ProtectionOf(AccessRights rights) => new(X64Leaf.ProtectionOf(rights).Raw & ~X64Bits.User);
    }

    private readonly struct NoneIgnoresTooMuch : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.IsNone(Pte entry, int level) => entry.Raw >> 12 == 0;
    }

    private readonly struct ZeroIsPresent : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.IsPresent(Pte entry, int level) => !X64Leaf.IsProtNone(entry);
    }

    private readonly struct ProtNoneForgotten : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.IsPresent(Pte entry, int level) => (entry.Raw & X64Bits.Present) != 0;
    }

    private readonly struct HugeIsTable : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.IsTable(Pte entry, int level) => level > 1 && (entry.Raw & X64Bits.Present) != 0;
    }

    private readonly struct TableMaskTooWide : IMutant<X64FourLevel>
    {
        static ulong ILeafFormat.TableAddress(Pte entry) => entry.Raw & ((1UL << 52) - 1);
    }

    private readonly struct LeafTooHigh : IMutant<X64FourLevel>
    {
        static bool IPageGeometry.LeafAllowed(int level) => level <= 4;
    }
}
