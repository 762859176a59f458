using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc;

/// <summary>sparc64 on M7 and later with a provider for the tags of memory (ADI): <see cref="Adi.AdiFrameSlot"/> or
/// <see cref="Adi.AdiLinux"/>. The entries are those of <see cref="Sun4vM7"/>.</summary>
/// <typeparam name="TTags">Who keeps tags while a page is copied or away.</typeparam>
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
