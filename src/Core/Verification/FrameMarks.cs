namespace PageTableEmu.Verification;

/// <summary>What the walk of the page tables saw of a frame.</summary>
[Flags]
internal enum FrameMarks : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It is a page table of some tree.</summary>
    Table = 1,

    /// <summary>An entry that maps it is dirty.</summary>
    Dirty = 2,

    /// <summary>An entry that maps it is writable.</summary>
    Writable = 4,

    /// <summary>It belongs to a block that was handed out as a whole.</summary>
    Block = 8,

    /// <summary>The frame allocator has it: it can be handed out.</summary>
    Free = 16,

    /// <summary>A shared object has it.</summary>
    InObject = 32,
}
