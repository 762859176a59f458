namespace PageTableEmu.Mm;

/// <summary>
/// What a range of addresses is about to become: a new mapping, a part of a VMA with other properties, or a VMA at another place. The
/// merge rules compare it with the VMAs beside it.
/// </summary>
internal readonly struct VmaProposal
{
    internal required ulong Start { get; init; }

    internal required ulong End { get; init; }

    internal required ulong PageOffset { get; init; }

    internal required VmaFlags Flags { get; init; }

    internal required uint SharedObject { get; init; }

    internal required uint Uffd { get; init; }

    /// <summary>The anon_vma of the source, 0 when there is none.</summary>
    internal uint AnonVma { get; init; }

    /// <summary>Number of links of the source; 0 when there is no source.</summary>
    internal uint ChainLength { get; init; }
}
