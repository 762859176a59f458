namespace PageTableEmu.Mm;

/// <summary>Where a frame may be mapped: a VMA and the virtual address in it.</summary>
/// <param name="Vma">Record number of the VMA.</param>
/// <param name="Address">Virtual address, in bytes.</param>
public readonly record struct ReverseMapPlace(uint Vma, ulong Address);
