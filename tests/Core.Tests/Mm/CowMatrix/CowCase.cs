namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>One case of the recorded run of the kernel's copy-on-write selftest.</summary>
/// <param name="Number">Its number in the run, from 1.</param>
/// <param name="Verdict">Outcome with swap on.</param>
/// <param name="Test">Name of the test.</param>
/// <param name="Variant">The kind of memory, as the run names it; "-" where the test has only one.</param>
/// <param name="Message">What the run said.</param>
internal sealed record CowCase(int Number, CowVerdict Verdict, string Test, string Variant, string Message)
{
    /// <summary>Why the recorded run left out the cases that need the kernel's test interface for pins.</summary>
    internal const string NoPinInterface = "# SKIP gup_test not available";

    /// <summary>The variant without its size: "with THP (2048 kB)" is a "THP".</summary>
    internal string Kind
    {
        get
        {
            if (Variant == "-")
                return Test;
            int size = Variant.IndexOf(" (", StringComparison.Ordinal);
            string name = size < 0 ? Variant : Variant[..size];
            return name["with ".Length..];
        }
    }
}
