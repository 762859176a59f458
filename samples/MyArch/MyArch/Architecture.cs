using System.Runtime.CompilerServices;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace MyArch;

/// <summary>The whole architecture: pages of 8 KiB, four levels of 1024 entries, hardware accessed and dirty bits, tags.</summary>
public readonly struct Architecture : IArchitecture, ITagged<FrameSlotTags<MyTags>>
{
    private const int TableBits = 10;

    public static string Name => "myarch";

    public static uint Id => 0x4d59;

    // ---- geometry

    public static int PageShift => Bits.PageShift;

    public static int Levels => 4;

    public static int VirtualAddressBits => LevelShift(Levels) + TableBits;

    public static bool BigEndian => false;

    public static ulong UserSpaceEnd => 1UL << (VirtualAddressBits - 1);

    public static int HugePageShift => LevelShift(2);

    public static int LevelShift(int level) => PageShift + (TableBits * (level - 1));

    public static int LevelBits(int level) => TableBits;

    public static bool LeafAllowed(int level) => level <= 3;

    public static bool IsCanonical(ulong virtualAddress) => virtualAddress < UserSpaceEnd;

    // ---- present entries: what they are

    public static bool HasSoftDirty => true;

    public static bool HasUffdWp => true;

    public static bool IsNone(Pte entry, int level) => entry.Raw == 0;

    public static bool IsPresent(Pte entry, int level) => Has(entry, Bits.Present);

    public static bool IsTable(Pte entry, int level) => level > 1
        && (entry.Raw & (Bits.Valid | Bits.Present | Bits.Leaf)) == (Bits.Valid | Bits.Present);

    public static bool IsLeaf(Pte entry, int level) => IsPresent(entry, level) && (level == 1 || (LeafAllowed(level) && Has(entry, Bits.Leaf)));

    public static bool IsBad(Pte entry, int level) => IsPresent(entry, level) && !IsTable(entry, level) && !IsLeaf(entry, level);

    public static Pte MakeTable(ulong physicalAddress) => new((physicalAddress & Bits.FrameMask) | Bits.Valid | Bits.Present);

    public static ulong TableAddress(Pte entry) => entry.Raw & Bits.FrameMask;

    // ---- leaves

    public static Protection ProtectionOf(AccessRights rights)
    {
        if ((rights & (AccessRights.Read | AccessRights.Write | AccessRights.Execute)) == 0)
            return new Protection(Bits.Present | Bits.Accessed);
        ulong raw = Bits.Valid | Bits.Present | Bits.Accessed | Bits.User;
        raw |= (rights & AccessRights.Execute) != 0 ? Bits.Execute : 0;
        raw |= (rights & AccessRights.TagChecked) != 0 ? Bits.TagChecked : 0;

        // A private mapping is read-only until the fault handler has seen the page: it may have to be copied.
        bool writable = (rights & (AccessRights.Write | AccessRights.Shared)) == (AccessRights.Write | AccessRights.Shared);
        return new Protection(raw | (writable ? Bits.Write : 0));
    }

    public static Pte MakeLeaf(ulong frame, Protection protection, int level) =>
        new(((frame << PageShift) & Bits.FrameMask) | protection.Raw | (level > 1 ? Bits.Leaf : 0));

    public static ulong FrameOf(Pte entry, int level) => (entry.Raw & Bits.FrameMask) >> PageShift;

    public static Pte Modify(Pte entry, Protection protection, int level) => new((entry.Raw & Bits.Keep) | (protection.Raw & ~Bits.Keep));

    public static Pte Advance(Pte entry, ulong frames, int level) => new(entry.Raw + (frames << PageShift));

    public static bool IsYoung(Pte entry) => Has(entry, Bits.Accessed);

    public static bool IsDirty(Pte entry) => Has(entry, Bits.Dirty);

    public static bool IsWritable(Pte entry) => Has(entry, Bits.Write);

    public static bool IsExecutable(Pte entry) => Has(entry, Bits.Execute);

    public static bool IsUser(Pte entry) => Has(entry, Bits.User);

    public static bool IsProtNone(Pte entry) => (entry.Raw & (Bits.Valid | Bits.Present | Bits.User)) == Bits.Present;

    public static bool IsSpecial(Pte entry) => Has(entry, Bits.Special);

    public static bool IsSoftDirty(Pte entry) => Has(entry, Bits.SoftDirty);

    public static bool IsUffdWp(Pte entry) => Has(entry, Bits.UffdWp);

    public static Pte MakeYoung(Pte entry) => With(entry, Bits.Accessed);

    public static Pte MakeOld(Pte entry) => Without(entry, Bits.Accessed);

    public static Pte MakeDirty(Pte entry) => With(entry, Bits.Dirty | Bits.SoftDirty);

    public static Pte MakeClean(Pte entry) => Without(entry, Bits.Dirty);

    public static Pte MakeWritable(Pte entry) => With(entry, Bits.Write);

    public static Pte WriteProtect(Pte entry) => Without(entry, Bits.Write);

    public static Pte MakeSpecial(Pte entry) => With(entry, Bits.Special);

    public static Pte MakeSoftDirty(Pte entry) => With(entry, Bits.SoftDirty);

    public static Pte ClearSoftDirty(Pte entry) => Without(entry, Bits.SoftDirty);

    public static Pte MakeUffdWp(Pte entry) => Without(With(entry, Bits.UffdWp), Bits.Write);

    public static Pte ClearUffdWp(Pte entry) => Without(entry, Bits.UffdWp);

    public static Pte MakeInvalid(Pte entry, int level) => Without(entry, Bits.Valid);

    public static bool TryAccess(Pte entry, AccessKind kind, int level, out Pte after)
    {
        ulong need = Bits.Valid | Bits.User | kind switch { AccessKind.Write => Bits.Write, AccessKind.Execute => Bits.Execute, _ => 0 };
        bool allowed = (entry.Raw & need) == need;
        after = allowed ? With(entry, Bits.Accessed | (kind == AccessKind.Write ? Bits.Dirty : 0)) : entry;
        return allowed;
    }

    // ---- non-present entries: bulk work goes through these one by one, so that a call would cost more than what they do

    public static int SwapTypeBits => Bits.SwapTypeBits;

    public static int SwapOffsetBits => Bits.SwapOffsetBits;

    public static int FrameNumberBits => Bits.FrameBits;

    public static bool HasSwapSoftDirty => true;

    public static bool HasSwapUffdWp => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte EncodeSwap(uint type, ulong offset) =>
        new(((ulong)(type & ((1U << SwapTypeBits) - 1)) << Bits.SwapTypeShift) | (offset << PageShift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SwapType(Pte entry) => (uint)(entry.Raw >> Bits.SwapTypeShift) & ((1U << SwapTypeBits) - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SwapOffset(Pte entry) => entry.Raw >> PageShift;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapExclusive(Pte entry) => Has(entry, Bits.SwapExclusive);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapExclusive(Pte entry) => With(entry, Bits.SwapExclusive);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapExclusive(Pte entry) => Without(entry, Bits.SwapExclusive);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapSoftDirty(Pte entry) => Has(entry, Bits.SwapSoftDirty);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapSoftDirty(Pte entry) => With(entry, Bits.SwapSoftDirty);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapSoftDirty(Pte entry) => Without(entry, Bits.SwapSoftDirty);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapUffdWp(Pte entry) => Has(entry, Bits.SwapUffdWp);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapUffdWp(Pte entry) => With(entry, Bits.SwapUffdWp);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapUffdWp(Pte entry) => Without(entry, Bits.SwapUffdWp);

    // ---- what a kernel of this architecture would be configured with

    public static int SwapClusterSlots => 256;

    public static SwapTypeOptions UsualSwapTypeOptions => SwapTypeOptions.Migration;

    public static SwapTypeLayout DefaultSwapTypes => SwapTypeLayout.For(KernelVersion.Linux72, UsualSwapTypeOptions);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Has(Pte entry, ulong bit) => (entry.Raw & bit) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Pte With(Pte entry, ulong bits) => new(entry.Raw | bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Pte Without(Pte entry, ulong bits) => new(entry.Raw & ~bits);
}
