using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc;

/// <summary>sparc64 on M7 and later with a provider for the tags of memory (ADI): <see cref="Adi.AdiFrameSlot"/> or
/// <see cref="Adi.AdiLinux"/>. The entries are those of <see cref="Sun4vM7"/>.</summary>
/// <typeparam name="TTags">Who keeps tags while a page is copied or away.</typeparam>
/// <example>
/// <code>
/// using var guest = Machine&lt;Sun4vM7&lt;AdiFrameSlot&gt;&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// uint program = guest.CreateAddressSpace();
/// guest.Map(program, 0x200000000, 0x4000, VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked);
/// var instructions = new TagInstructions&lt;Sun4vM7&lt;AdiFrameSlot&gt;, Mainline, AdiFormat&gt;(guest.Context);
/// instructions.Set(program, 0x200000000, 5, ref faults);
/// UserAccessResult good = guest.Write(program, AdiFormat.Tagged(0x200000000, 5), one, ref faults); // Ok
/// UserAccessResult bad = guest.Write(program, AdiFormat.Tagged(0x200000000, 6), one, ref faults);  // the tags differ
/// </code>
/// </example>
public readonly struct Sun4vM7<TTags> : ISparc<Sun4vM7Bits>, ITagged<TTags>
    where TTags : struct, IPageTagProvider
{
    /// <inheritdoc/>
    public static string Name => Sun4vM7.Name;

    /// <inheritdoc/>
    public static uint Id => Sun4vM7.Id | (TTags.TagProviderId << 8);

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => Sun4vM7.UserSpaceEnd;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => Sun4vM7.IsCanonical(virtualAddress);
}
