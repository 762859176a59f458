using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Mm.Structures;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>
/// A swap-in of a shared page, with another process let in before each single shared access: it brings the page in, changes it and has it
/// swapped out again, so that the same slot may hold new content by then.
/// </summary>
public sealed class SharedInterleavingTests
{
    private enum Doing
    {
        Read,
        Poke,
        SwapOff,
        Truncate,
    }

    public static TheoryData<Backing> Backings => [Backing.Zram, Backing.Asynchronous];

    [Theory]
    [MemberData(nameof(Backings))]
    public void Read_WhileThePageComesBackIsChangedAndGoesAgain_LeavesTheNewContent(Backing backing) => Run(backing, Doing.Read);

    [Theory]
    [MemberData(nameof(Backings))]
    public void Store_WhileThePageComesBackIsChangedAndGoesAgain_LosesNeitherStore(Backing backing) => Run(backing, Doing.Poke);

    [Theory]
    [MemberData(nameof(Backings))]
    public void SwapOff_WhileThePageComesBackIsChangedAndGoesAgain_LeavesTheNewContent(Backing backing) => Run(backing, Doing.SwapOff);

    [Theory]
    [MemberData(nameof(Backings))]
    public void Truncate_WhileThePageComesBackIsChangedAndGoesAgain_LeavesNothing(Backing backing) => Run(backing, Doing.Truncate);

    private static void Run(Backing backing, Doing doing)
    {
        int steps = 0; // of the undisturbed run, which is the first: the disturbed ones may be longer
        int interferences = 0;
        for (int at = 0; at <= steps; at++)
        {
            using var world = new SharedWorld<X64FourLevel, InterferingModel>(backing, frames: 64);
            uint other = world.Machine.Fork(world.First);
            world.Write(world.First, 0, 1);
            world.Machine.ReclaimAll();
            var interference = new OneInterruption(at, () => CanRun(world), () => Change(world, other));
            StepObserver.Current = interference;
            Do(world, doing);
            StepObserver.Current = null;
            steps = at == 0 ? interference.Steps : steps;
            interferences += interference.Ran ? 1 : 0;
            AssertOutcome(world, other, doing, interference.Ran);
            world.ExitAll(world.First, other);
        }

        Assert.InRange(interferences, 6, steps);
    }

    private static void Do(SharedWorld<X64FourLevel, InterferingModel> world, Doing doing)
    {
        switch (doing)
        {
            case Doing.Read:
                Assert.True(world.Read(world.First, 0) is 1 or 2);
                break;
            case Doing.Poke:
                ulong last = SharedWorld<X64FourLevel, InterferingModel>.At(0) + 4095;
                var counters = new PageTableEmu.Mm.FaultCounters();
                world.Machine.Write(world.First, last, [77], ref counters);
                break;
            case Doing.SwapOff:
                world.Machine.SwapOff(world.Area);
                break;
            default:
                world.Machine.Truncate(world.Object, 0);
                break;
        }
    }

    /// <summary>What the other process does.</summary>
    private static void Change(SharedWorld<X64FourLevel, InterferingModel> world, uint other)
    {
        world.TryWrite(other, 0, 2); // fails behind the end of a truncated object
        world.Machine.ReclaimAll();
    }

    /// <summary>Whether the other process would find every lock free, and no slot pinned.</summary>
    private static bool CanRun(SharedWorld<X64FourLevel, InterferingModel> world)
    {
        var verifier = new Verifier<X64FourLevel, InterferingModel>(world.Machine.Context);
        return !verifier.HeldLocks().Any(held => held.What.StartsWith("Thread", StringComparison.Ordinal))
            && !world.Machine.Context.Swap.UsedSlots().Any(slot => slot.Word.IsPinned);
    }

    private static void AssertOutcome(SharedWorld<X64FourLevel, InterferingModel> world, uint other, Doing doing, bool changed)
    {
        world.AssertSound();
        if (doing == Doing.Truncate)
        {
            Assert.True(world.PlaceOf(0).IsNone);
            Assert.Equal(0ul, world.Machine.Context.Swap.TotalInUse);
            return;
        }

        var page = new byte[4096];
        var counters = new PageTableEmu.Mm.FaultCounters();
        world.Machine.Read(other, SharedWorld<X64FourLevel, InterferingModel>.At(0), page, ref counters);
        Assert.Equal((changed ? 2 : 1, doing == Doing.Poke ? 77 : 0), (page[0], page[^1]));
    }
}
