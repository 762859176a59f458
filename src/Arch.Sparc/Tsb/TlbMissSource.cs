namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>Where the answer to a TLB miss came from.</summary>
/// <seealso cref="TlbMissHandler{TArch, TModel}"/>
public enum TlbMissSource
{
    /// <summary>Nowhere: the page fault handler has to look.</summary>
    Fault,

    /// <summary>Nowhere here: context 0 is the kernel's, with tables of its own.</summary>
    Kernel,

    /// <summary>The buffer of base pages.</summary>
    BaseBuffer,

    /// <summary>The buffer of huge pages.</summary>
    HugeBuffer,

    /// <summary>The page tables; the translation is in one of the buffers now.</summary>
    PageTable,
}
