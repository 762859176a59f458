using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Paging;
using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Running;

namespace PageTableEmu.Replay.Tests;

/// <summary>The same recordings on machines of other architectures: memory management does not depend on the format.</summary>
public class ArchitectureTracesTests
{
    /// <summary>
    /// The script thp005 empties a table by MADV_DONTNEED and then stores there: a huge page where Linux has freed the table, as it does on x86-64
    /// and nowhere else (ARCH_SUPPORTS_PT_RECLAIM), and a single page where it stands.
    /// </summary>
    [Fact]
    public void On_arm64_every_trace_is_equal_but_for_tables_that_stay() => Check<Arm64FourLevel>(398, excepted: 2);

    [Fact]
    public void On_sparc64_every_trace_is_equal_that_needs_neither_uffd_wp_nor_huge_pages_of_512_pages() => Check<Sun4vM7>(358, excepted: 42);

    [Fact]
    public void Exceptions_are_named()
    {
        var machines = new ReplayMachines<Sun4vM7>();
        Assert.Contains("userfaultfd", machines.Lacks(Scripts.ScriptParser.Parse(["map A 3", "uffd A 0 3"])), StringComparison.Ordinal);
        Assert.Contains("1024 pages", machines.Lacks(Scripts.ScriptParser.Parse(["maphuge A 512"])), StringComparison.Ordinal);
        Assert.Null(machines.Lacks(Scripts.ScriptParser.Parse(["map A 3", "nohuge A 0 3", "pageout A 0 3"])));
        Assert.False(machines.MinorFaultsAreComparable);
        Assert.True(new ReplayMachines<Arm64FourLevel>().MinorFaultsAreComparable);
    }

    /// <summary>That the exceptions are needed: without them such traces differ.</summary>
    [Theory]
    [InlineData("thp005.zram.jsonl", false)]
    [InlineData("thp003.zram.jsonl", true)]
    public void What_is_excepted_on_arm64_would_differ(string trace, bool withTags)
    {
        IReplayMachineFactory machines = withTags ? OfMte : new ReplayMachines<Arm64FourLevel>();
        TraceResult result = new TraceReplay(new Unexcepted(machines), verify: true).Replay(Path.Combine(TestData.Traces, trace));
        Assert.Equal(TraceVerdict.Difference, result.Verdict);
    }

    [Fact]
    public void On_arm64_with_tags_every_trace_is_equal_in_which_no_zero_page_replaces_a_page_with_tags() =>
        Check(OfMte, 385, excepted: 15);

    [Fact]
    public void On_sparc64_with_tags_the_same_traces_are_equal_as_without() =>
        Check(new TaggedReplayMachines<Sun4vM7<AdiFrameSlot>, AdiFormat>(), 358, excepted: 42);

    /// <summary>What cannot be equal is verified all the same, tags included.</summary>
    [Fact]
    public void Tags_of_an_excepted_trace_are_compared_too()
    {
        string trace = Path.Combine(TestData.Traces, "thp003.zram.jsonl");
        var linux = new TaggedReplayMachines<Sun4vM7<AdiLinux>, AdiFormat>();
        Assert.Equal(TraceVerdict.Excepted, new TraceReplay(linux, verify: false).Replay(trace).Verdict);
        TraceResult result = new TraceReplay(linux, verify: true).Replay(trace);
        Assert.Equal(TraceVerdict.Violation, result.Verdict);
        Assert.Contains("G2", result.Message, StringComparison.Ordinal);
    }

    /// <summary>With ADI a mapping checks tags or has its pages merged; with MTE it is decided when it is made.</summary>
    [Fact]
    public void Merged_pages_have_tags_with_adi()
    {
        var machines = new TaggedReplayMachines<Sun4vM7<AdiFrameSlot>, AdiFormat>();
        IReadOnlyList<ScriptOperation> script = Scripts.ScriptParser.Parse(
            ["map A 4", "write A 0 7", "write A 1 7", "write A 2 9", "merge A 0 2", "ksm", "write A 1 8", "mprotect A 0 4 r", "unmerge A 0 4",
                "reclaim", "read A 0"]);
        using IReplayMachine machine = machines.Create(Backend.Zram, script);
        var session = new ReplaySession(machine);
        var row = new Traces.TraceRow();
        foreach (ScriptOperation operation in script)
        {
            Assert.True(session.Run(operation, row));
            Assert.Equal((operation.Text, 0), (operation.Text, row.Outcome.Error));
            Assert.Empty(machine.Verify());
            if (operation.Kind == OperationKind.Ksm)
                Assert.Equal(2, row.ProcessOf(0)!.Merged);
        }

        Assert.Equal(7, row.Outcome.Value);
    }

    private static TaggedReplayMachines<Arm64FourLevel<MteFrameSlot>, MteFormat> OfMte => new();

    private static void Check<TArch>(int equal, int excepted)
        where TArch : struct, IArchitecture => Check(new ReplayMachines<TArch>(), equal, excepted);

    private static void Check(IReplayMachineFactory machines, int equal, int excepted)
    {
        IReadOnlyList<TraceResult> results =
            ReplayRunner.Run(new TraceReplay(machines, verify: true), ReplayRunner.FindTraces([TestData.Traces]));
        TraceResult[] wrong = [.. results.Where(result => !result.IsGood)];
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {results.Count}; first: {wrong.FirstOrDefault()}");
        Assert.Equal(equal, results.Count(result => result.Verdict == TraceVerdict.Equal));
        Assert.Equal(excepted, results.Count(result => result.Verdict == TraceVerdict.Excepted));
    }

    /// <summary>The same machines, said to lack nothing.</summary>
    private sealed class Unexcepted(IReplayMachineFactory machines) : IReplayMachineFactory
    {
        public bool MinorFaultsAreComparable => machines.MinorFaultsAreComparable;

        public IReplayMachine Create(Backend backend) => machines.Create(backend);

        public IReplayMachine Create(Backend backend, IReadOnlyList<ScriptOperation> script) => machines.Create(backend, script);
    }
}
