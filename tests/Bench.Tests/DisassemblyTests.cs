using PageTableEmu.Bench.Disassembly;

namespace PageTableEmu.Bench.Tests;

/// <summary>What the reader of machine code finds in a listing.</summary>
public sealed class DisassemblyTests
{
    [Theory]
    [InlineData("       call     [PageTableEmu.Some:Slow(ulong):ulong]", "")]
    [InlineData("       tail.jmp [PageTableEmu.Some:Slow(ulong):ulong]", "")]
    [InlineData("       call     [PageTableEmu.Some:Other(ulong):ulong]", "calls [PageTableEmu.Some:Other(ulong):ulong]")]
    [InlineData("       call     CORINFO_HELP_RNGCHKFAIL", "checks a range")]
    [InlineData("       call     CORINFO_HELP_NEWSFAST", "allocates")]
    [InlineData("       mov      rax, rdi", "")]
    public void Problems_AreCallsRangeChecksAndAllocations(string code, string problem) =>
        Assert.Equal(problem.Length == 0 ? [] : [problem], DisassemblyCommand.Problems(code, ["Slow"]));

    [Fact]
    public void TheLastFullyOptimisedCode_IsTaken()
    {
        const string Heading = "; Assembly listing for method ";
        string listing = $"{Heading}C:M(int):int (Tier0)\nzero\n{Heading}C:M(int):int (Tier1)\none\n{Heading}C:N(int):int (Tier1)\nother\n"
            + $"{Heading}C:M(int):int (Tier1)\ntwo\n{Heading}C:M(int):int (Tier1-OSR)\nthree\n";
        Assert.Contains("two", DisassemblyCommand.FindTier1(listing, "M(int)"), StringComparison.Ordinal);
        Assert.Null(DisassemblyCommand.FindTier1(listing, "K(int)"));
    }
}
