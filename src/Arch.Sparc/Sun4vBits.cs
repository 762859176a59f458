namespace PageTableEmu.Arch.Sparc;

/// <summary>sun4v before M7: bit 9 is CV, kept by a change of protection.</summary>
public readonly struct Sun4vBits : ISun4vBits
{
    static ulong ISparcBits.CacheVirtual => Sun4vLayout.CacheVirtualOrTagChecked;

    static ulong ISparcBits.TagChecked => 0;

    static ulong ISparcBits.KeepMask => Sun4vLayout.KeepMask | Sun4vLayout.CacheVirtualOrTagChecked;

    static ulong ISparcBits.Cacheable => Sun4vLayout.CachePhysical | Sun4vLayout.CacheVirtualOrTagChecked;
}
