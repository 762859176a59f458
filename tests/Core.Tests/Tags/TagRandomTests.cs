using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>Random lives of a few processes with tags, allocations failing now and then; the ghosts are asked after every step.</summary>
public class TagRandomTests
{
    private const uint Pages = 12;

    [Theory]
    [InlineData(Backing.Zram, 1)]
    [InlineData(Backing.Zram, 2)]
    [InlineData(Backing.Asynchronous, 3)]
    [InlineData(Backing.Asynchronous, 4)]
    public void RandomLife_Adi_EveryGhostIsRightAfterEveryStep(Backing backing, int seed) =>
        LiveRightly<Sun4vM7<AdiFrameSlot>, AdiFormat>(backing, seed);

    [Theory]
    [InlineData(Backing.Zram, 7)]
    [InlineData(Backing.Zram, 8)]
    [InlineData(Backing.Asynchronous, 9)]
    [InlineData(Backing.Asynchronous, 10)]
    public void RandomLife_Mte_EveryGhostIsRightAfterEveryStep(Backing backing, int seed) =>
        LiveRightly<Arm64FourLevel<MteFrameSlot>, MteFormat>(backing, seed);

    private static void LiveRightly<TArch, TFormat>(Backing backing, int seed)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        for (int run = 0; run < 8; run++)
        {
            using var w = new TagWorld<TArch, TFormat, CheckedModel>(backing, pages: Pages);
            Live(w, new Random((seed * 1000) + run), step =>
            {
                w.AssertGhosts(step);
                w.AssertSound(step);
            });
            w.Storage.Faults.FailAllocation = 0;
            w.AssertSeen($"seed {seed}, run {run}");
        }
    }

    [Theory]
    [InlineData(Backing.Zram, 5)]
    [InlineData(Backing.Asynchronous, 6)]
    public void RandomLife_Linux_BreaksNothingButTags(Backing backing, int seed)
    {
        for (int run = 0; run < 4; run++)
        {
            using var w = new TagWorld<AdiLinux, CheckedModel>(backing, pages: Pages);
            Live(w, new Random((seed * 1000) + run), step =>
                Assert.True(w.Broken().All(id => id is "T1" or "T4"), $"{step}: {string.Join(", ", w.Broken())}"));
        }
    }

    private static void Live<TArch, TFormat>(TagWorld<TArch, TFormat, CheckedModel> w, Random random, Action<string> check)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        var processes = new List<uint> { w.Process };
        bool exact = !TArch.KeepsTagsByAddress; // only then do pointers with the ghosts' tags work
        for (int step = 0; step < 120; step++)
        {
            uint process = processes[random.Next(processes.Count)];
            uint page = (uint)random.Next((int)Pages);
            string name = Do(w, random, processes, process, page, exact);
            check($"step {step}, {name}, process {process}, page {page}");
        }
    }

    private static string Do<TArch, TFormat>(
        TagWorld<TArch, TFormat, CheckedModel> w, Random random, List<uint> processes, uint process, uint page, bool exact)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        switch (random.Next(exact ? 14 : 12))
        {
            case 0 or 1 or 2:
                w.Tag(process, page, random.Next(TagWorld<TArch, TFormat, CheckedModel>.Blocks), (uint)random.Next(16));
                return "tag";
            case 3:
                w.Machine.Reclaim(random.Next(8));
                return "reclaim";
            case 4:
                w.Storage.Faults.FailAllocation = random.Next(4);
                w.Machine.ReclaimAll();
                w.Storage.Faults.FailAllocation = 0;
                return "reclaim all";
            case 5 when processes.Count < 4:
                processes.Add(w.Fork(process));
                return "fork";
            case 6 when processes.Count > 1:
                processes.Remove(process);
                w.Exit(process);
                return "exit";
            case 7:
                w.DontNeed(process, page, 1);
                return "zap";
            case 8:
                w.Move(process, page, 200, 1);
                w.Move(process, 200, page, 1);
                return "move";
            case 9:
                Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
                w.SwapOn();
                return "swapoff";
            case 10:
                Assert.Equal(MmResult.Ok, w.Advise(process, 0, Pages, random.Next(2) == 0 ? Advice.WillNeed : Advice.PageOut));
                return "advice";
            case 11:
                Assert.Equal(MmResult.Ok, w.Protect(process, page, 1, tags: false));
                w.Machine.Reclaim(2);
                Assert.Equal(MmResult.Ok, w.Protect(process, page, 1, tags: true));
                return "toggle";
            default:
                if (exact)
                    w.Write(process, page, (byte)random.Next(1, 256));
                w.Machine.Settle();
                return "write";
        }
    }
}
