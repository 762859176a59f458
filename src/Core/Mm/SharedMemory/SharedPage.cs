using PageTableEmu.Swap;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// Where one page of a shared object is, in one word:
/// <code>
///   0                            nowhere: it was never there, or was dropped; it reads as zero
///   [ 0 : 1 | swap entry : 63 ]  in swap
///   [ 1 : 1 | frame : 63      ]  in a frame
///   all bits set                 lost: its slot could not be read
/// </code>
/// </summary>
/// <param name="Value">The packed word.</param>
public readonly record struct SharedPage(ulong Value)
{
    private const ulong FrameBit = 1UL << 63;

    /// <summary>A page that is nowhere.</summary>
    public static SharedPage None => default;

    /// <summary>A page whose content is lost.</summary>
    public static SharedPage Lost => new(ulong.MaxValue);

    /// <summary>Whether the page is nowhere.</summary>
    public bool IsNone => Value == 0;

    /// <summary>Whether the content is lost.</summary>
    public bool IsLost => Value == ulong.MaxValue;

    /// <summary>Whether the page is in a frame.</summary>
    public bool IsFrame => Value >= FrameBit && !IsLost;

    /// <summary>Whether the page is in swap.</summary>
    public bool IsSwap => Value - 1 < FrameBit - 1;

    /// <summary>The frame, if it is in one.</summary>
    public uint Frame => (uint)Value;

    /// <summary>The swap entry, if it is in swap.</summary>
    public SwapEntry Entry => new(Value);

    /// <summary>A page in a frame.</summary>
    public static SharedPage Of(uint frame) => new(FrameBit | frame);

    /// <summary>A page in swap.</summary>
    public static SharedPage Of(SwapEntry entry) => new(entry.Value);
}
