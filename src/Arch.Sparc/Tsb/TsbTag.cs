namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>
/// The tag of an entry of a translation storage buffer, and the tag target register that a processor compares with it (arch/sparc/include/asm/tsb.h).
/// <code>
///   63 61  60 ..... 48  47    46       45 42  41 ......... 0
///   0      context      0     0        0      address &gt;&gt; 22     tag target register
///   0      0            LOCK  INVALID  0      address &gt;&gt; 22     tag of an entry: each address space has buffers of its own
/// </code>
/// </summary>
/// <seealso cref="TranslationStorageBuffer{TModel}"/>
public static class TsbTag
{
    /// <summary>Bits of a context number.</summary>
    public const int ContextBits = 13;

    /// <summary>Somebody is writing the entry.</summary>
    public const ulong Lock = 1UL << 47;

    /// <summary>The entry holds nothing; no tag target has the bit.</summary>
    public const ulong Invalid = Lock >> 1;

    /// <summary>Bits of an address that the tag does not have.</summary>
    public const int AddressShift = 22;

    private const int ContextShift = 48;
    private const ulong AddressMask = (1UL << (64 - AddressShift)) - 1;

    /// <summary>The tag of an address: what an entry for it has.</summary>
    public static ulong Of(ulong virtualAddress) => virtualAddress >> AddressShift;

    /// <summary>The tag target register of a miss.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The context has more than 13 bits.</exception>
    public static ulong Target(ulong virtualAddress, uint context)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context, (1u << ContextBits) - 1);
        return ((ulong)context << ContextShift) | Of(virtualAddress);
    }

    /// <summary>The context of a tag target; 0 is the kernel's.</summary>
    public static uint ContextOf(ulong target) => (uint)(target >> ContextShift) & ((1u << ContextBits) - 1);

    /// <summary>A tag target without the context: what a miss handler compares.</summary>
    public static ulong WithoutContext(ulong target) => target & AddressMask;
}
