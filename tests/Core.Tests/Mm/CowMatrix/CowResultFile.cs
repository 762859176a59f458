using System.Globalization;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// Reads tests/data/cow_results.txt: lines of "number run1 run2 swapoff | test | variant | message" after comments. Anything else is an error,
/// so that no case can get lost in the reading.
/// </summary>
internal static class CowResultFile
{
    private static readonly Lazy<IReadOnlyList<CowCase>> LazyAll = new(() => Parse(File.ReadAllLines(Path)));

    /// <summary>All cases, read once.</summary>
    internal static IReadOnlyList<CowCase> All => LazyAll.Value;

    internal static string Path => System.IO.Path.Combine(Root(), "tests", "data", "cow_results.txt");

    /// <exception cref="FormatException">A line is no case, a number is out of turn, or the two runs with swap differ.</exception>
    internal static IReadOnlyList<CowCase> Parse(IReadOnlyList<string> lines)
    {
        var cases = new List<CowCase>();
        for (int i = 0; i < lines.Count; i++)
        {
            if (lines[i].StartsWith('#'))
                continue;
            CowCase parsed = ParseLine(lines[i]) ?? throw new FormatException($"Line {i + 1} is no case: {lines[i]}");
            if (parsed.Number != cases.Count + 1)
                throw new FormatException($"Line {i + 1} has number {parsed.Number} instead of {cases.Count + 1}.");
            cases.Add(parsed);
        }

        return cases;
    }

    private static CowCase? ParseLine(string line)
    {
        string[] parts = line.Split(" | ");
        if (parts.Length != 4)
            return null;
        string[] results = parts[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (results.Length != 4 || results[1] != results[2] || !int.TryParse(results[0], NumberStyles.None, null, out int number))
            return null;
        bool isKind = parts[2] == "-" || parts[2].StartsWith("with ", StringComparison.Ordinal);
        return isKind && VerdictOf(results[1]) is { } verdict ? new CowCase(number, verdict, parts[1], parts[2], parts[3]) : null;
    }

    private static CowVerdict? VerdictOf(string word) => word switch
    {
        "PASS" => CowVerdict.Pass,
        "XFAIL" => CowVerdict.ExpectedFail,
        "SKIP" => CowVerdict.Skip,
        _ => null,
    };

    private static string Root()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(at.FullName, "PageTableEmu.sln")))
                return at.FullName;
        }

        throw new DirectoryNotFoundException($"No PageTableEmu.sln above {AppContext.BaseDirectory}.");
    }
}
