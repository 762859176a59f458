namespace PageTableEmu.Arch.Sparc;

/// <summary>Places of the bits of a sparc64 translation table entry (TTE), which differ by processor family. All are constants.</summary>
public interface ISparcBits
{
    /// <summary>Software: present for Linux (_PAGE_PRESENT). VALID, bit 63, is the hardware's word for it.</summary>
    static abstract ulong Present { get; }

    /// <summary>Software: loads are allowed.</summary>
    static abstract ulong Read { get; }

    /// <summary>Software: stores are allowed.</summary>
    static abstract ulong Write { get; }

    /// <summary>Instruction fetches are allowed (software on sun4u, hardware on sun4v).</summary>
    static abstract ulong Execute { get; }

    /// <summary>Software: used.</summary>
    static abstract ulong Accessed { get; }

    /// <summary>Software: written.</summary>
    static abstract ulong Modified { get; }

    /// <summary>Hardware W: stores do not trap.</summary>
    static abstract ulong HardwareWrite { get; }

    /// <summary>P: user mode may not use the entry.</summary>
    static abstract ulong Privileged { get; }

    /// <summary>CP: cacheable in physically indexed caches.</summary>
    static abstract ulong CachePhysical { get; }

    /// <summary>CV: cacheable in virtually indexed caches; 0 where the processor has no such bit.</summary>
    static abstract ulong CacheVirtual { get; }

    /// <summary>MCD: loads and stores are checked against the tags of memory; 0 before M7.</summary>
    static abstract ulong TagChecked { get; }

    /// <summary>E: accesses have side effects.</summary>
    static abstract ulong SideEffect { get; }

    /// <summary>IE: byte order is inverted.</summary>
    static abstract ulong InvertEndian { get; }

    /// <summary>NFO: only no-fault loads.</summary>
    static abstract ulong NoFaultOnly { get; }

    /// <summary>L: locked in the TLB; 0 on sun4v.</summary>
    static abstract ulong Locked { get; }

    /// <summary>All bits of the page-size code.</summary>
    static abstract ulong SizeMask { get; }

    /// <summary>Physical address field.</summary>
    static abstract ulong FrameMask { get; }

    /// <summary>Bits that a change of protection keeps (pte_modify).</summary>
    static abstract ulong KeepMask { get; }

    /// <summary>What every protection value contains: the cacheable bits in use.</summary>
    static abstract ulong Cacheable { get; }

    /// <summary>Largest page-size code: 5 (256 MiB) on sun4u, 7 (16 GiB) on sun4v.</summary>
    static abstract int LargestSize { get; }

    /// <summary>Bits of a page-size code, 0 (8 KiB), 1 (64 KiB), 2 (512 KiB), 3 (4 MiB), 4 (32 MiB), 5 (256 MiB), 6 (2 GiB), 7 (16 GiB).</summary>
    static abstract ulong SizeBits(int code);

    /// <summary>Page-size code of an entry.</summary>
    static abstract int SizeCode(ulong raw);
}
