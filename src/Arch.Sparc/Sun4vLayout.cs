namespace PageTableEmu.Arch.Sparc;

/// <summary>
/// sun4v (UltraSPARC T1 and later).
/// <code>
///   63 62  61 60 59 58 57      56   55..13         12 11 10 9        8 7 6 5 4       3 2..0
///   V  NFO M  A  R  W  SPECIAL HUGE physical page  IE E  CP CV / MCD P X w - PRESENT - size
///          (software              )                                          (soft)
/// </code>
/// </summary>
internal static class Sun4vLayout
{
    internal const ulong SizeField = 7;
    internal const ulong Present = (SizeField + 1) << 1;
    internal const ulong HardwareWrite = Present << 2;
    internal const ulong Execute = HardwareWrite << 1;
    internal const ulong Privileged = Execute << 1;
    internal const ulong CacheVirtualOrTagChecked = Privileged << 1;
    internal const ulong CachePhysical = CacheVirtualOrTagChecked << 1;
    internal const ulong SideEffect = CachePhysical << 1;
    internal const ulong InvertEndian = SideEffect << 1;
    internal const ulong FrameField = SparcBits.Huge - (InvertEndian << 1);
    internal const ulong Write = SparcBits.Special << 1;
    internal const ulong Read = Write << 1;
    internal const ulong Accessed = Read << 1;
    internal const ulong Modified = Accessed << 1;
    internal const ulong NoFaultOnly = Modified << 1;

    /// <summary>Kept by pte_modify on every sun4v; bit 9 is kept only where it is CV.</summary>
    internal const ulong KeepMask = FrameField | Modified | Accessed | CachePhysical | SideEffect | SparcBits.Special | SparcBits.Huge | SizeField;
}
