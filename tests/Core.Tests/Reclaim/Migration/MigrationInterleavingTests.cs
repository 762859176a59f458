using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Mm.SharedMemory;
using PageTableEmu.Core.Tests.Mm.Structures;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>
/// A migration with another operation let in before each single shared access of it, and other operations with a whole migration let in. Where
/// the other one would have to wait it is not let in.
/// </summary>
public sealed class MigrationInterleavingTests
{
    private const ulong Start = 1UL << 32;
    private const ulong Page = 4096;
    private const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    public enum Other
    {
        Fork,
        Zap,
        MakeReadOnly,
        Move,
        GetReference,
        FastPin,
        Free,
    }

    [Theory]
    [InlineData(Other.Fork)]
    [InlineData(Other.Zap)]
    [InlineData(Other.MakeReadOnly)]
    [InlineData(Other.Move)]
    [InlineData(Other.GetReference)]
    [InlineData(Other.FastPin)]
    [InlineData(Other.Free)]
    public void Migration_WithAnotherOperationInBetween(Other other) => Interrupt(Migrate, (machine, space) => Do(machine, space, other), 10);

    [Theory]
    [InlineData(Other.Fork)]
    [InlineData(Other.Zap)]
    [InlineData(Other.MakeReadOnly)]
    [InlineData(Other.Move)]
    [InlineData(Other.FastPin)]
    [InlineData(Other.Free)]
    public void AnotherOperation_WithAMigrationInBetween(Other other) => Interrupt((machine, space) => Do(machine, space, other), Migrate, 3);

    [Fact]
    public void Store_WithAMigrationInBetween() =>
        Interrupt(
            (machine, space) =>
            {
                var faults = new FaultCounters();
                Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start + 8, [9], ref faults));
            },
            Migrate,
            3);

    [Fact]
    public void SwapIn_WithAMigrationOfTheCachedPageInBetween()
    {
        static void Prepare(Machine<X64FourLevel, InterferingModel> machine, uint space)
        {
            var faults = new FaultCounters();
            Assert.NotEqual(0u, machine.Fork(space));
            machine.ReclaimAll();
            Assert.Equal(UserAccessResult.Ok, machine.Read(space, Start, new byte[1], ref faults)); // the child still has a swap entry
        }

        static void Touch(Machine<X64FourLevel, InterferingModel> machine, uint space)
        {
            var faults = new FaultCounters();
            uint child = machine.Context.Spaces.NextLive(space);
            byte[] one = new byte[1];
            Assert.Equal(UserAccessResult.Ok, machine.Read(child, Start, one, ref faults));
            Assert.Equal(1, one[0]);
        }

        Interrupt(Touch, Migrate, 3, Prepare);
    }

    private static void Migrate(Machine<X64FourLevel, InterferingModel> machine, uint space) => machine.Migrate(space, Start, 2 * Page);

    private static void Do(Machine<X64FourLevel, InterferingModel> machine, uint space, Other other)
    {
        var faults = new FaultCounters();
        switch (other)
        {
            case Other.Fork:
                Assert.NotEqual(0u, machine.Fork(space));
                break;
            case Other.Zap:
                Assert.Equal(MmResult.Ok, machine.Advise(space, Start + Page, Page, Advice.DontNeed, ref faults));
                break;
            case Other.MakeReadOnly:
                Assert.Equal(MmResult.Ok, machine.Protect(space, Start, 2 * Page, AccessRights.Read, ref faults));
                break;
            case Other.Move:
                Assert.Equal(MmResult.Ok, machine.Move(space, Start + Page, Start + (64 * Page), Page));
                break;
            case Other.GetReference:
                uint first = 0;
                if (machine.Context.Folios.Lru.Isolate(LruKind.InactiveAnon, 1, 0, new Span<uint>(ref first)) != 0)
                {
                    machine.Context.Folios.Lru.PutBack(first);
                    machine.Context.Folios.Put(first);
                }

                break;
            case Other.Free:
                Assert.Equal(MmResult.Ok, machine.Advise(space, Start + Page, Page, Advice.Free, ref faults));
                break;
            default:
                var fast = new GupFast<X64FourLevel, InterferingModel>(machine.Context);
                if (fast.TryTake(space, Start, GupFlags.Pin, out uint pinned))
                    machine.Gup.Put(pinned, GupFlags.Pin);
                break;
        }
    }

    private static void Interrupt(
        Action<Machine<X64FourLevel, InterferingModel>, uint> observed,
        Action<Machine<X64FourLevel, InterferingModel>, uint> other,
        int least,
        Action<Machine<X64FourLevel, InterferingModel>, uint>? prepare = null)
    {
        int steps = 0; // of the undisturbed run, which is the first: the disturbed ones may be longer
        int interruptions = 0;
        for (int at = 0; at <= steps; at++)
        {
            using var machine = Machine<X64FourLevel, InterferingModel>.Create(
                new MachineImageOptions { RamBytes = 64 * Page, SwapSlots = 512, SwapStoreSlots = 512 });
            Assert.Equal(SwapResult.Ok, machine.SwapOn(Backing.Zram.Area(256), out _));
            uint space = Make(machine);
            prepare?.Invoke(machine, space);
            var interruption = new OneInterruption(at, () => CanRun(machine, folios: other != Migrate), () => other(machine, space));
            Atomics.StepObserver.Current = interruption;
            observed(machine, space);
            Atomics.StepObserver.Current = null;
            steps = at == 0 ? interruption.Steps : steps;
            interruptions += interruption.Ran ? 1 : 0;
            Assert.Empty(machine.Verify());
            var faults = new FaultCounters();
            byte[] one = new byte[1];
            Assert.Equal(UserAccessResult.Ok, machine.Read(space, Start, one, ref faults));
            Assert.Equal(1, one[0]);
        }

        Assert.InRange(interruptions, least, steps);
    }

    private static uint Make(Machine<X64FourLevel, InterferingModel> machine)
    {
        var faults = new FaultCounters();
        uint space = machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, machine.Map(space, Start, 4 * Page, ReadWrite));
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start, [1], ref faults));
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start + Page, [2], ref faults));
        return space;
    }

    /// <summary>
    /// Whether the other operation would find every lock free that it waits for. A folio under way is one that only faults and other migrations
    /// wait for.
    /// </summary>
    private static bool CanRun(Machine<X64FourLevel, InterferingModel> machine, bool folios) =>
        !machine.Context.Swap.UsedSlots().Any(slot => slot.Word.IsPinned)
        && !new PageTableEmu.Verification.Verifier<X64FourLevel, InterferingModel>(machine.Context).HeldLocks()
            .Any(held => !folios || !held.What.Contains("the lock of folio", StringComparison.Ordinal));
}
