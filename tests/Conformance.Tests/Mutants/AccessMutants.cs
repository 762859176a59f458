using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>Hardware accesses, and what software must keep in step with them, broken in one place each.</summary>
public static class AccessMutants
{
    public static IEnumerable<Mutant> All =>
    [
        Mutant.Of<StoresThroughReadOnly>("access/rights", "a store needs no R/W"),
        Mutant.Of<ExecutesEverything>("access/rights", "a fetch does not look at NX"),
        Mutant.Of<StoreLeavesClean>("access/marks", "a store does not set D"),
        Mutant.Of<LoadMarksDirty>("access/touches", "a load sets D too"),
        Mutant.Of<RefusedIsMarked>("access/refused", "a refused access sets A"),
        Mutant.Of<OldStaysValid>("access/marks", "mkold leaves VALID, so the next use does not trap"),
        Mutant.Of<CleanStaysOpen>("access/marks", "mkclean leaves the hardware W, so the next store does not trap"),
        Mutant.Of<ProtectLeavesOpen>("access/rights", "wrprotect clears DBM and leaves RDONLY clear"),
        Mutant.Of<ModifyLosesHardwareDirt>("access/written", "pte_modify does not save what the hardware recorded"),
    ];

    private readonly struct StoresThroughReadOnly : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after) =>
            X64Leaf.TryAccess(entry, kind == AccessKind.Write ? AccessKind.Read : kind, out after);
    }

    private readonly struct ExecutesEverything : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after) =>
            X64Leaf.TryAccess(entry, kind == AccessKind.Execute ? AccessKind.Read : kind, out after);
    }

    private readonly struct StoreLeavesClean : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after)
        {
            bool allowed = X64Leaf.TryAccess(entry, kind, out after);
            after = allowed ? X64Leaf.MakeYoung(entry) : after;
            return allowed;
        }
    }

    private readonly struct LoadMarksDirty : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after)
        {
            bool allowed = X64Leaf.TryAccess(entry, kind, out after);
            after = allowed ? new Pte(after.Raw | X64Bits.Dirty) : after;
            return allowed;
        }
    }

    private readonly struct RefusedIsMarked : IMutant<X64FourLevel>
    {
        static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after)
        {
            bool allowed = X64Leaf.TryAccess(entry, kind, out after);
            after = X64Leaf.MakeYoung(after);
            return allowed;
        }
    }

    private readonly struct OldStaysValid : IMutant<Sun4v>
    {
        static Pte ILeafFormat.MakeOld(Pte entry) => new(SparcLeaf<Sun4vBits>.MakeOld(entry).Raw | (entry.Raw & SparcBits.Valid));
    }

    private readonly struct CleanStaysOpen : IMutant<Sun4v>
    {
        static Pte ILeafFormat.MakeClean(Pte entry) => new(SparcLeaf<Sun4vBits>.MakeClean(entry).Raw | (entry.Raw & (1UL << 6)));
    }

    private readonly struct ProtectLeavesOpen : IMutant<Arm64FourLevel>
    {
        static Pte ILeafFormat.WriteProtect(Pte entry) =>
            new((entry.Raw | (Arm64Leaf.IsHardwareDirty(entry) ? Arm64Bits.Dirty : 0)) & ~Arm64Bits.Write);
    }

    private readonly struct ModifyLosesHardwareDirt : IMutant<Arm64FourLevel>
    {
        static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) =>
            new((entry.Raw & ~Arm64Bits.ModifyMask) | (protection.Raw & Arm64Bits.ModifyMask));
    }
}
