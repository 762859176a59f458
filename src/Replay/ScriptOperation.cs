using PageTableEmu.Mm.Huge;

namespace PageTableEmu.Replay;

/// <summary>One parsed line of a script. Which of the arguments have a meaning is said by <see cref="OperationKind"/>.</summary>
/// <seealso cref="Replay.Scripts.ScriptParser"/>
public readonly record struct ScriptOperation
{
    /// <summary>Processes are numbered from 0 to one less than this.</summary>
    public const int ProcessCount = 4;

    /// <summary>Regions A to H.</summary>
    public const int RegionCount = 8;

    /// <summary>Largest size of a region that a map operation can ask for, in pages.</summary>
    public const int MaxRegionPages = 2048;

    /// <summary>Full scans of a ksm that does not say how many.</summary>
    public const int DefaultScans = 3;

    /// <summary>Pins and pipes of a process are numbered from 0 to one less than this.</summary>
    public const int ResourceCount = 16;

    /// <summary>Number of the operation, from 1 (the trace's <c>n</c>); comments and empty lines do not count.</summary>
    public required int Number { get; init; }

    /// <summary>The line as written, without comment, line end and leading blanks (the trace's <c>op</c>).</summary>
    public required string Text { get; init; }

    /// <summary>The process that acts, 0..3.</summary>
    public int Process { get; init; }

    /// <summary>What it does.</summary>
    public required OperationKind Kind { get; init; }

    /// <summary>Region, 0 (A) to 7 (H).</summary>
    public int Region { get; init; }

    /// <summary>First page inside the region.</summary>
    public long Page { get; init; }

    /// <summary>Number of pages (map and the range operations; 1 where the language has no count), or of full scans (ksm).</summary>
    public long Count { get; init; }

    /// <summary>The byte to write as written in the script (only its low 8 bits are stored), or the file page of a diowrite.</summary>
    public long Value { get; init; }

    /// <summary>Destination region of mremap.</summary>
    public int TargetRegion { get; init; }

    /// <summary>Destination page of mremap.</summary>
    public long TargetPage { get; init; }

    /// <summary>MREMAP_DONTUNMAP.</summary>
    public bool DontUnmap { get; init; }

    /// <summary>The new protection of mprotect.</summary>
    public ScriptProtection Protection { get; init; }

    /// <summary>The process that fork makes, 0..3.</summary>
    public int Child { get; init; }

    /// <summary>Number of the pin or pipe, 0..15.</summary>
    public int Resource { get; init; }

    /// <summary>log2 of the pages of a large folio, of orders.</summary>
    public int Order { get; init; }

    /// <summary>The policy of orders.</summary>
    public FolioOrderPolicy Policy { get; init; }

    /// <summary>Only machines of this library know the operation; the recorder of a kernel does not.</summary>
    public bool IsEmulatorOnly => Kind is OperationKind.ClearRefs or OperationKind.Pagemap or OperationKind.UffdMissing
        or OperationKind.UffdUnregister or OperationKind.UffdCopy or OperationKind.UffdZero or OperationKind.UffdPoison or OperationKind.UffdMove
        or OperationKind.Orders or OperationKind.Migrate;

    /// <summary>The operation belongs to the machine, not to the process in front of it: it works although no such process lives.</summary>
    public bool IsMachineWide => Kind is OperationKind.Nop or OperationKind.Reclaim or OperationKind.Swapoff or OperationKind.Swapon
        or OperationKind.Ksm or OperationKind.Unksm or OperationKind.Compact or OperationKind.Orders;
}
