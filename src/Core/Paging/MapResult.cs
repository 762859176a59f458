namespace PageTableEmu.Paging;

/// <summary>How an attempt to map ended and, if it failed, where and why.</summary>
/// <param name="status">The outcome.</param>
/// <param name="virtualAddress">First address that could not be mapped.</param>
/// <param name="level">Level of the entry in the way.</param>
/// <param name="existing">The entry in the way.</param>
/// <seealso cref="PageTable{TArch, TModel}"/>
public readonly struct MapResult(MapStatus status, ulong virtualAddress = 0, int level = 0, Pte existing = default)
{
    /// <summary>The outcome.</summary>
    public MapStatus Status { get; } = status;

    /// <summary>Whether everything asked for is mapped.</summary>
    public bool IsMapped => Status == MapStatus.Mapped;

    /// <summary>First address that could not be mapped; 0 on success.</summary>
    public ulong VirtualAddress { get; } = virtualAddress;

    /// <summary>Level of the entry in the way, 0 when there is none.</summary>
    public int Level { get; } = level;

    /// <summary>The entry in the way: a leaf, a table below which something may be mapped, or a non-present entry that something owns.</summary>
    public Pte Existing { get; } = existing;
}
