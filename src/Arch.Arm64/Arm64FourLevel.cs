using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// arm64 with a granule of 4 KiB, 48 bits of virtual and of physical address, and a processor that keeps AF and dirtiness itself.
/// </summary>
/// <example>
/// <code>
/// Pte leaf = Arm64Leaf.MakeLeaf(0x1234, Arm64Leaf.ProtectionOf(AccessRights.Read | AccessRights.Write), level: 1);
/// bool writable = (leaf.Raw &amp; Arm64Bits.Write) != 0 &amp;&amp; Arm64Leaf.IsWritable(leaf);
/// ulong ofOneTable = 1UL &lt;&lt; Arm64Geometry.LevelShift(2); // 2 MiB
/// Pte readOnly = ReadOnly&lt;Arm64FourLevel&gt;(leaf);
/// Pte swapped = Arm64Swap.Encode(type: 1, offset: 0x41);
/// Console.WriteLine($"{leaf.Raw:x16} {string.Join(' ', Arm64Names.FlagNames(leaf, 1))}, {swapped.Raw:x16} when it is away");
///
/// // for arm64 with and without memory tags
/// static Pte ReadOnly&lt;TArch&gt;(Pte entry)
///     where TArch : struct, IArm64 =&gt; TArch.WriteProtect(entry);
/// </code>
/// </example>
public readonly struct Arm64FourLevel : IArm64
{
    /// <inheritdoc/>
    public static string Name => "arm64";

    /// <inheritdoc/>
    public static uint Id => 6;

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => Arm64Geometry.UserSpaceEnd;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => Arm64Geometry.IsCanonical(virtualAddress);
}
