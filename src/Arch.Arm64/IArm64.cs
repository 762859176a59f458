using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// What arm64 with and without memory tags have in common: every member of <see cref="IArchitecture"/> except the name, and what tags add.
/// The bodies are in <see cref="Arm64Leaf"/>, <see cref="Arm64Swap"/> and <see cref="Arm64Geometry"/>, which can also be called directly; code
/// that takes the architecture as a type argument reaches them through this interface, and the JIT, which knows the struct, compiles the
/// calls away.
/// </summary>
/// <remarks>Runs of contiguous entries (contpte) are a matter of the TLB's reach and not modelled: the CONT bit is never set.</remarks>
/// <seealso cref="Arm64FourLevel"/>
public interface IArm64 : IArchitecture, IFieldSwap<Arm64Swap>, IEntryNames
{
    static int IPageGeometry.Levels => Arm64Geometry.Levels;

    static int IPageGeometry.VirtualAddressBits => Arm64Geometry.VirtualAddressBits;

    static int ISwapFormat.FrameNumberBits => Arm64Geometry.PhysicalAddressBits - Arm64Geometry.PageShift;

    static int IPageGeometry.PageShift => Arm64Geometry.PageShift;

    static bool IPageGeometry.BigEndian => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int IPageGeometry.LevelShift(int level) => Arm64Geometry.LevelShift(level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int IPageGeometry.LevelBits(int level) => Arm64Geometry.TableBits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IPageGeometry.LeafAllowed(int level) => level <= 3;

    static bool ILeafFormat.HasSoftDirty => false;

    static bool ILeafFormat.HasUffdWp => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsNone(Pte entry, int level) => entry.Raw == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsPresent(Pte entry, int level) => Arm64Leaf.IsPresent(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsTable(Pte entry, int level) => Arm64Leaf.IsTable(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsLeaf(Pte entry, int level) => Arm64Leaf.IsLeaf(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsBad(Pte entry, int level) => Arm64Leaf.IsBad(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeTable(ulong physicalAddress) => Arm64Leaf.MakeTable(physicalAddress);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ILeafFormat.TableAddress(Pte entry) => Arm64Leaf.TableAddress(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Protection ILeafFormat.ProtectionOf(AccessRights rights) => Arm64Leaf.ProtectionOf(rights);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeLeaf(ulong frame, Protection protection, int level) => Arm64Leaf.MakeLeaf(frame, protection, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ILeafFormat.FrameOf(Pte entry, int level) => Arm64Leaf.FrameOf(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) => Arm64Leaf.Modify(entry, protection);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.Advance(Pte entry, ulong frames, int level) => Arm64Leaf.Advance(entry, frames);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsYoung(Pte entry) => Arm64Leaf.IsYoung(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsDirty(Pte entry) => Arm64Leaf.IsDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsWritable(Pte entry) => Arm64Leaf.IsWritable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsExecutable(Pte entry) => Arm64Leaf.IsExecutable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsUser(Pte entry) => Arm64Leaf.IsUser(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsProtNone(Pte entry) => Arm64Leaf.IsProtNone(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsSpecial(Pte entry) => Arm64Leaf.IsSpecial(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsSoftDirty(Pte entry) => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsUffdWp(Pte entry) => Arm64Leaf.IsUffdWp(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeYoung(Pte entry) => Arm64Leaf.MakeYoung(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeOld(Pte entry) => Arm64Leaf.MakeOld(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeDirty(Pte entry) => Arm64Leaf.MakeDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeClean(Pte entry) => Arm64Leaf.MakeClean(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeWritable(Pte entry) => Arm64Leaf.MakeWritable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.WriteProtect(Pte entry) => Arm64Leaf.WriteProtect(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeSpecial(Pte entry) => Arm64Leaf.MakeSpecial(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeSoftDirty(Pte entry) => entry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.ClearSoftDirty(Pte entry) => entry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeUffdWp(Pte entry) => Arm64Leaf.MakeUffdWp(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.ClearUffdWp(Pte entry) => Arm64Leaf.ClearUffdWp(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeInvalid(Pte entry, int level) => Arm64Leaf.MakeInvalid(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after) =>
        Arm64Leaf.TryAccess(entry, kind, level, out after);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IQuickWalk.TableIgnores(int level) => ~(Arm64Bits.FrameMask | Arm64Bits.TypeMask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IQuickWalk.TableMarks(int level) => Arm64Bits.TypeMask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IQuickWalk.IsPlainLeaf(Pte entry) => (entry.Raw & Arm64Bits.Valid) != 0;

    static ulong IQuickWalk.PlainLeafFrame => Arm64Bits.FrameMask;

    static int IArchitecture.HugePageShift => Arm64Geometry.LevelShift(2);

    static int IArchitecture.SwapClusterSlots => 1 << Arm64Geometry.TableBits;

    static SwapTypeOptions IArchitecture.UsualSwapTypeOptions => SwapTypeOptions.All;

    static SwapTypeLayout IArchitecture.DefaultSwapTypes => SwapTypeLayout.For(KernelVersion.Linux72, SwapTypeOptions.All);

    static IReadOnlyList<string> IEntryNames.FlagNames(Pte entry, int level) => Arm64Names.FlagNames(entry, level);

    static string? IEntryNames.ParseFlags(IEnumerable<string> names, int level, bool table, out Protection flags) =>
        Arm64Names.ParseFlags(names, table, out flags);

    static Pte IEntryNames.Place(ulong frame, Protection flags, int level, bool table) => Arm64Names.Place(frame, flags, level, table);

    static IReadOnlyList<EntryField> IEntryNames.Fields(Pte entry, int level) => Arm64Names.Fields(entry, level);
}
