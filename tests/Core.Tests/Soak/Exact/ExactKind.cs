namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>Kinds of memory in the regions of an address space.</summary>
internal enum ExactKind
{
    /// <summary>Anonymous pages with few different contents, mergeable now and then, with guard pages among them.</summary>
    Twins,

    /// <summary>What one huge page covers; some of its pages are looked at.</summary>
    Huge,

    /// <summary>A private mapping of the object.</summary>
    View,

    /// <summary>A shared mapping of the object.</summary>
    Shared,
}
