namespace PageTableEmu.Conformance;

/// <summary>The laws of a subject and what became of each.</summary>
/// <param name="Subject">The architecture or format.</param>
/// <param name="Results">All laws, in the order in which they were tried.</param>
/// <seealso cref="ArchitectureConformance"/>
public sealed record ConformanceReport(string Subject, IReadOnlyList<LawResult> Results)
{
    /// <summary>Whether every law holds.</summary>
    public bool Conforms => Results.All(result => result.Outcome == LawOutcome.Passed);

    /// <summary>The laws that do not hold.</summary>
    public IEnumerable<LawResult> Failures => Results.Where(result => result.Outcome == LawOutcome.Failed);

    /// <summary>Which laws were tried: those of an architecture, of its tag provider, or of a format of swap entries.</summary>
    public required string Laws { get; init; }

    /// <summary>A line of sums.</summary>
    public string Summary
    {
        get
        {
            int passed = Results.Count(result => result.Outcome == LawOutcome.Passed);
            int notRun = Results.Count(result => result.Outcome == LawOutcome.NotRun);
            string skipped = notRun == 0 ? string.Empty : $", {notRun} not run";
            return $"{Subject}: {passed} of {Results.Count} {Laws} hold{skipped}, {Results.Sum(result => result.Cases)} comparisons";
        }
    }

    /// <summary>All failures with their drawings, and the line of sums.</summary>
    public override string ToString() => string.Join('\n', Failures.Select(failure => failure.ToString()).Append(Summary));
}
