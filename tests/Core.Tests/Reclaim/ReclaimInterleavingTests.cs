using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Mm.SharedMemory;
using PageTableEmu.Core.Tests.Mm.Structures;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim;

/// <summary>Reclaim, let in before each single shared access of what must keep a count or a list for it.</summary>
public sealed class ReclaimInterleavingTests
{
    private const ulong Start = 1UL << 32;
    private const ulong Page = 4096;
    private const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lock_WhileReclaimFindsThePage_CountsItOnce(bool shared)
    {
        Interrupt(
            Backing.Zram,
            machine => Make(machine, shared),
            (machine, space) => Lock(machine, space),
            (machine, _) => machine.ReclaimAll(),
            (machine, space) =>
            {
                Assert.Equal(MmResult.Ok, machine.Unlock(space, Start, Page));
                uint frame = FrameOf(machine, space);
                Assert.NotEqual(0u, frame);
                Assert.Equal(FrameFlags.None, machine.Context.Frames.Flags(frame) & (FrameFlags.Mlocked | FrameFlags.Unevictable));
                machine.ReclaimAll();
                Assert.Equal(0u, FrameOf(machine, space));
            });
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void SwapOff_WhileAnotherAreaComesAndIsUsed_MissesNoEntryLater(Backing backing)
    {
        uint second = uint.MaxValue;
        Interrupt(
            backing,
            machine =>
            {
                second = uint.MaxValue;
                uint space = Make(machine, shared: false);
                machine.ReclaimAll();
                return space;
            },
            (machine, _) => Assert.Equal(SwapResult.Ok, machine.SwapOff(0)),
            (machine, space) =>
            {
                var faults = new FaultCounters();
                Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area(256), out second));
                machine.Advise(space, Start, Page, Advice.PageOut, ref faults);
                machine.Settle();
            },
            (machine, _) =>
            {
                Assert.Empty(machine.Verify()); // the address space of an entry is listed, or the next line would never end
                if (second != uint.MaxValue)
                    Assert.Equal(SwapResult.Ok, machine.SwapOff(second));
            });
    }

    private static void Interrupt(
        Backing backing,
        Func<Machine<X64FourLevel, InterferingModel>, uint> prepare,
        Action<Machine<X64FourLevel, InterferingModel>, uint> observed,
        Action<Machine<X64FourLevel, InterferingModel>, uint> other,
        Action<Machine<X64FourLevel, InterferingModel>, uint> judge)
    {
        int steps = 0; // of the undisturbed run, which is the first: the disturbed ones may be longer
        int interruptions = 0;
        for (int at = 0; at <= steps; at++)
        {
            using var machine = Machine<X64FourLevel, InterferingModel>.Create(
                new MachineImageOptions { RamBytes = 64 * Page, SwapSlots = 512, SwapStoreSlots = 512 });
            Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area(256), out _));
            uint space = prepare(machine);
            var interruption = new OneInterruption(at, () => CanRun(machine), () => other(machine, space));
            Atomics.StepObserver.Current = interruption;
            observed(machine, space);
            Atomics.StepObserver.Current = null;
            steps = at == 0 ? interruption.Steps : steps;
            interruptions += interruption.Ran ? 1 : 0;
            judge(machine, space);
            Assert.Empty(machine.Verify());
        }

        Assert.InRange(interruptions, 6, steps);
    }

    private static uint Make(Machine<X64FourLevel, InterferingModel> machine, bool shared)
    {
        var faults = new FaultCounters();
        uint space = machine.CreateAddressSpace();
        MmResult mapped = shared ? machine.MapShared(space, Start, 4 * Page, ReadWrite) : machine.Map(space, Start, 4 * Page, ReadWrite);
        Assert.Equal(MmResult.Ok, mapped);
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start, [1], ref faults));
        return space;
    }

    private static void Lock(Machine<X64FourLevel, InterferingModel> machine, uint space)
    {
        var faults = new FaultCounters();
        Assert.Equal(MmResult.Ok, machine.Lock(space, Start, Page, ref faults));
    }

    private static uint FrameOf(Machine<X64FourLevel, InterferingModel> machine, uint space) => FrameOf<X64FourLevel>(machine.Context, space);

    private static uint FrameOf<TArch>(MmContext<TArch, InterferingModel> mm, uint space)
        where TArch : struct, IArchitecture
    {
        uint table = mm.Tables.LeafTable(mm.Spaces[space].Root, Start);
        Pte entry = table == 0 ? default : PageTables<TArch, InterferingModel>.Load(ref mm.Tables.Entry(table, Start));
        return !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) ? MmContext<TArch, InterferingModel>.NormalFrame(entry) : 0;
    }

    /// <summary>Whether reclaim would find every lock free that it takes, which the mmap_lock is not among, and no slot pinned.</summary>
    private static bool CanRun(Machine<X64FourLevel, InterferingModel> machine) =>
        !machine.Context.Swap.UsedSlots().Any(slot => slot.Word.IsPinned)
        && !new PageTableEmu.Verification.Verifier<X64FourLevel, InterferingModel>(machine.Context).HeldLocks().Any(held =>
            held.What.StartsWith("Thread", StringComparison.Ordinal) && !held.What.Contains("mmap_lock", StringComparison.Ordinal));
}
