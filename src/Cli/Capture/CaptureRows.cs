namespace PageTableEmu.Cli.Capture;

/// <summary>One nonzero word of a page table.</summary>
internal readonly record struct TableRow(ulong Table, int Level, int Index, ulong Raw);

/// <summary>What the guest's own /proc said of one page of one process.</summary>
internal readonly record struct TruthRow(int Role, ulong VirtualAddress, ulong Pagemap, ulong Flags, ulong Count);

/// <summary>A line of /proc/PID/maps.</summary>
internal readonly record struct VmaRow(int Role, ulong Start, ulong End, string Name)
{
    /// <summary>Pages of hugetlb, whose soft-dirty bit pagemap does not report.</summary>
    public bool IsHugeTlb => Name.Contains("hugepage", StringComparison.Ordinal);
}

/// <summary>An entry seen while its page was being moved, and the same entry before.</summary>
internal readonly record struct MigrationRow(int Role, ulong VirtualAddress, int Level, ulong Table, int Index, ulong During, ulong Before);

/// <summary>What a process wrote to the start of a page.</summary>
internal readonly record struct ContentRow(int Role, ulong VirtualAddress, ulong First);
