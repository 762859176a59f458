using System.Globalization;
using System.Text.RegularExpressions;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>Keeps count of the recorded run, so that no case disappears: each one runs, or is of memory that this machine has not.</summary>
public partial class CowPlanTests
{
    [Fact]
    public void EveryKind_HasItsNumberOfCases()
    {
        (string Kind, int Run, int LeftOut)[] expected =
        [
            ("Basic COW after fork() when collapsing after fork() (fully shared)", 1, 0),
            ("Basic COW after fork() when collapsing after fork() (lower shared)", 1, 0),
            ("Basic COW after fork() when collapsing after fork() (upper shared)", 1, 0),
            ("Basic COW after fork() when collapsing before fork()", 1, 0),
            ("PTE-mapped THP", 112, 0),
            ("THP", 14, 0),
            ("base page", 14, 0),
            ("huge zeropage", 3, 0),
            ("hugetlb", 0, 28),
            ("memfd", 3, 0),
            ("memfd hugetlb", 0, 6),
            ("partially mremap()'ed THP", 112, 0),
            ("partially shared THP", 112, 0),
            ("shared zeropage", 3, 0),
            ("single PTE of THP", 112, 0),
            ("single PTE of swapped-out THP", 112, 0),
            ("swapped out base page", 14, 0),
            ("swapped-out THP", 14, 0),
            ("swapped-out, PTE-mapped THP", 112, 0),
            ("tmpfile", 3, 0),
        ];
        var counted = CowResultFile.All
            .GroupBy(one => one.Kind)
            .Select(kind => (kind.Key, Run: kind.Count(one => CowPlan.ReasonToLeaveOut(one) is null), All: kind.Count()))
            .Select(kind => (kind.Key, kind.Run, LeftOut: kind.All - kind.Run))
            .OrderBy(kind => kind.Key, StringComparer.Ordinal);
        Assert.Equal(expected, counted);
        Assert.Equal((744, 34, 778), (expected.Sum(kind => kind.Run), expected.Sum(kind => kind.LeftOut), CowResultFile.All.Count));
    }

    /// <summary>What runs: cases with the kernel's own result, and pin cases with the kernel's rule.</summary>
    [Fact]
    public void TheRunnableCases_AllHaveAnExpectation()
    {
        Assert.All(CowPlan.Runnable, one => Assert.True(CowPlan.Holds(one)));
        Assert.Equal((424, 320), (CountRunnable(CowVerdict.Pass), CountRunnable(CowVerdict.Skip)));
    }

    [Fact]
    public void TheCases_AddUpToTheTotalsInTheFile()
    {
        string header = File.ReadLines(CowResultFile.Path).Single(line => line.StartsWith("# swap on #1:", StringComparison.Ordinal));
        foreach ((string word, CowVerdict verdict) in (ReadOnlySpan<(string, CowVerdict)>)
            [("PASS", CowVerdict.Pass), ("SKIP", CowVerdict.Skip), ("XFAIL", CowVerdict.ExpectedFail)])
        {
            Match total = Totals().Matches(header).Single(match => match.Groups[1].Value == word);
            int expected = int.Parse(total.Groups[2].Value, CultureInfo.InvariantCulture);
            Assert.Equal(expected, CowResultFile.All.Count(one => one.Verdict == verdict));
        }
    }

    [Theory]
    [InlineData("  1 PASS PASS PASS | Basic COW | with memfd")]
    [InlineData("  1 PASS PASS | Basic COW | with memfd | fine")]
    [InlineData("  2 PASS PASS PASS | Basic COW | with memfd | fine")]
    [InlineData("  1 PASS SKIP PASS | Basic COW | with memfd | fine")]
    [InlineData("  1 FAIL FAIL PASS | Basic COW | with memfd | fine")]
    [InlineData("  1 PASS PASS PASS | Basic COW | memfd | fine")]
    [InlineData("")]
    public void Parse_OfALineThatIsNoCase_Throws(string line) => Assert.Throws<FormatException>(() => CowResultFile.Parse(["# text", line]));

    [GeneratedRegex("'([A-Z]+)': ([0-9]+)")]
    private static partial Regex Totals();

    private static int CountRunnable(CowVerdict verdict) => CowPlan.Runnable.Count(one => one.Verdict == verdict);
}
