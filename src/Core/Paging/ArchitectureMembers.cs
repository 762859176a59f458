using System.Runtime.CompilerServices;

namespace PageTableEmu.Paging;

/// <summary>
/// Lets code that knows the architecture call its members on the struct itself, as in <c>X64FourLevel.FrameOf(entry, 1)</c>.
/// </summary>
/// <remarks>
/// Architectures of a family take their members from a common interface, and C# finds members of an interface on a type parameter but not on
/// the struct. Code that is generic over the architecture does not come through here.
/// </remarks>
public static class ArchitectureMembers
{
    extension<TArch>(TArch)
        where TArch : struct, IArchitecture
    {
        /// <inheritdoc cref="IPageGeometry.LevelShift"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static int LevelShift(int level) => TArch.LevelShift(level);

        /// <inheritdoc cref="IPageGeometry.LevelBits"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static int LevelBits(int level) => TArch.LevelBits(level);

        /// <inheritdoc cref="IPageGeometry.LeafAllowed"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool LeafAllowed(int level) => TArch.LeafAllowed(level);

        /// <inheritdoc cref="IPageGeometry.IsCanonical"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsCanonical(ulong virtualAddress) => TArch.IsCanonical(virtualAddress);

        /// <inheritdoc cref="ILeafFormat.IsNone"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsNone(Pte entry, int level) => TArch.IsNone(entry, level);

        /// <inheritdoc cref="ILeafFormat.IsPresent"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsPresent(Pte entry, int level) => TArch.IsPresent(entry, level);

        /// <inheritdoc cref="ILeafFormat.IsTable"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsTable(Pte entry, int level) => TArch.IsTable(entry, level);

        /// <inheritdoc cref="ILeafFormat.IsLeaf"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsLeaf(Pte entry, int level) => TArch.IsLeaf(entry, level);

        /// <inheritdoc cref="ILeafFormat.IsBad"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsBad(Pte entry, int level) => TArch.IsBad(entry, level);

        /// <inheritdoc cref="ILeafFormat.MakeTable"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeTable(ulong physicalAddress) => TArch.MakeTable(physicalAddress);

        /// <inheritdoc cref="ILeafFormat.TableAddress"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static ulong TableAddress(Pte entry) => TArch.TableAddress(entry);

        /// <inheritdoc cref="ILeafFormat.ProtectionOf"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Protection ProtectionOf(AccessRights rights) => TArch.ProtectionOf(rights);

        /// <inheritdoc cref="ILeafFormat.MakeLeaf"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeLeaf(ulong frame, Protection protection, int level) => TArch.MakeLeaf(frame, protection, level);

        /// <inheritdoc cref="ILeafFormat.FrameOf"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static ulong FrameOf(Pte entry, int level) => TArch.FrameOf(entry, level);

        /// <inheritdoc cref="ILeafFormat.Modify"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte Modify(Pte entry, Protection protection, int level) => TArch.Modify(entry, protection, level);

        /// <inheritdoc cref="ILeafFormat.Advance"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte Advance(Pte entry, ulong frames, int level) => TArch.Advance(entry, frames, level);

        /// <inheritdoc cref="ILeafFormat.IsYoung"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsYoung(Pte entry) => TArch.IsYoung(entry);

        /// <inheritdoc cref="ILeafFormat.IsDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsDirty(Pte entry) => TArch.IsDirty(entry);

        /// <inheritdoc cref="ILeafFormat.IsWritable"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsWritable(Pte entry) => TArch.IsWritable(entry);

        /// <inheritdoc cref="ILeafFormat.IsExecutable"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsExecutable(Pte entry) => TArch.IsExecutable(entry);

        /// <inheritdoc cref="ILeafFormat.IsUser"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsUser(Pte entry) => TArch.IsUser(entry);

        /// <inheritdoc cref="ILeafFormat.IsProtNone"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsProtNone(Pte entry) => TArch.IsProtNone(entry);

        /// <inheritdoc cref="ILeafFormat.IsSpecial"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsSpecial(Pte entry) => TArch.IsSpecial(entry);

        /// <inheritdoc cref="ILeafFormat.IsSoftDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsSoftDirty(Pte entry) => TArch.IsSoftDirty(entry);

        /// <inheritdoc cref="ILeafFormat.IsUffdWp"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsUffdWp(Pte entry) => TArch.IsUffdWp(entry);

        /// <inheritdoc cref="ILeafFormat.MakeYoung"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeYoung(Pte entry) => TArch.MakeYoung(entry);

        /// <inheritdoc cref="ILeafFormat.MakeOld"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeOld(Pte entry) => TArch.MakeOld(entry);

        /// <inheritdoc cref="ILeafFormat.MakeDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeDirty(Pte entry) => TArch.MakeDirty(entry);

        /// <inheritdoc cref="ILeafFormat.MakeClean"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeClean(Pte entry) => TArch.MakeClean(entry);

        /// <inheritdoc cref="ILeafFormat.MakeWritable"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeWritable(Pte entry) => TArch.MakeWritable(entry);

        /// <inheritdoc cref="ILeafFormat.WriteProtect"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte WriteProtect(Pte entry) => TArch.WriteProtect(entry);

        /// <inheritdoc cref="ILeafFormat.MakeSpecial"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeSpecial(Pte entry) => TArch.MakeSpecial(entry);

        /// <inheritdoc cref="ILeafFormat.MakeSoftDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeSoftDirty(Pte entry) => TArch.MakeSoftDirty(entry);

        /// <inheritdoc cref="ILeafFormat.ClearSoftDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte ClearSoftDirty(Pte entry) => TArch.ClearSoftDirty(entry);

        /// <inheritdoc cref="ILeafFormat.MakeUffdWp"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeUffdWp(Pte entry) => TArch.MakeUffdWp(entry);

        /// <inheritdoc cref="ILeafFormat.ClearUffdWp"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte ClearUffdWp(Pte entry) => TArch.ClearUffdWp(entry);

        /// <inheritdoc cref="ILeafFormat.MakeInvalid"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeInvalid(Pte entry, int level) => TArch.MakeInvalid(entry, level);

        /// <inheritdoc cref="ILeafFormat.TryAccess"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryAccess(Pte entry, AccessKind kind, int level, out Pte after) => TArch.TryAccess(entry, kind, level, out after);

        /// <inheritdoc cref="ISwapFormat.EncodeSwap"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte EncodeSwap(uint type, ulong offset) => TArch.EncodeSwap(type, offset);

        /// <inheritdoc cref="ISwapFormat.SwapType"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static uint SwapType(Pte entry) => TArch.SwapType(entry);

        /// <inheritdoc cref="ISwapFormat.SwapOffset"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static ulong SwapOffset(Pte entry) => TArch.SwapOffset(entry);

        /// <inheritdoc cref="ISwapFormat.IsSwapExclusive"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsSwapExclusive(Pte entry) => TArch.IsSwapExclusive(entry);

        /// <inheritdoc cref="ISwapFormat.MakeSwapExclusive"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeSwapExclusive(Pte entry) => TArch.MakeSwapExclusive(entry);

        /// <inheritdoc cref="ISwapFormat.ClearSwapExclusive"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte ClearSwapExclusive(Pte entry) => TArch.ClearSwapExclusive(entry);

        /// <inheritdoc cref="ISwapFormat.IsSwapSoftDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsSwapSoftDirty(Pte entry) => TArch.IsSwapSoftDirty(entry);

        /// <inheritdoc cref="ISwapFormat.MakeSwapSoftDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeSwapSoftDirty(Pte entry) => TArch.MakeSwapSoftDirty(entry);

        /// <inheritdoc cref="ISwapFormat.ClearSwapSoftDirty"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte ClearSwapSoftDirty(Pte entry) => TArch.ClearSwapSoftDirty(entry);

        /// <inheritdoc cref="ISwapFormat.IsSwapUffdWp"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsSwapUffdWp(Pte entry) => TArch.IsSwapUffdWp(entry);

        /// <inheritdoc cref="ISwapFormat.MakeSwapUffdWp"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte MakeSwapUffdWp(Pte entry) => TArch.MakeSwapUffdWp(entry);

        /// <inheritdoc cref="ISwapFormat.ClearSwapUffdWp"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pte ClearSwapUffdWp(Pte entry) => TArch.ClearSwapUffdWp(entry);
    }
}
