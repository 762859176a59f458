using PageTableEmu.Conformance.Laws;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance;

/// <summary>
/// Tries the laws that every architecture must obey, in the manner of the kernel's mm/debug_vm_pgtable.c but for any architecture on any host.
/// </summary>
/// <remarks>
/// The laws come in two groups. Those of the formats are pure functions of words. Those of walks and machines make small private machines;
/// they are not tried while a format law fails, because a machine on broken formats can do anything.
/// </remarks>
/// <example>
/// <code>
/// ConformanceReport report = ArchitectureConformance.Run&lt;X64FourLevel&gt;(law =&gt; law.StartsWith("flag", StringComparison.OrdinalIgnoreCase));
/// foreach (LawResult result in report.Failures)
/// {
///     LawFailure failure = result.Failure!;
///     Console.WriteLine($"{result.Law}: {failure.Problem}; {failure.Expected:x16} was expected, {failure.Actual:x16} came");
/// }
///
/// int passed = report.Results.Count(result =&gt; result.Outcome == LawOutcome.Passed);
/// </code>
/// </example>
public static class ArchitectureConformance
{
    /// <summary>Tries all laws.</summary>
    /// <typeparam name="TArch">The architecture.</typeparam>
    public static ConformanceReport Run<TArch>()
        where TArch : struct, IArchitecture => Run<TArch>(static _ => true);

    /// <summary>Tries some laws.</summary>
    /// <typeparam name="TArch">The architecture.</typeparam>
    /// <param name="wanted">Which, by their short names.</param>
    public static ConformanceReport Run<TArch>(Func<string, bool> wanted)
        where TArch : struct, IArchitecture
    {
        ArgumentNullException.ThrowIfNull(wanted);
        List<LawResult> results = [.. FormatLaws<TArch>().Where(law => wanted(law.Name)).Select(law => law.Run(TArch.Name))];
        bool formatsConform = results.All(result => result.Outcome == LawOutcome.Passed);
        results.AddRange(MachineLaws<TArch>().Where(law => wanted(law.Name)).Select(law =>
            formatsConform ? law.Run(TArch.Name) : law.Skip(TArch.Name)));
        return new ConformanceReport(TArch.Name, results) { Laws = "laws of an architecture" };
    }

    private static IEnumerable<Law> FormatLaws<TArch>()
        where TArch : struct, IArchitecture =>
    [
        .. GeometryLaws<TArch>.All(), .. ShapeLaws<TArch>.All(), .. LeafLaws<TArch>.All(), .. FlagLaws<TArch>.All(), .. AccessLaws<TArch>.All(),
        .. SwapLaws<TArch>.All(), .. SoftLeafLaws<TArch>.All(entry => TArch.IsNone(entry, 1), entry => TArch.IsPresent(entry, 1), 1),
    ];

    private static IEnumerable<Law> MachineLaws<TArch>()
        where TArch : struct, IArchitecture => [.. WalkLaws<TArch>.All(), .. Laws.MachineLaws<TArch>.All()];
}
