using System.Globalization;
using System.Numerics;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>Which cases of the recorded run this machine can express, and why not the others.</summary>
internal static class CowPlan
{
    private const int HugeKilobytes = 2048;
    private const int PageKilobytes = 4;

    /// <summary>The cases that run.</summary>
    internal static IEnumerable<CowCase> Runnable => CowResultFile.All.Where(one => ReasonToLeaveOut(one) is null);

    /// <summary>Null for a case that runs.</summary>
    internal static string? ReasonToLeaveOut(CowCase one) => one.Variant == "-" ? null : one.Kind switch
    {
        "base page" or "swapped out base page" or "shared zeropage" or "huge zeropage" or "memfd" or "tmpfile" => null,
        "hugetlb" or "memfd hugetlb" => "no hugetlb pages in this machine",
        { } kind when kind.Contains("THP", StringComparison.Ordinal) => null,
        _ => throw new ArgumentException($"Case {one.Number} has a kind that nobody thought of: {one.Variant}.", nameof(one)),
    };

    internal static CowMemory MemoryOf(CowCase one) => one.Kind switch
    {
        "base page" => CowMemory.BasePage,
        "swapped out base page" => CowMemory.SwappedOut,
        "shared zeropage" => CowMemory.ZeroPage,
        "huge zeropage" => CowMemory.HugeZeroPage,
        "memfd" or "tmpfile" => CowMemory.PrivateView, // what is behind the object, swap or a file, none of the tests can tell
        "THP" => CowMemory.Huge,
        "swapped-out THP" => CowMemory.HugeSwappedOut,
        "PTE-mapped THP" => CowMemory.HugeByPages,
        "swapped-out, PTE-mapped THP" => CowMemory.HugeByPagesSwappedOut,
        "single PTE of THP" => CowMemory.OneOfHuge,
        "single PTE of swapped-out THP" => CowMemory.OneOfHugeSwappedOut,
        "partially mremap()'ed THP" => CowMemory.HugeHalfMoved,
        "partially shared THP" => CowMemory.HugePartlyShared,
        _ when one.Variant == "-" => CowMemory.HugeByPages,
        _ => throw new ArgumentException($"Case {one.Number} does not run.", nameof(one)),
    };

    /// <summary>log2 of the pages of a case's large folio; null when it is a huge page, whatever its size is on another architecture.</summary>
    internal static int? OrderOf(CowCase one)
    {
        int bracket = one.Variant.LastIndexOf('(');
        if (bracket < 0 || !one.Kind.Contains("THP", StringComparison.Ordinal))
            return null;
        string size = one.Variant[(bracket + 1)..^" kB)".Length];
        int kilobytes = int.Parse(size, NumberStyles.None, CultureInfo.InvariantCulture);
        return kilobytes == HugeKilobytes ? null : BitOperations.Log2((uint)(kilobytes / PageKilobytes));
    }

    /// <summary>
    /// Whether what the test is about holds: no leak, a reliable pin. The recorded kernel had no interface for pins under test; there the rule
    /// is what it documents: a pin of an anonymous page is of an exclusive one, and a long-term pin also replaces the zero page, or the page of
    /// an object in a private mapping, first.
    /// </summary>
    internal static bool Holds(CowCase one) => one.Verdict switch
    {
        CowVerdict.Pass => true,
        CowVerdict.ExpectedFail => false,
        _ when one.Message == CowCase.NoPinInterface => true,
        _ => throw new ArgumentException($"Case {one.Number} says nothing: {one.Message}.", nameof(one)),
    };
}
