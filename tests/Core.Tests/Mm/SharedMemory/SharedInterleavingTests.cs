using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Verification;
using World =
    PageTableEmu.Core.Tests.Mm.SharedMemory.SharedWorld<PageTableEmu.Arch.X64.X64FourLevel, PageTableEmu.Core.Tests.Mm.Structures.InterferingModel>;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>
/// A swap-in of a shared page, with another process let in before each single shared access. The swap area has one slot, so that what the other
/// swaps out gets the very slot that the observed one read about.
/// </summary>
public sealed class SharedInterleavingTests
{
    /// <summary>What is observed.</summary>
    public enum Doing
    {
        /// <summary>A load of the page.</summary>
        Read,

        /// <summary>A store to its last byte.</summary>
        Poke,

        /// <summary>The end of the swap area.</summary>
        SwapOff,

        /// <summary>The end of the object's content.</summary>
        Truncate,
    }

    /// <summary>What comes in between.</summary>
    public enum Meanwhile
    {
        /// <summary>The page comes back, is changed, and goes to swap again.</summary>
        Change,

        /// <summary>The page is forgotten, made anew in another frame, and goes to swap.</summary>
        Replace,

        /// <summary>The object is cut before the page.</summary>
        Truncate,
    }

    public static TheoryData<Backing, Doing, Meanwhile> Cases
    {
        get
        {
            var cases = new TheoryData<Backing, Doing, Meanwhile>();
            foreach (Backing backing in Enum.GetValues<Backing>())
            {
                foreach (Doing doing in Enum.GetValues<Doing>())
                {
                    foreach (Meanwhile meanwhile in Enum.GetValues<Meanwhile>())
                        cases.Add(backing, doing, meanwhile);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void SwapIn_WithAnotherProcessBeforeEachAccess_EndsAsIfOneCameAfterTheOther(Backing backing, Doing doing, Meanwhile meanwhile)
    {
        int steps = 0; // of the undisturbed run, which is the first: the disturbed ones may be longer
        int interruptions = 0;
        for (int at = 0; at <= steps; at++)
        {
            using var world = new World(backing, frames: 64, slots: 2);
            uint other = world.Machine.Fork(world.First);
            world.Write(world.First, 0, 1);
            world.Machine.ReclaimAll();
            Assert.True(world.PlaceOf(0).IsSwap);
            var interruption = new OneInterruption(at, () => CanRun(world), () => Interrupt(world, other, meanwhile));
            Atomics.StepObserver.Current = interruption;
            Do(world, doing);
            Atomics.StepObserver.Current = null;
            steps = at == 0 ? interruption.Steps : steps;
            interruptions += interruption.Ran ? 1 : 0;
            AssertOutcome(world, other, doing, interruption.Ran ? meanwhile : null);
            world.ExitAll(world.First, other);
        }

        Assert.InRange(interruptions, 6, steps);
    }

    private static void Do(World world, Doing doing)
    {
        var counters = new FaultCounters();
        switch (doing)
        {
            case Doing.Read:
                var loaded = new byte[1];
                world.Machine.Read(world.First, World.At(0), loaded, ref counters);
                Assert.InRange(loaded[0], 0, 2);
                break;
            case Doing.Poke:
                world.Machine.Write(world.First, World.At(1) - 1, [77], ref counters);
                break;
            case Doing.SwapOff:
                world.Machine.SwapOff(world.Area);
                break;
            default:
                world.Machine.Truncate(world.Object, 0);
                break;
        }
    }

    private static void Interrupt(World world, uint other, Meanwhile meanwhile)
    {
        if (meanwhile == Meanwhile.Truncate)
        {
            world.Machine.Truncate(world.Object, 0);
            return;
        }

        if (meanwhile == Meanwhile.Replace)
        {
            world.TryRead(other, 0); // so that the frame in the swap cache is the object's when it is forgotten
            world.Machine.PunchHole(world.Object, 0, 1);
        }

        world.TryWrite(other, 0, 2); // fails behind the end of a truncated object
        world.Machine.ReclaimAll();
    }

    /// <summary>Whether the other process would find every lock free that it can reach, and no slot pinned.</summary>
    private static bool CanRun(World world)
    {
        MmContext<X64FourLevel, Structures.InterferingModel> mm = world.Machine.Context;
        for (uint frame = 1; frame < mm.Frames.CommittedFrames; frame++)
        {
            const FrameFlags Reachable = FrameFlags.SwapCache | FrameFlags.SharedMemory | FrameFlags.Table;
            if (mm.Frames[frame].Lock != 0 && (mm.Frames.Flags(frame) & Reachable) != 0)
                return false; // a fresh frame's lock is in nobody's way
        }

        var verifier = new Verifier<X64FourLevel, Structures.InterferingModel>(mm);
        return !verifier.HeldLocks().Any(held => held.What.StartsWith("Thread", StringComparison.Ordinal) && !held.What.Contains("lock of folio"))
            && !mm.Swap.UsedSlots().Any(slot => slot.Word.IsPinned);
    }

    private static void AssertOutcome(World world, uint other, Doing doing, Meanwhile? meanwhile)
    {
        world.AssertSound();
        if (doing == Doing.Truncate || meanwhile == Meanwhile.Truncate)
        {
            Assert.True(world.PlaceOf(0).IsNone);
            Assert.Equal(0ul, world.Machine.Context.Swap.TotalInUse);
            return;
        }

        var page = new byte[4096];
        var counters = new FaultCounters();
        world.Machine.Read(other, World.At(0), page, ref counters);
        Assert.Equal(meanwhile is null ? 1 : 2, page[0]);
        if (doing == Doing.Poke && meanwhile == Meanwhile.Replace)
            Assert.True(page[^1] is 0 or 77); // the store came before or after
        else
            Assert.Equal(doing == Doing.Poke ? 77 : 0, page[^1]);
    }
}
