using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc;

/// <summary>
/// What the sparc64 architectures have in common: every member of <see cref="IArchitecture"/> except the name and the hole in the virtual
/// address space. The bodies are in <see cref="SparcLeaf{TBits}"/>, <see cref="SparcSwap"/> and <see cref="SparcGeometry"/>, which can also
/// be called directly; code that takes the architecture as a type argument reaches them through this interface, and the JIT, which knows the
/// struct, compiles the calls away.
/// </summary>
/// <remarks>
/// Linux has neither memory failure nor device memory on sparc64, so the default numbering of special types has migration only. There are
/// no soft-dirty and no userfaultfd bits: the operations return the entry unchanged.
/// </remarks>
/// <typeparam name="TBits">Places of the bits of an entry.</typeparam>
/// <seealso cref="Paging.ITagged{TTags}"/>
public interface ISparc<TBits> : IArchitecture, IFieldSwap<SparcSwap>, IEntryNames
    where TBits : struct, ISparcBits
{
    static int IPageGeometry.PageShift => SparcBits.PageShift;

    static int IPageGeometry.Levels => SparcGeometry.Levels;

    static int IPageGeometry.VirtualAddressBits => SparcGeometry.VirtualAddressBits;

    static bool IPageGeometry.BigEndian => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int IPageGeometry.LevelShift(int level) => SparcGeometry.LevelShift(level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int IPageGeometry.LevelBits(int level) => SparcGeometry.TableBits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IPageGeometry.LeafAllowed(int level) => SparcLeaf<TBits>.IsLeafLevel(level);

    static bool ILeafFormat.HasSoftDirty => false;

    static bool ILeafFormat.HasUffdWp => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsNone(Pte entry, int level) => entry.Raw == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsPresent(Pte entry, int level) => SparcLeaf<TBits>.IsPresent(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsTable(Pte entry, int level) => SparcLeaf<TBits>.IsTable(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsLeaf(Pte entry, int level) => SparcLeaf<TBits>.IsLeaf(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsBad(Pte entry, int level) => SparcLeaf<TBits>.IsBad(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeTable(ulong physicalAddress) => new(physicalAddress);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ILeafFormat.TableAddress(Pte entry) => entry.Raw;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Protection ILeafFormat.ProtectionOf(AccessRights rights) => SparcLeaf<TBits>.ProtectionOf(rights);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeLeaf(ulong frame, Protection protection, int level) => SparcLeaf<TBits>.MakeLeaf(frame, protection, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ILeafFormat.FrameOf(Pte entry, int level) => SparcLeaf<TBits>.FrameOf(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) => SparcLeaf<TBits>.Modify(entry, protection);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.Advance(Pte entry, ulong frames, int level) => SparcLeaf<TBits>.Advance(entry, frames);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsYoung(Pte entry) => SparcLeaf<TBits>.IsYoung(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsDirty(Pte entry) => SparcLeaf<TBits>.IsDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsWritable(Pte entry) => SparcLeaf<TBits>.IsWritable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsExecutable(Pte entry) => SparcLeaf<TBits>.IsExecutable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsUser(Pte entry) => SparcLeaf<TBits>.IsUser(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsProtNone(Pte entry) => SparcLeaf<TBits>.IsProtNone(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsSpecial(Pte entry) => SparcLeaf<TBits>.IsSpecial(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsSoftDirty(Pte entry) => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.IsUffdWp(Pte entry) => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeYoung(Pte entry) => SparcLeaf<TBits>.MakeYoung(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeOld(Pte entry) => SparcLeaf<TBits>.MakeOld(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeDirty(Pte entry) => SparcLeaf<TBits>.MakeDirty(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeClean(Pte entry) => SparcLeaf<TBits>.MakeClean(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeWritable(Pte entry) => SparcLeaf<TBits>.MakeWritable(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.WriteProtect(Pte entry) => SparcLeaf<TBits>.WriteProtect(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeSpecial(Pte entry) => SparcLeaf<TBits>.MakeSpecial(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeSoftDirty(Pte entry) => entry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.ClearSoftDirty(Pte entry) => entry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeUffdWp(Pte entry) => entry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.ClearUffdWp(Pte entry) => entry;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ILeafFormat.MakeInvalid(Pte entry, int level) => SparcLeaf<TBits>.MakeInvalid(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after)
    {
        after = entry;
        return SparcLeaf<TBits>.TryAccess(entry, kind);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IQuickWalk.TableIgnores(int level) => 0; // a pointer to a table is its bare address

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IQuickWalk.TableMarks(int level) => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IQuickWalk.IsPlainLeaf(Pte entry) => (entry.Raw & TBits.Present) != 0;

    static ulong IQuickWalk.PlainLeafFrame => TBits.FrameMask;

    static ulong IQuickWalk.SettledLeaf => 0; // the processor changes no entry

    static int ISwapFormat.FrameNumberBits => SparcGeometry.PhysicalAddressBits - SparcBits.PageShift;

    static int IArchitecture.HugePageShift => SparcGeometry.LevelShift(2);

    static int IArchitecture.SwapClusterSlots => 256;

    static SwapTypeOptions IArchitecture.UsualSwapTypeOptions => SwapTypeOptions.Migration;

    static SwapTypeLayout IArchitecture.DefaultSwapTypes => SwapTypeLayout.For(KernelVersion.Linux72, SwapTypeOptions.Migration);

    static IReadOnlyList<string> IEntryNames.FlagNames(Pte entry, int level) => SparcNames<TBits>.FlagNames(entry, level);

    static string? IEntryNames.ParseFlags(IEnumerable<string> names, int level, bool table, out Protection flags) =>
        SparcNames<TBits>.ParseFlags(names, table, out flags);

    static Pte IEntryNames.Place(ulong frame, Protection flags, int level, bool table) =>
        new((frame << SparcBits.PageShift) | flags.Raw);

    static IReadOnlyList<EntryField> IEntryNames.Fields(Pte entry, int level) => SparcNames<TBits>.Fields(entry, level);
}
