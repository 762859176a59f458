using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>
/// sun4u (UltraSPARC I to IV).
/// <code>
///   63  62..61   60  59 58 57      56   55..49 48     47 46..43 42..13         12 11 10 9 8 7       6 5  4  3 2 1 0
///   V   size 1:0 NFO IE -  SPECIAL HUGE -      size 2 SN -      physical page  X  M  A  R W PRESENT L CP CV E P w -
///                                                                              (software        )
/// </code>
/// </summary>
public readonly struct Sun4uBits : ISparcBits
{
    private const ulong HardwareWriteBit = 1UL << 1;
    private const ulong PrivilegedBit = HardwareWriteBit << 1;
    private const ulong SideEffectBit = PrivilegedBit << 1;
    private const ulong CacheVirtualBit = SideEffectBit << 1;
    private const ulong CachePhysicalBit = CacheVirtualBit << 1;
    private const ulong LockedBit = CachePhysicalBit << 1;
    private const ulong PresentBit = LockedBit << 1;
    private const ulong WriteBit = PresentBit << 1;
    private const ulong ReadBit = WriteBit << 1;
    private const ulong AccessedBit = ReadBit << 1;
    private const ulong ModifiedBit = AccessedBit << 1;
    private const ulong ExecuteBit = ModifiedBit << 1;
    private const ulong FrameField = (1UL << 43) - (ExecuteBit << 1);
    private const int SizeHighShift = 48;
    private const ulong SizeHighBit = 1UL << SizeHighShift;
    private const ulong InvertEndianBit = 1UL << 59;
    private const ulong NoFaultOnlyBit = InvertEndianBit << 1;
    private const int SizeLowShift = 61;
    private const ulong SizeLowField = 3UL << SizeLowShift;

    /// <inheritdoc/>
    public static ulong Present => PresentBit;

    /// <inheritdoc/>
    public static ulong Read => ReadBit;

    /// <inheritdoc/>
    public static ulong Write => WriteBit;

    /// <inheritdoc/>
    public static ulong Execute => ExecuteBit;

    /// <inheritdoc/>
    public static ulong Accessed => AccessedBit;

    /// <inheritdoc/>
    public static ulong Modified => ModifiedBit;

    /// <inheritdoc/>
    public static ulong HardwareWrite => HardwareWriteBit;

    /// <inheritdoc/>
    public static ulong Privileged => PrivilegedBit;

    /// <inheritdoc/>
    public static ulong CachePhysical => CachePhysicalBit;

    /// <inheritdoc/>
    public static ulong CacheVirtual => CacheVirtualBit;

    /// <inheritdoc/>
    public static ulong TagChecked => 0;

    /// <inheritdoc/>
    public static ulong SideEffect => SideEffectBit;

    /// <inheritdoc/>
    public static ulong InvertEndian => InvertEndianBit;

    /// <inheritdoc/>
    public static ulong NoFaultOnly => NoFaultOnlyBit;

    /// <inheritdoc/>
    public static ulong Locked => LockedBit;

    /// <inheritdoc/>
    public static ulong SizeMask => SizeLowField | SizeHighBit;

    /// <inheritdoc/>
    public static ulong FrameMask => FrameField;

    /// <inheritdoc/>
    public static ulong KeepMask =>
        FrameField | ModifiedBit | AccessedBit | CachePhysicalBit | CacheVirtualBit | SideEffectBit | SparcBits.Special | SparcBits.Huge | SizeMask;

    /// <inheritdoc/>
    public static ulong Cacheable => CachePhysicalBit | CacheVirtualBit;

    /// <inheritdoc/>
    public static int LargestSize => 5;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SizeBits(int code) => (((ulong)code & 3) << SizeLowShift) | (((ulong)code >> 2) << SizeHighShift);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeCode(ulong raw) => (int)(((raw >> SizeLowShift) & 3) | (((raw >> SizeHighShift) & 1) << 2));
}
