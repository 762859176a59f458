using PageTableEmu.Paging;

namespace PageTableEmu.Conformance;

/// <summary>
/// An architecture that does everything as another one does, its tag provider included, but for the members that whoever implements this declares
/// anew: to listen to calls, or to break one thing and see which law finds it.
/// </summary>
/// <typeparam name="TArch">The other one.</typeparam>
/// <example>
/// <code>
/// ConformanceReport report = TagProviderConformance.Run&lt;Forgetful&gt;(law =&gt; law == "tags/restore");
/// LawFailure failure = report.Failures.Single().Failure!; // the law finds what is broken
/// Console.WriteLine($"{failure.Problem}: {failure.Inputs}");
///
/// /// As the other one, but tags do not come back from swap.
/// readonly struct Forgetful : IForwardingArchitecture&lt;Arm64FourLevel&lt;MteFrameSlot&gt;&gt;
/// {
///     static void IPageTagProvider.RestoreFromSlot&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, SwapEntry slot, uint frame)
///     {
///     }
/// }
/// </code>
/// </example>
public interface IForwardingArchitecture<TArch> : IArchitecture, ITagged<TArch>
    where TArch : struct, IArchitecture
{
    static int IPageGeometry.PageShift => TArch.PageShift;

    static bool IPageGeometry.BigEndian => TArch.BigEndian;

    static int IPageGeometry.LevelShift(int level) => TArch.LevelShift(level);

    static int IPageGeometry.LevelBits(int level) => TArch.LevelBits(level);

    static bool IPageGeometry.LeafAllowed(int level) => TArch.LeafAllowed(level);

    static bool ILeafFormat.HasSoftDirty => TArch.HasSoftDirty;

    static bool ILeafFormat.HasUffdWp => TArch.HasUffdWp;

    static bool ILeafFormat.IsNone(Pte entry, int level) => TArch.IsNone(entry, level);

    static bool ILeafFormat.IsPresent(Pte entry, int level) => TArch.IsPresent(entry, level);

    static bool ILeafFormat.IsTable(Pte entry, int level) => TArch.IsTable(entry, level);

    static bool ILeafFormat.IsLeaf(Pte entry, int level) => TArch.IsLeaf(entry, level);

    static bool ILeafFormat.IsBad(Pte entry, int level) => TArch.IsBad(entry, level);

    static Pte ILeafFormat.MakeTable(ulong physicalAddress) => TArch.MakeTable(physicalAddress);

    static ulong ILeafFormat.TableAddress(Pte entry) => TArch.TableAddress(entry);

    static Protection ILeafFormat.ProtectionOf(AccessRights rights) => TArch.ProtectionOf(rights);

    static Pte ILeafFormat.MakeLeaf(ulong frame, Protection protection, int level) => TArch.MakeLeaf(frame, protection, level);

    static ulong ILeafFormat.FrameOf(Pte entry, int level) => TArch.FrameOf(entry, level);

    static Pte ILeafFormat.Modify(Pte entry, Protection protection, int level) => TArch.Modify(entry, protection, level);

    static Pte ILeafFormat.Advance(Pte entry, ulong frames, int level) => TArch.Advance(entry, frames, level);

    static bool ILeafFormat.IsYoung(Pte entry) => TArch.IsYoung(entry);

    static bool ILeafFormat.IsDirty(Pte entry) => TArch.IsDirty(entry);

    static bool ILeafFormat.IsWritable(Pte entry) => TArch.IsWritable(entry);

    static bool ILeafFormat.IsExecutable(Pte entry) => TArch.IsExecutable(entry);

    static bool ILeafFormat.IsUser(Pte entry) => TArch.IsUser(entry);

    static bool ILeafFormat.IsProtNone(Pte entry) => TArch.IsProtNone(entry);

    static bool ILeafFormat.IsSpecial(Pte entry) => TArch.IsSpecial(entry);

    static bool ILeafFormat.IsSoftDirty(Pte entry) => TArch.IsSoftDirty(entry);

    static bool ILeafFormat.IsUffdWp(Pte entry) => TArch.IsUffdWp(entry);

    static Pte ILeafFormat.MakeYoung(Pte entry) => TArch.MakeYoung(entry);

    static Pte ILeafFormat.MakeOld(Pte entry) => TArch.MakeOld(entry);

    static Pte ILeafFormat.MakeDirty(Pte entry) => TArch.MakeDirty(entry);

    static Pte ILeafFormat.MakeClean(Pte entry) => TArch.MakeClean(entry);

    static Pte ILeafFormat.MakeWritable(Pte entry) => TArch.MakeWritable(entry);

    static Pte ILeafFormat.WriteProtect(Pte entry) => TArch.WriteProtect(entry);

    static Pte ILeafFormat.MakeSpecial(Pte entry) => TArch.MakeSpecial(entry);

    static Pte ILeafFormat.MakeSoftDirty(Pte entry) => TArch.MakeSoftDirty(entry);

    static Pte ILeafFormat.ClearSoftDirty(Pte entry) => TArch.ClearSoftDirty(entry);

    static Pte ILeafFormat.MakeUffdWp(Pte entry) => TArch.MakeUffdWp(entry);

    static Pte ILeafFormat.ClearUffdWp(Pte entry) => TArch.ClearUffdWp(entry);

    static Pte ILeafFormat.MakeInvalid(Pte entry, int level) => TArch.MakeInvalid(entry, level);

    static bool ILeafFormat.TryAccess(Pte entry, AccessKind kind, int level, out Pte after) => TArch.TryAccess(entry, kind, level, out after);

    static int ISwapFormat.SwapTypeBits => TArch.SwapTypeBits;

    static int ISwapFormat.SwapOffsetBits => TArch.SwapOffsetBits;

    static bool ISwapFormat.HasSwapSoftDirty => TArch.HasSwapSoftDirty;

    static bool ISwapFormat.HasSwapUffdWp => TArch.HasSwapUffdWp;

    static Pte ISwapFormat.EncodeSwap(uint type, ulong offset) => TArch.EncodeSwap(type, offset);

    static uint ISwapFormat.SwapType(Pte entry) => TArch.SwapType(entry);

    static ulong ISwapFormat.SwapOffset(Pte entry) => TArch.SwapOffset(entry);

    static bool ISwapFormat.IsSwapExclusive(Pte entry) => TArch.IsSwapExclusive(entry);

    static Pte ISwapFormat.MakeSwapExclusive(Pte entry) => TArch.MakeSwapExclusive(entry);

    static Pte ISwapFormat.ClearSwapExclusive(Pte entry) => TArch.ClearSwapExclusive(entry);

    static bool ISwapFormat.IsSwapSoftDirty(Pte entry) => TArch.IsSwapSoftDirty(entry);

    static Pte ISwapFormat.MakeSwapSoftDirty(Pte entry) => TArch.MakeSwapSoftDirty(entry);

    static Pte ISwapFormat.ClearSwapSoftDirty(Pte entry) => TArch.ClearSwapSoftDirty(entry);

    static bool ISwapFormat.IsSwapUffdWp(Pte entry) => TArch.IsSwapUffdWp(entry);

    static Pte ISwapFormat.MakeSwapUffdWp(Pte entry) => TArch.MakeSwapUffdWp(entry);

    static Pte ISwapFormat.ClearSwapUffdWp(Pte entry) => TArch.ClearSwapUffdWp(entry);

    static int IArchitecture.HugePageShift => TArch.HugePageShift;

    static bool IArchitecture.ReclaimsEmptyTables => TArch.ReclaimsEmptyTables;

    static int IArchitecture.SwapClusterSlots => TArch.SwapClusterSlots;

    static SwapTypeOptions IArchitecture.UsualSwapTypeOptions => TArch.UsualSwapTypeOptions;

    static SwapTypeLayout IArchitecture.DefaultSwapTypes => TArch.DefaultSwapTypes;

    static int IPageGeometry.Levels => TArch.Levels;

    static int IPageGeometry.VirtualAddressBits => TArch.VirtualAddressBits;

    static ulong IPageGeometry.UserSpaceEnd => TArch.UserSpaceEnd;

    static bool IPageGeometry.IsCanonical(ulong virtualAddress) => TArch.IsCanonical(virtualAddress);

    static int ISwapFormat.FrameNumberBits => TArch.FrameNumberBits;

    static bool ISwapFormat.HasSwapExclusive => TArch.HasSwapExclusive;

    static string IArchitecture.Name => TArch.Name;

    static uint IArchitecture.Id => TArch.Id;

    static int IArchitecture.NarrowLeafFrameBits => TArch.NarrowLeafFrameBits;
}
