using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>
/// A walk interrupted at each of its steps in turn by somebody who unmaps the page, frees the tables and fills their frames with words that
/// look like entries. Every position is tried, so the result does not depend on luck with threads.
/// </summary>
public abstract class PreemptedWalkTests<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly Protection Writable = TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);

    private static ulong VirtualAddress => 77UL << TArch.PageShift;

    private static ulong Old => 5UL << TArch.PageShift;

    [Fact]
    public void Translate_sees_the_old_or_the_new_state() =>
        AtEveryStep(tree => AssertOldOrGone(tree.Translate(VirtualAddress)));

    [Fact]
    public void TranslateMany_sees_the_old_or_the_new_state() => AtEveryStep(tree =>
    {
        ulong[] results = new ulong[3];
        tree.TranslateMany([VirtualAddress, VirtualAddress, VirtualAddress], results);
        Assert.All(results, AssertOldOrGone);
    });

    [Fact]
    public void Walk_sees_the_old_or_the_new_state() => AtEveryStep(tree =>
    {
        PageWalk walk = tree.Walk(VirtualAddress);
        Assert.True(walk.Fault is FaultReason.None or FaultReason.NotMapped, walk.Fault.ToString());
        AssertOldOrGone(walk.Fault == FaultReason.None ? walk.PhysicalAddress : PageTable<TArch, Preempted>.NotMapped);
    });

    [Fact]
    public void Access_never_writes_into_a_frame_that_is_no_table_any_more() => AtEveryStep(tree =>
    {
        AccessResult result = tree.Access(VirtualAddress, AccessKind.Write);
        if (result.IsAllowed)
            AssertOldOrGone(result.PhysicalAddress);
        else
            Assert.True(result.Fault is FaultReason.NotMapped or FaultReason.Permission, result.Fault.ToString());
    });

    private static void AssertOldOrGone(ulong physical) =>
        Assert.True(physical == Old || physical == PageTable<TArch, Preempted>.NotMapped, $"{physical:x}");

    private static void AtEveryStep(Action<PageTable<TArch, Preempted>> look)
    {
        int interrupted = 0;
        for (int at = 1; ; at++, interrupted++)
        {
            using var machine = new PagingMachine<TArch, Preempted>(24);
            Assert.True(machine.Tree.Map(VirtualAddress, 5, Writable).IsMapped);
            List<uint> data = [];
            Pte decoy = TArch.MakeDirty(TArch.MakeYoung(TArch.MakeLeaf(9, Writable, 1)));
            Pte clean = TArch.MakeLeaf(5, Writable, 1); // equal to the entry that was there: compare-exchange alone cannot tell
            var observer = new Interruption(at, () =>
            {
                machine.Tree.Unmap(VirtualAddress, out _).Flush();
                machine.Folios.Allocator.AdvanceEpoch();
                for (uint frame = machine.Folios.TryAllocate(); frame != 0; frame = machine.Folios.TryAllocate())
                {
                    data.Add(frame);
                    Fill(machine, frame, at % 2 == 0 ? decoy : clean);
                }
            });
            StepObserver.Current = observer;
            try
            {
                look(machine.Tree);
            }
            finally
            {
                StepObserver.Current = null;
            }

            if (!observer.Happened)
                break;
            foreach (uint frame in data)
                AssertUntouched(machine, frame, at % 2 == 0 ? decoy : clean);
        }

        Assert.True(interrupted > TArch.Levels, $"only {interrupted} steps were seen");
    }

    private static void Fill(PagingMachine<TArch, Preempted> machine, uint frame, Pte entry)
    {
        foreach (ref ulong word in machine.Tree.Words(frame))
            PageTables<TArch, Mainline>.Store(ref word, entry);
    }

    private static void AssertUntouched(PagingMachine<TArch, Preempted> machine, uint frame, Pte entry)
    {
        foreach (ref ulong word in machine.Tree.Words(frame))
            Assert.Equal(entry, PageTables<TArch, Mainline>.Load(ref word));
    }

    private readonly struct Preempted : IExplored;

    private sealed class Interruption(int at, Action action) : StepObserver
    {
        private int steps;

        public bool Happened { get; private set; }

        public override void Step(Access access, nuint address)
        {
            if (++steps != at)
                return;
            Happened = true;
            Current = null;
            action();
            Current = this;
        }

        public override void WaitUntil(ref readonly ulong word, ulong mask, ulong value) =>
            Assert.Equal(value, word & mask);
    }
}

public sealed class X64FourLevelPreemptedWalk : PreemptedWalkTests<X64FourLevel>;

public sealed class X64FiveLevelPreemptedWalk : PreemptedWalkTests<X64FiveLevel>;

public sealed class Sun4uPreemptedWalk : PreemptedWalkTests<Sun4u>;

public sealed class Sun4vPreemptedWalk : PreemptedWalkTests<Sun4v>;

public sealed class Sun4vM7PreemptedWalk : PreemptedWalkTests<Sun4vM7>;
