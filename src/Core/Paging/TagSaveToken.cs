namespace PageTableEmu.Paging;

/// <summary>What one successful <see cref="IPageTagProvider.Save"/> made, so that it can be taken back without searching for it.</summary>
/// <param name="Space">The address space.</param>
/// <param name="Place">Where the provider put it; 0 when there was nothing to save.</param>
/// <param name="Address">The page.</param>
public readonly record struct TagSaveToken(uint Space, uint Place, ulong Address);
