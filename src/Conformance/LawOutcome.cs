namespace PageTableEmu.Conformance;

/// <summary>What became of a law.</summary>
/// <seealso cref="ArchitectureConformance"/>
public enum LawOutcome
{
    /// <summary>It held for every input that was tried.</summary>
    Passed,

    /// <summary>It does not hold.</summary>
    Failed,

    /// <summary>Not tried, because laws that it builds upon do not hold.</summary>
    NotRun,
}
