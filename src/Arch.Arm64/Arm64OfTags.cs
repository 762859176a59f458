using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Arm64;

/// <summary>arm64 with a provider for the tags of memory (MTE): <see cref="Mte.MteFrameSlot"/>. The entries are those of
/// <see cref="Arm64FourLevel"/>.</summary>
/// <typeparam name="TTags">Who keeps tags while a page is copied or away.</typeparam>
/// <example>
/// <code>
/// using var guest = Machine&lt;Arm64FourLevel&lt;MteFrameSlot&gt;&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// uint program = guest.CreateAddressSpace();
/// guest.Map(program, 0x200000000, 0x4000, VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked);
/// var instructions = new TagInstructions&lt;Arm64FourLevel&lt;MteFrameSlot&gt;, Mainline, MteFormat&gt;(guest.Context);
/// instructions.Set(program, 0x200000000, 5, ref faults);
/// UserAccessResult good = guest.Write(program, MteFormat.Tagged(0x200000000, 5), one, ref faults); // Ok
/// UserAccessResult bad = guest.Write(program, 0x200000000, one, ref faults); // the tags differ: 0 is a tag like any other
/// UserAccessResult beside = guest.Write(program, 0x200000000 + 16, one, ref faults); // Ok: the next 16 bytes still have tag 0
/// </code>
/// </example>
public readonly struct Arm64FourLevel<TTags> : IArm64, ITagged<TTags>
    where TTags : struct, IPageTagProvider
{
    /// <inheritdoc/>
    public static string Name => Arm64FourLevel.Name;

    /// <inheritdoc/>
    public static uint Id => Arm64FourLevel.Id | (TTags.TagProviderId << 8);

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => Arm64Geometry.UserSpaceEnd;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => Arm64Geometry.IsCanonical(virtualAddress);
}
