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

    /// <summary>All failures with their drawings, and a line of sums.</summary>
    public override string ToString()
    {
        IEnumerable<string> lines = Failures.Select(failure => failure.ToString());
        int passed = Results.Count(result => result.Outcome == LawOutcome.Passed);
        int notRun = Results.Count(result => result.Outcome == LawOutcome.NotRun);
        string skipped = notRun == 0 ? string.Empty : $", {notRun} not run";
        return string.Join('\n', lines.Append(
            $"{Subject}: {passed} of {Results.Count} laws hold{skipped}, {Results.Sum(result => result.Cases)} comparisons"));
    }
}
