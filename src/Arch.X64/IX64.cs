using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.X64;

/// <summary>
/// What the four-level and the five-level architecture have in common: every member of <see cref="IArchitecture"/> except the number of
/// levels and what follows from it. The bodies are in <see cref="X64Leaf"/>, <see cref="X64Swap"/> and <see cref="X64Geometry"/>, which can
/// also be called directly; code that takes the architecture as a type argument reaches them through this interface, and the JIT, which
/// knows the struct, compiles the calls away.
/// </summary>
public interface IX64 : IArchitecture, IEntryNames
{
    static bool IArchitecture.ReclaimsEmptyTables => true;

    static int IPageGeometry.PageShift => X64Geometry.PageShift;

    static bool IPageGeometry.BigEndian => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int IPageGeometry.LevelShift(int level) => X64Geometry.LevelShift(level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int IPageGeometry.LevelBits(int level) => X64Geometry.TableBits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IPageGeometry.LeafAllowed(int level) => level <= 3;

    static bool ILeafFormat.HasSoftDirty => true;

    static bool ILeafFormat.HasUffdWp => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsNone(Pte entry, int level) => X64Leaf.IsNone(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsPresent(Pte entry, int level) => X64Leaf.IsPresent(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsTable(Pte entry, int level) => X64Leaf.IsTable(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsLeaf(Pte entry, int level) => X64Leaf.IsLeaf(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsBad(Pte entry, int level) => X64Leaf.IsBad(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeTable(ulong physicalAddress) => X64Leaf.MakeTable(physicalAddress);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ILeafFormat.TableAddress(Pte entry) => X64Leaf.TableAddress(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Protection ILeafFormat.ProtectionOf(AccessRights rights) => X64Leaf.ProtectionOf(rights);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeLeaf(ulong frame, Protection protection, int level) => X64Leaf.MakeLeaf(frame, protection, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ILeafFormat.FrameOf(Pte entry, int level) => X64Leaf.FrameOf(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) => X64Leaf.Modify(entry, protection, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.Advance(Pte entry, ulong frames, int level) => X64Leaf.Advance(entry, frames);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsYoung(Pte entry) => X64Leaf.IsYoung(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsDirty(Pte entry) => X64Leaf.IsDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsWritable(Pte entry) => X64Leaf.IsWritable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsExecutable(Pte entry) => X64Leaf.IsExecutable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsUser(Pte entry) => X64Leaf.IsUser(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsProtNone(Pte entry) => X64Leaf.IsProtNone(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsSpecial(Pte entry) => X64Leaf.IsSpecial(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsSoftDirty(Pte entry) => X64Leaf.IsSoftDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsUffdWp(Pte entry) => X64Leaf.IsUffdWp(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeYoung(Pte entry) => X64Leaf.MakeYoung(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeOld(Pte entry) => X64Leaf.MakeOld(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeDirty(Pte entry) => X64Leaf.MakeDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeClean(Pte entry) => X64Leaf.MakeClean(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeWritable(Pte entry) => X64Leaf.MakeWritable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.WriteProtect(Pte entry) => X64Leaf.WriteProtect(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeSpecial(Pte entry) => X64Leaf.MakeSpecial(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeSoftDirty(Pte entry) => X64Leaf.MakeSoftDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.ClearSoftDirty(Pte entry) => X64Leaf.ClearSoftDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeUffdWp(Pte entry) => X64Leaf.MakeUffdWp(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.ClearUffdWp(Pte entry) => X64Leaf.ClearUffdWp(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeInvalid(Pte entry, int level) => X64Leaf.MakeInvalid(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after) => X64Leaf.TryAccess(entry, kind, out after);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IQuickWalk.TableIgnores(int level) => X64Leaf.TableIgnores(level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IQuickWalk.TableMarks(int level) => X64Leaf.TableMarks(level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IQuickWalk.IsPlainLeaf(Pte entry) => (entry.Raw & X64Bits.Present) != 0;

    static ulong IQuickWalk.PlainLeafFrame => X64Bits.FrameMask;

    static ulong IQuickWalk.SettledLeaf => X64Bits.Accessed | X64Bits.Dirty;

    /// <inheritdoc/>
    static bool IQuickWalk.RootIndexIsSigned => true;

    static int ISwapFormat.SwapTypeBits => X64Swap.TypeBits;

    static int ISwapFormat.SwapOffsetBits => X64Swap.OffsetBits;

    static bool ISwapFormat.HasSwapSoftDirty => true;

    static bool ISwapFormat.HasSwapUffdWp => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.EncodeSwap(uint type, ulong offset) => X64Swap.Encode(type, offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint ISwapFormat.SwapType(Pte entry) => X64Swap.Type(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ISwapFormat.SwapOffset(Pte entry) => X64Swap.Offset(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ISwapFormat.IsSwapExclusive(Pte entry) => (entry.Raw & X64Swap.Exclusive) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.MakeSwapExclusive(Pte entry) => new(entry.Raw | X64Swap.Exclusive);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.ClearSwapExclusive(Pte entry) => new(entry.Raw & ~X64Swap.Exclusive);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ISwapFormat.IsSwapSoftDirty(Pte entry) => (entry.Raw & X64Swap.SoftDirty) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.MakeSwapSoftDirty(Pte entry) => new(entry.Raw | X64Swap.SoftDirty);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.ClearSwapSoftDirty(Pte entry) => new(entry.Raw & ~X64Swap.SoftDirty);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ISwapFormat.IsSwapUffdWp(Pte entry) => (entry.Raw & X64Swap.UffdWp) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.MakeSwapUffdWp(Pte entry) => new(entry.Raw | X64Swap.UffdWp);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.ClearSwapUffdWp(Pte entry) => new(entry.Raw & ~X64Swap.UffdWp);

    static int IArchitecture.HugePageShift => X64Geometry.LevelShift(2);

    static int IArchitecture.SwapClusterSlots => 1 << X64Geometry.TableBits;

    static SwapTypeOptions IArchitecture.UsualSwapTypeOptions => SwapTypeOptions.All;

    static SwapTypeLayout IArchitecture.DefaultSwapTypes => SwapTypeLayout.For(KernelVersion.Linux72, SwapTypeOptions.All);

    static IReadOnlyList<string> IEntryNames.FlagNames(Pte entry, int level) => X64Names.FlagNames(entry, level);

    static string? IEntryNames.ParseFlags(IEnumerable<string> names, int level, bool table, out Protection flags) =>
        X64Names.ParseFlags(names, level, table, out flags);

    static Pte IEntryNames.Place(ulong frame, Protection flags, int level, bool table) => X64Names.Place(frame, flags, level, table);

    static IReadOnlyList<EntryField> IEntryNames.Fields(Pte entry, int level) => X64Names.Fields(entry, level);
}
