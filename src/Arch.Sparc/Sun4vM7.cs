using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>sparc64 on M7 and later, whose memory carries tags (ADI): 52 bits of virtual address.</summary>
/// <example>
/// <code>
/// Pte leaf = SparcLeaf&lt;Sun4vM7Bits&gt;.MakeLeaf(0x1234, SparcLeaf&lt;Sun4vM7Bits&gt;.ProtectionOf(AccessRights.Read), level: 1);
/// Pte swapped = SparcSwap.Encode(type: 1, offset: 0x41);
/// Console.WriteLine($"{leaf.Raw:x16} {string.Join(' ', SparcNames&lt;Sun4vM7Bits&gt;.FlagNames(leaf, 1))}, {swapped.Raw:x16} when it is away");
/// Console.WriteLine($"{Sun4vM7.Name}, {Sun4v.Name} and {Sun4u.Name} have the valid bit where it was: {SparcBits.Valid:x}");
/// </code>
/// </example>
public readonly struct Sun4vM7 : ISparc<Sun4vM7Bits>
{
    private const int ImplementedAddressBits = 52;

    /// <inheritdoc/>
    public static string Name => "sparc64_sun4v_m7";

    /// <inheritdoc/>
    public static uint Id => 5;

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => SparcGeometry.UserSpaceEnd(ImplementedAddressBits);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => SparcGeometry.IsOutsideHole(virtualAddress, ImplementedAddressBits);
}
