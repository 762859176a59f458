namespace PageTableEmu.Arch.Sparc;

/// <summary>sun4v from M7 on: bit 9 is MCD, which follows the new protection when that changes.</summary>
/// <seealso cref="Sun4vM7"/>
public readonly struct Sun4vM7Bits : ISun4vBits
{
    static ulong ISparcBits.CacheVirtual => 0;

    static ulong ISparcBits.TagChecked => Sun4vLayout.CacheVirtualOrTagChecked;

    static ulong ISparcBits.KeepMask => Sun4vLayout.KeepMask;

    static ulong ISparcBits.Cacheable => Sun4vLayout.CachePhysical;
}
