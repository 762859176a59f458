using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// arm64 with a granule of 4 KiB, 48 bits of virtual and of physical address, and a processor that keeps AF and dirtiness itself. The bodies
/// are in <see cref="Arm64Leaf"/>, <see cref="Arm64Swap"/> and <see cref="Arm64Geometry"/>, which can also be called directly.
/// </summary>
/// <remarks>Runs of contiguous entries (contpte) are a matter of the TLB's reach and not modelled: the CONT bit is never set.</remarks>
/// <example>
/// <code>
/// Pte leaf = Arm64FourLevel.MakeLeaf(0x1234, Arm64FourLevel.ProtectionOf(AccessRights.Read | AccessRights.Write), level: 1);
/// bool writable = (leaf.Raw &amp; Arm64Bits.Write) != 0 &amp;&amp; Arm64Leaf.IsWritable(leaf);
/// ulong ofOneTable = 1UL &lt;&lt; Arm64Geometry.LevelShift(2); // 2 MiB
/// Pte swapped = Arm64Swap.Encode(type: 1, offset: 0x41);
/// Console.WriteLine($"{leaf.Raw:x16} {string.Join(' ', Arm64Names.FlagNames(leaf, 1))}, {swapped.Raw:x16} when it is away");
/// </code>
/// </example>
public readonly struct Arm64FourLevel : IArchitecture, IEntryNames
{
    /// <inheritdoc/>
    public static string Name => "arm64";

    /// <inheritdoc/>
    public static uint Id => 6;

    /// <inheritdoc/>
    public static int Levels => Arm64Geometry.Levels;

    /// <inheritdoc/>
    public static int VirtualAddressBits => Arm64Geometry.VirtualAddressBits;

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => 1UL << Arm64Geometry.VirtualAddressBits;

    /// <inheritdoc/>
    public static int FrameNumberBits => Arm64Geometry.PhysicalAddressBits - Arm64Geometry.PageShift;

    /// <summary>Whether a process's tables translate the address: it has no bit above the 48, neither the kernel's sign nor a tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => virtualAddress >> Arm64Geometry.VirtualAddressBits == 0;

    /// <inheritdoc/>
    public static int PageShift => Arm64Geometry.PageShift;

    /// <inheritdoc/>
    public static bool BigEndian => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LevelShift(int level) => Arm64Geometry.LevelShift(level);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LevelBits(int level) => Arm64Geometry.TableBits;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LeafAllowed(int level) => level <= 3;

    /// <inheritdoc/>
    public static bool HasSoftDirty => false;

    /// <inheritdoc/>
    public static bool HasUffdWp => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNone(Pte entry, int level) => entry.Raw == 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPresent(Pte entry, int level) => Arm64Leaf.IsPresent(entry, level);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsTable(Pte entry, int level) => Arm64Leaf.IsTable(entry, level);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLeaf(Pte entry, int level) => Arm64Leaf.IsLeaf(entry, level);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsBad(Pte entry, int level) => Arm64Leaf.IsBad(entry, level);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeTable(ulong physicalAddress) => Arm64Leaf.MakeTable(physicalAddress);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong TableAddress(Pte entry) => Arm64Leaf.TableAddress(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection ProtectionOf(AccessRights rights) => Arm64Leaf.ProtectionOf(rights);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeLeaf(ulong frame, Protection protection, int level) => Arm64Leaf.MakeLeaf(frame, protection, level);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FrameOf(Pte entry, int level) => Arm64Leaf.FrameOf(entry, level);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Modify(Pte entry, Protection protection, int level) => Arm64Leaf.Modify(entry, protection);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Advance(Pte entry, ulong frames, int level) => Arm64Leaf.Advance(entry, frames);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsYoung(Pte entry) => Arm64Leaf.IsYoung(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDirty(Pte entry) => Arm64Leaf.IsDirty(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWritable(Pte entry) => Arm64Leaf.IsWritable(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsExecutable(Pte entry) => Arm64Leaf.IsExecutable(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUser(Pte entry) => Arm64Leaf.IsUser(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsProtNone(Pte entry) => Arm64Leaf.IsProtNone(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSpecial(Pte entry) => Arm64Leaf.IsSpecial(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSoftDirty(Pte entry) => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUffdWp(Pte entry) => Arm64Leaf.IsUffdWp(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeYoung(Pte entry) => Arm64Leaf.MakeYoung(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeOld(Pte entry) => Arm64Leaf.MakeOld(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeDirty(Pte entry) => Arm64Leaf.MakeDirty(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeClean(Pte entry) => Arm64Leaf.MakeClean(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeWritable(Pte entry) => Arm64Leaf.MakeWritable(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte WriteProtect(Pte entry) => Arm64Leaf.WriteProtect(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSpecial(Pte entry) => Arm64Leaf.MakeSpecial(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSoftDirty(Pte entry) => entry;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSoftDirty(Pte entry) => entry;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeUffdWp(Pte entry) => Arm64Leaf.MakeUffdWp(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearUffdWp(Pte entry) => Arm64Leaf.ClearUffdWp(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeInvalid(Pte entry, int level) => Arm64Leaf.MakeInvalid(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAccess(Pte entry, AccessKind kind, int level, out Pte after) =>
        Arm64Leaf.TryAccess(entry, kind, level, out after);

    /// <inheritdoc/>
    public static int SwapTypeBits => Arm64Swap.TypeBits;

    /// <inheritdoc/>
    public static int SwapOffsetBits => Arm64Swap.OffsetBits;

    /// <inheritdoc/>
    public static bool HasSwapSoftDirty => false;

    /// <inheritdoc/>
    public static bool HasSwapUffdWp => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte EncodeSwap(uint type, ulong offset) => Arm64Swap.Encode(type, offset);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SwapType(Pte entry) => Arm64Swap.Type(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SwapOffset(Pte entry) => Arm64Swap.Offset(entry);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapExclusive(Pte entry) => (entry.Raw & Arm64Swap.Exclusive) != 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapExclusive(Pte entry) => new(entry.Raw | Arm64Swap.Exclusive);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapExclusive(Pte entry) => new(entry.Raw & ~Arm64Swap.Exclusive);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapSoftDirty(Pte entry) => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapSoftDirty(Pte entry) => entry;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapSoftDirty(Pte entry) => entry;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapUffdWp(Pte entry) => (entry.Raw & Arm64Swap.UffdWp) != 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapUffdWp(Pte entry) => new(entry.Raw | Arm64Swap.UffdWp);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapUffdWp(Pte entry) => new(entry.Raw & ~Arm64Swap.UffdWp);

    /// <inheritdoc/>
    public static int HugePageShift => Arm64Geometry.LevelShift(2);

    /// <inheritdoc/>
    public static int SwapClusterSlots => 1 << Arm64Geometry.TableBits;

    /// <inheritdoc/>
    public static SwapTypeOptions UsualSwapTypeOptions => SwapTypeOptions.All;

    /// <inheritdoc/>
    public static SwapTypeLayout DefaultSwapTypes => SwapTypeLayout.For(KernelVersion.Linux72, SwapTypeOptions.All);

    /// <inheritdoc/>
    public static IReadOnlyList<string> FlagNames(Pte entry, int level) => Arm64Names.FlagNames(entry, level);

    /// <inheritdoc/>
    public static string? ParseFlags(IEnumerable<string> names, int level, bool table, out Protection flags) =>
        Arm64Names.ParseFlags(names, table, out flags);

    /// <inheritdoc/>
    public static Pte Place(ulong frame, Protection flags, int level, bool table) => Arm64Names.Place(frame, flags, level, table);

    /// <inheritdoc/>
    public static IReadOnlyList<EntryField> Fields(Pte entry, int level) => Arm64Names.Fields(entry, level);
}
