using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Reclaim.Ksm;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Selftests;

/// <summary>The ten tests of the kernel's selftest mm/ksm_functional_tests.c: 512 pages of one value, merged, and what ends that.</summary>
public abstract class KsmFunctionalTests<TArch>
    where TArch : struct, IArchitecture
{
    private const int Pages = 512;

    /// <summary>Pages that share one frame at most (max_page_sharing).</summary>
    private const int Sharers = 256;

    private const string NoExec = "a machine has no execve(2)";
    private const GupFlags Forced = GupFlags.Get | GupFlags.Write | GupFlags.Force;

    private static (string Test, string? WhyNot, Action<KsmRig<TArch>> Run)[] Table { get; } =
    [
        ("test_unmerge", null, Unmerge),
        ("test_unmerge_zero_pages", null, UnmergeZeroPages),
        ("test_unmerge_discarded", null, UnmergeDiscarded),
        ("test_unmerge_uffd_wp", TArch.HasUffdWp ? null : "the architecture has no write-protect mark", UnmergeWriteProtected),
        ("test_prot_none", null, ProtectionNone),
        ("test_prctl", null, Switch),
        ("test_prctl_fork", null, SwitchAndFork),
        ("test_prctl_fork_exec", NoExec, static _ => { }),
        ("test_prctl_unmerge", null, SwitchOff),
        ("test_fork_ksm_merging_page_count", null, MergingPagesOfAChild),
    ];

    public static TheoryData<int, string> Rows
    {
        get
        {
            var rows = new TheoryData<int, string>();
            for (int i = 0; i < Table.Length; i++)
            {
                if (Table[i].WhyNot is null)
                    rows.Add(i, Table[i].Test);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void ARow_HoldsAsInTheKernel(int row, string test)
    {
        Assert.Equal(test, Table[row].Test);
        using var rig = new KsmRig<TArch>(Backing.Zram);
        Table[row].Run(rig);
        rig.AssertSound();
    }

    [Fact]
    public void TheTable_HasTheKernelsTests() => Assert.Equal((10, TArch.HasUffdWp ? 9 : 8), (Table.Length, Rows.Count));

    private static void Unmerge(KsmRig<TArch> rig)
    {
        uint space = Merged(rig);
        rig.Advise(space, 0, Pages, Advice.Unmergeable);
        AssertNoDuplicates(rig, space, mapped: Pages);
    }

    private static void UnmergeZeroPages(KsmRig<TArch> rig)
    {
        rig.Machine.Ksm.UsesZeroPages = true;
        uint space = rig.Process(Pages);
        for (int page = 0; page < Pages; page++)
            rig.Fill(space, page, 0);
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(Pages, rig.Machine.Ksm.ZeroPages(space));
        rig.Advise(space, 0, Pages / 2, Advice.Unmergeable);
        Assert.Equal(Pages / 2, rig.Machine.Ksm.ZeroPages(space));
        for (int page = Pages / 2; page < Pages; page++)
            rig.Fill(space, page, 1);
        Assert.Equal(0, rig.Machine.Ksm.ZeroPages(space));
        AssertNoDuplicates(rig, space, mapped: Pages);
    }

    private static void UnmergeDiscarded(KsmRig<TArch> rig)
    {
        uint space = Merged(rig);
        rig.Advise(space, 0, Pages / 2, Advice.DontNeed);
        rig.Advise(space, 0, Pages, Advice.Unmergeable);
        AssertNoDuplicates(rig, space, mapped: Pages / 2);
    }

    private static void UnmergeWriteProtected(KsmRig<TArch> rig)
    {
        uint space = Merged(rig);
        Assert.Equal(MmResult.Ok, rig.Machine.Userfaultfd.Register(space, rig.Address(0), rig.Address(Pages)));
        Assert.Equal(MmResult.Ok, rig.Machine.Userfaultfd.WriteProtect(space, rig.Address(0), rig.Address(Pages), protect: true));
        rig.Advise(space, 0, Pages, Advice.Unmergeable);
        AssertNoDuplicates(rig, space, mapped: Pages);
    }

    /// <summary>A forced write breaks copy-on-write, and unmerging works, where the process may do nothing.</summary>
    private static void ProtectionNone(KsmRig<TArch> rig)
    {
        uint space = Merged(rig);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Protect(space, rig.Address(0), (ulong)Pages * rig.PageSize, AccessRights.None, ref counters));
        for (int page = 0; page < Pages / 2; page++)
        {
            Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(space, rig.Address(page), Forced, out uint frame, ref counters));
            BitConverter.TryWriteBytes(rig.Machine.Context.Frames.Bytes(frame), page + 1);
            rig.Machine.Gup.Put(frame, Forced);
        }

        rig.Advise(space, Pages / 2, Pages / 2, Advice.Unmergeable);
        AssertNoDuplicates(rig, space, mapped: Pages);
    }

    private static void Switch(KsmRig<TArch> rig)
    {
        uint space = rig.Process(1, mergeable: false);
        foreach (bool on in (bool[])[true, true, false, false])
        {
            SetMergesAll(rig, space, on);
            Assert.Equal(on, rig.Machine.Ksm.MergesAll(space));
        }
    }

    private static void SwitchAndFork(KsmRig<TArch> rig)
    {
        uint space = rig.Process(1, mergeable: false);
        SetMergesAll(rig, space, on: true);
        uint child = rig.Machine.Fork(space);
        Assert.True(rig.Machine.Ksm.MergesAll(child));
        SetMergesAll(rig, space, on: false);
        Assert.True(rig.Machine.Ksm.MergesAll(child));
        rig.Machine.Exit(child);
    }

    private static void SwitchOff(KsmRig<TArch> rig)
    {
        uint space = rig.Process(Pages, mergeable: false);
        for (int page = 0; page < Pages; page++)
            rig.Fill(space, page, 0xcf);
        SetMergesAll(rig, space, on: true);
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(Pages / Sharers, Frames(rig, space).Distinct().Count());
        SetMergesAll(rig, space, on: false);
        AssertNoDuplicates(rig, space, mapped: Pages);
    }

    private static void SetMergesAll(KsmRig<TArch> rig, uint space, bool on)
    {
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.SetMergesAll(space, on, ref counters));
    }

    private static void MergingPagesOfAChild(KsmRig<TArch> rig)
    {
        uint space = Merged(rig);
        Assert.Equal(Pages, rig.Machine.Ksm.MergedItems(space));
        uint child = rig.Machine.Fork(space);
        Assert.Equal(0, rig.Machine.Ksm.MergedItems(child));
        rig.Machine.Exit(child);
    }

    private static uint Merged(KsmRig<TArch> rig)
    {
        uint space = rig.Process(Pages);
        for (int page = 0; page < Pages; page++)
            rig.Fill(space, page, 0xcf);
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(Pages / Sharers, Frames(rig, space).Distinct().Count());
        return space;
    }

    private static IEnumerable<uint> Frames(KsmRig<TArch> rig, uint space) =>
        Enumerable.Range(0, Pages).Select(page => rig.Frame(space, page)).Where(frame => frame != 0);

    private static void AssertNoDuplicates(KsmRig<TArch> rig, uint space, int mapped)
    {
        uint[] frames = [.. Frames(rig, space)];
        Assert.Equal((mapped, mapped), (frames.Length, frames.Distinct().Count()));
    }
}

public sealed class X64KsmFunctionalTests : KsmFunctionalTests<X64FourLevel>;

public sealed class Sun4vKsmFunctionalTests : KsmFunctionalTests<Sun4v>;
