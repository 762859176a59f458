using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Arm64;

/// <summary>arm64 with a provider for the tags of memory (MTE): <see cref="Mte.MteFrameSlot"/>. The entries are those of
/// <see cref="Arm64FourLevel"/>.</summary>
/// <typeparam name="TTags">Who keeps tags while a page is copied or away.</typeparam>
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
