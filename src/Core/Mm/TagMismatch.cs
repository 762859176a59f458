namespace PageTableEmu.Mm;

/// <summary>Where a pointer's tag is not that of the memory.</summary>
/// <param name="Address">First address of the access that mismatches, without a tag.</param>
/// <param name="PointerTag">The tag in the pointer.</param>
/// <param name="MemoryTag">The tag of the block.</param>
/// <seealso cref="TagInstructions{TArch, TModel, TFormat}"/>
public readonly record struct TagMismatch(ulong Address, uint PointerTag, uint MemoryTag);
