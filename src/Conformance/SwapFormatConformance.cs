using PageTableEmu.Conformance.Laws;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance;

/// <summary>Tries the laws of swap entries on an architecture of which only those are known.</summary>
/// <example>
/// <code>
/// ConformanceReport report = SwapFormatConformance.Run&lt;Riscv64Swap&gt;();
/// Console.WriteLine(report);
/// ConformanceReport fields = SwapFormatConformance.RunFields&lt;Riscv64Swap&gt;(); // will do for a struct that is an ISwapFormat only
/// Console.WriteLine(fields.Conforms);
/// </code>
/// </example>
public static class SwapFormatConformance
{
    /// <summary>Tries all laws.</summary>
    /// <typeparam name="TFormat">The format of one level.</typeparam>
    public static ConformanceReport Run<TFormat>()
        where TFormat : struct, ISwapOnlyFormat
    {
        string subject = TFormat.Level == 1 ? TFormat.Name : $"{TFormat.Name} (level {TFormat.Level})";
        IEnumerable<Law> laws = [.. SwapLaws<TFormat>.All(), .. SoftLeafLaws<TFormat>.All(TFormat.IsNone, TFormat.IsPresent, TFormat.Level)];
        return new ConformanceReport(subject, [.. laws.Select(law => law.Run(subject))]) { Laws = "laws of a format of swap entries" };
    }

    /// <summary>
    /// Tries the laws of type, offset and marks on a format that may be nothing more, such as the draft of an encoding. It has no notion of present
    /// or empty entries, so that nothing is asked about these.
    /// </summary>
    /// <typeparam name="TFormat">The format.</typeparam>
    public static ConformanceReport RunFields<TFormat>()
        where TFormat : struct, ISwapFormat
    {
        string subject = typeof(TFormat).Name;
        return new ConformanceReport(subject, [.. SwapLaws<TFormat>.All().Select(law => law.Run(subject))]) { Laws = "laws of swap fields" };
    }
}
