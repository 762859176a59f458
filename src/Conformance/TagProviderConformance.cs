using PageTableEmu.Conformance.Tags;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance;

/// <summary>
/// Tries the laws of <see cref="IPageTagProvider"/> on an architecture that has one: that metadata belongs to a frame or a slot and follows the
/// page, that each call does what its contract says and no more, that calls may be repeated, that a failed allocation leaves nothing behind.
/// </summary>
/// <remarks>
/// The laws of single calls work with a storage directly. Those of machines, which are not tried while one of the others fails, run whole stories
/// with the metadata of each page remembered beside it and compared after every step. A provider that keeps metadata by address as Linux
/// does for SPARC breaks some of them; that is why they are laws.
/// </remarks>
/// <example>
/// <code>
/// ConformanceReport report = TagProviderConformance.Run&lt;Arm64FourLevel&lt;MteFrameSlot&gt;&gt;(
///     law =&gt; law.StartsWith("tags/restore", StringComparison.Ordinal));
/// foreach (LawResult result in report.Results)
///     Console.WriteLine($"{result.Law}: {result.Outcome} in {result.Cases} cases");
/// </code>
/// </example>
public static class TagProviderConformance
{
    /// <summary>Tries all laws.</summary>
    /// <typeparam name="TArch">The architecture with its provider.</typeparam>
    public static ConformanceReport Run<TArch>()
        where TArch : struct, IArchitecture => Run<TArch>(static _ => true);

    /// <summary>Tries some laws.</summary>
    /// <typeparam name="TArch">The architecture with its provider.</typeparam>
    /// <param name="wanted">Which, by their short names.</param>
    /// <exception cref="ArgumentException">The architecture has no per-page metadata.</exception>
    public static ConformanceReport Run<TArch>(Func<string, bool> wanted)
        where TArch : struct, IArchitecture
    {
        ArgumentNullException.ThrowIfNull(wanted);
        if (TArch.TagBytesPerPage == 0)
            throw new ArgumentException($"{TArch.Name} has no per-page metadata: {nameof(IPageTagProvider.TagBytesPerPage)} is 0.", nameof(TArch));
        List<LawResult> results = [.. CallLaws<TArch>().Where(law => wanted(law.Name)).Select(law => law.Run(TArch.Name))];
        bool callsConform = results.All(result => result.Outcome == LawOutcome.Passed);
        results.AddRange(TagMachineLaws<TArch>.All().Where(law => wanted(law.Name)).Select(law =>
            callsConform ? law.Run(TArch.Name) : law.Skip(TArch.Name)));
        return new ConformanceReport(TArch.Name, results) { Laws = "laws of a tag provider" };
    }

    private static IEnumerable<Law> CallLaws<TArch>()
        where TArch : struct, IArchitecture =>
        [.. TagShapeLaws<TArch>.All(), .. TagFrameLaws<TArch>.All(), .. TagSlotLaws<TArch>.All(), .. TagAddressLaws<TArch>.All()];
}
