using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>sun4v from M7 on: bit 9 is MCD, which follows the new protection when that changes.</summary>
public readonly struct Sun4vM7Bits : ISparcBits
{
    /// <inheritdoc/>
    public static ulong Present => Sun4vLayout.Present;

    /// <inheritdoc/>
    public static ulong Read => Sun4vLayout.Read;

    /// <inheritdoc/>
    public static ulong Write => Sun4vLayout.Write;

    /// <inheritdoc/>
    public static ulong Execute => Sun4vLayout.Execute;

    /// <inheritdoc/>
    public static ulong Accessed => Sun4vLayout.Accessed;

    /// <inheritdoc/>
    public static ulong Modified => Sun4vLayout.Modified;

    /// <inheritdoc/>
    public static ulong HardwareWrite => Sun4vLayout.HardwareWrite;

    /// <inheritdoc/>
    public static ulong Privileged => Sun4vLayout.Privileged;

    /// <inheritdoc/>
    public static ulong CachePhysical => Sun4vLayout.CachePhysical;

    /// <inheritdoc/>
    public static ulong CacheVirtual => 0;

    /// <inheritdoc/>
    public static ulong TagChecked => Sun4vLayout.CacheVirtualOrTagChecked;

    /// <inheritdoc/>
    public static ulong SideEffect => Sun4vLayout.SideEffect;

    /// <inheritdoc/>
    public static ulong InvertEndian => Sun4vLayout.InvertEndian;

    /// <inheritdoc/>
    public static ulong NoFaultOnly => Sun4vLayout.NoFaultOnly;

    /// <inheritdoc/>
    public static ulong Locked => 0;

    /// <inheritdoc/>
    public static ulong SizeMask => Sun4vLayout.SizeField;

    /// <inheritdoc/>
    public static ulong FrameMask => Sun4vLayout.FrameField;

    /// <inheritdoc/>
    public static ulong KeepMask => Sun4vLayout.KeepMask;

    /// <inheritdoc/>
    public static ulong Cacheable => Sun4vLayout.CachePhysical;

    /// <inheritdoc/>
    public static int LargestSize => 7;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SizeBits(int code) => (ulong)code & Sun4vLayout.SizeField;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeCode(ulong raw) => (int)(raw & Sun4vLayout.SizeField);
}
