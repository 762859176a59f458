using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>What all sun4v layouts share: everything but the meaning of bit 9.</summary>
public interface ISun4vBits : ISparcBits
{
    static ulong ISparcBits.Present => Sun4vLayout.Present;

    static ulong ISparcBits.Read => Sun4vLayout.Read;

    static ulong ISparcBits.Write => Sun4vLayout.Write;

    static ulong ISparcBits.Execute => Sun4vLayout.Execute;

    static ulong ISparcBits.Accessed => Sun4vLayout.Accessed;

    static ulong ISparcBits.Modified => Sun4vLayout.Modified;

    static ulong ISparcBits.HardwareWrite => Sun4vLayout.HardwareWrite;

    static ulong ISparcBits.Privileged => Sun4vLayout.Privileged;

    static ulong ISparcBits.CachePhysical => Sun4vLayout.CachePhysical;

    static ulong ISparcBits.SideEffect => Sun4vLayout.SideEffect;

    static ulong ISparcBits.InvertEndian => Sun4vLayout.InvertEndian;

    static ulong ISparcBits.NoFaultOnly => Sun4vLayout.NoFaultOnly;

    static ulong ISparcBits.Locked => 0;

    static ulong ISparcBits.SizeMask => Sun4vLayout.SizeField;

    static ulong ISparcBits.FrameMask => Sun4vLayout.FrameField;

    static int ISparcBits.LargestSize => 7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ISparcBits.SizeBits(int code) => (ulong)code & Sun4vLayout.SizeField;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int ISparcBits.SizeCode(ulong raw) => (int)(raw & Sun4vLayout.SizeField);
}
