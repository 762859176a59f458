namespace PageTableEmu.Swap;

/// <summary>What a <see cref="SwapSlotWord"/> says of its slot.</summary>
public enum SwapSlotTag
{
    /// <summary>Nobody uses the slot.</summary>
    Free,

    /// <summary>In use and not in the swap cache; the payload is a shadow.</summary>
    InUse,

    /// <summary>In use and in the swap cache; the payload is a frame number.</summary>
    Cached,

    /// <summary>Never handed out: the header of an area, or a broken slot.</summary>
    Bad,
}
