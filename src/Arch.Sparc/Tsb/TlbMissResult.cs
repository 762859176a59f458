using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>What a TLB miss found.</summary>
/// <param name="Source">Where.</param>
/// <param name="Entry">
/// The TTE to load into the TLB, valid; nothing without a source. Whether it allows the access is for who loads it to see: a store through
/// one without W is a protection fault, a fetch needs the EXEC bit.
/// </param>
/// <param name="PageShift">log2 of the page that the TLB entry covers: 13, or 22 for one half of a huge page.</param>
/// <seealso cref="TlbMissHandler{TArch, TModel}"/>
public readonly record struct TlbMissResult(TlbMissSource Source, Pte Entry, int PageShift);
