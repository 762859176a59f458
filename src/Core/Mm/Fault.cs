namespace PageTableEmu.Mm;

/// <summary>One page fault while it is handled.</summary>
/// <param name="Vma">The VMA that covers the address.</param>
/// <param name="Root">Root table of the address space.</param>
/// <param name="Address">First byte of the page.</param>
/// <param name="Flags">What is wanted.</param>
public readonly record struct Fault(uint Vma, uint Root, ulong Address, FaultFlags Flags)
{
    /// <summary>Whether any of the given flags is set.</summary>
    public bool HasAny(FaultFlags flags) => (Flags & flags) != 0;
}
