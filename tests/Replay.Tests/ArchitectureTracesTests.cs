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
    public void On_arm64_every_trace_is_equal_but_for_tables_that_stay() =>
        Check(new ReplayMachines<Arm64FourLevel>(), 398, excepted: 0, "thp005.file.jsonl", "thp005.zram.jsonl");

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

    [Fact]
    public void On_arm64_with_tags_every_trace_is_equal_that_neither_merges_pages_nor_splits_huge_ones() =>
        Check(new TaggedReplayMachines<Arm64FourLevel<MteFrameSlot>, MteFormat>(), 330, excepted: 70);

    [Fact]
    public void On_sparc64_with_tags_every_trace_is_equal_that_does_not_merge_pages_either() =>
        Check(new TaggedReplayMachines<Sun4vM7<AdiFrameSlot>, AdiFormat>(), 308, excepted: 92);

    private static void Check<TArch>(int equal, int excepted)
        where TArch : struct, IArchitecture => Check(new ReplayMachines<TArch>(), equal, excepted);

    private static void Check(IReplayMachineFactory machines, int equal, int excepted, params string[] different)
    {
        IReadOnlyList<TraceResult> results =
            ReplayRunner.Run(new TraceReplay(machines, verify: true), ReplayRunner.FindTraces([TestData.Traces]));
        TraceResult[] wrong = [.. results.Where(result => !result.IsGood)];
        string[] names = [.. wrong.Select(result => Path.GetFileName(result.Path)).Order(StringComparer.Ordinal)];
        Assert.True(names.SequenceEqual(different), $"{wrong.Length} of {results.Count}; first: {wrong.FirstOrDefault()}");
        Assert.Equal(equal, results.Count(result => result.Verdict == TraceVerdict.Equal));
        Assert.Equal(excepted, results.Count(result => result.Verdict == TraceVerdict.Excepted));
    }
}
