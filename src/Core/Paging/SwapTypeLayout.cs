namespace PageTableEmu.Paging;

/// <summary>Numbers of the special swap types: a function of kernel version and configuration (include/linux/swap.h).</summary>
public readonly record struct SwapTypeLayout
{
    /// <summary>Number of real swap types: 0 to this minus one are swap areas (MAX_SWAPFILES).</summary>
    public required uint MaxSwapFiles { get; init; }
}
