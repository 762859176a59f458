using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.X64;

/// <summary>x86-64 with four levels: 48 bits of virtual address, root index 0 to 255 for user space.</summary>
/// <example>
/// <code>
/// Pte leaf = X64Leaf.MakeLeaf(0x1234, X64Leaf.ProtectionOf(AccessRights.Read | AccessRights.Write), level: 1);
/// bool writable = (leaf.Raw &amp; X64Bits.Write) != 0 &amp;&amp; X64Leaf.IsWritable(leaf);
/// ulong ofOneTable = 1UL &lt;&lt; X64Geometry.LevelShift(2); // 2 MiB
/// Pte swapped = X64Swap.Encode(type: 1, offset: 0x41);
/// Console.WriteLine($"{leaf.Raw:x16} {string.Join(' ', X64Names.FlagNames(leaf, 1))}, {swapped.Raw:x16} when it is away");
/// Console.WriteLine($"{X64FourLevel.Name} has {X64FourLevel.Levels} levels, {X64FiveLevel.Name} {X64FiveLevel.Levels}");
/// </code>
/// </example>
public readonly struct X64FourLevel : IX64
{
    /// <inheritdoc/>
    public static string Name => "x86_64";

    /// <inheritdoc/>
    public static uint Id => 1;

    /// <inheritdoc/>
    public static int Levels => 4;

    /// <inheritdoc/>
    public static int VirtualAddressBits => X64Geometry.VirtualAddressBits(4);

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => X64Geometry.UserSpaceEnd(4);

    /// <summary>46 bits of physical memory (MAX_PHYSMEM_BITS without LA57) in pages of 4 KiB.</summary>
    public static int FrameNumberBits => 46 - X64Geometry.PageShift;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => X64Geometry.IsCanonical(virtualAddress, 4);
}
