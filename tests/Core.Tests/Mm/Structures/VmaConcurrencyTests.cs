using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

public sealed class VmaConcurrencyTests : IDisposable
{
    private const VmaFlags Rw = VmaFlags.Read | VmaFlags.Write;
    private const int Shift = StructureMachine.PageShift;

    private readonly StructureMachine machine = new();

    public void Dispose() => machine.Dispose();

    [Fact]
    public void Prepare_ByFourThreadsUnderTheReadLock_HappensOnce()
    {
        for (int round = 0; round < 40; round++)
        {
            uint mm = machine.Spaces.TryCreate();
            for (ulong i = 0; i < 64; i++)
                machine.Map(mm, i, i + 1, i % 2 == 0 ? Rw : VmaFlags.Read); // neighbours may share, so all threads meet all locks
            using var start = new Barrier(4);
            Run(4, thread =>
            {
                start.SignalAndWait();
                machine.Spaces.AcquireRead(mm);
                for (ulong i = 0; i < 64; i++)
                    Assert.True(machine.Vmas.TryPrepareAnonVma(machine.Vmas.Find(mm, (thread % 2 == 0 ? i : 63 - i) << Shift)));
                machine.Spaces.ReleaseRead(mm);
            });
            machine.AssertSound();
            Assert.Equal(64u, machine.Vmas.AnonVmaChainsInUse);
            machine.Exit(mm);
            machine.AssertNothingLeft();
        }
    }

    [Fact]
    public void ForkAndExit_OfOneFamilyInManyThreads_LeakNothing()
    {
        uint[] parents = [machine.Spaces.TryCreate(), 0];
        machine.MapTouched(parents[0], 0, 8);
        machine.MapTouched(parents[0], 10, 18);
        parents[1] = machine.Fork(parents[0]); // both live in one family: their children meet at its lock
        Run(4, thread =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 250; i++)
                ChildLife(parents[thread % 2], random);
        });
        machine.AssertSound();
        machine.Exit(parents[0]);
        machine.AssertSound();
        machine.Exit(parents[1]);
        machine.AssertNothingLeft();
    }

    [Fact]
    public void Walkers_OfFramesWhoseAnonVmaDies_NeverSeeAnotherFamily()
    {
        uint frame = machine.Folios.TryAllocateZeroed();
        machine.Folios.Table.Set(frame, FrameFlags.Anon);
        bool stop = false;
        long walks = 0;
        Run(3, thread =>
        {
            if (thread == 0)
            {
                for (int i = 0; i < 4000 || (Volatile.Read(ref walks) < 100 && i < 4_000_000); i++)
                    MappedLife(frame);
                Volatile.Write(ref stop, true);
                return;
            }

            while (!Volatile.Read(ref stop))
            {
                uint anonVma = machine.ReverseMap.Lock(frame);
                if (anonVma == 0)
                    continue;
                int places = 0;
                foreach (ReverseMapPlace place in machine.ReverseMap.Candidates(anonVma, machine.Folios.Table[frame].Index))
                {
                    Assert.Equal(anonVma, machine.Vmas[place.Vma].AnonVma);
                    places++;
                }

                machine.ReverseMap.Unlock(anonVma);
                Assert.Equal(1, places);
                Interlocked.Increment(ref walks);
            }
        });
        Assert.True(walks >= 100, $"Only {walks} walks met a mapped frame.");
        machine.AssertNothingLeft();
    }

    private static void Run(int threads, Action<int> body)
    {
        Task[] tasks = [.. Enumerable.Range(0, threads).Select(thread =>
            Task.Factory.StartNew(() => body(thread), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WaitAll(tasks);
    }

    private void ChildLife(uint parent, Random random)
    {
        machine.Spaces.AcquireWrite(parent);
        uint child = machine.Fork(parent);
        machine.Spaces.ReleaseWrite(parent);

        machine.Spaces.AcquireWrite(child);
        ulong at = 1 + (ulong)random.Next(6);
        uint vma = machine.Vmas.Find(child, 0);
        Assert.NotEqual(0u, machine.Vmas.TrySplit(vma, at << Shift));
        vma = machine.Vmas.Find(child, 12 << Shift);
        Assert.NotEqual(0u, machine.Vmas.TryModify(vma, 11 << Shift, (11 + at) << Shift, VmaFlags.Read, 0));
        Assert.NotEqual(0u, machine.Vmas.TryCopyForMove(machine.Vmas.Find(child, 0), 0, 1 << Shift, 30 << Shift, 0));
        uint grandchild = random.Next(3) == 0 ? machine.Fork(child) : 0;
        machine.RemoveAll(child);
        machine.Spaces.ReleaseWrite(child);
        machine.Spaces.Destroy(child);
        if (grandchild != 0)
            machine.Exit(grandchild);
    }

    /// <summary>A process that maps a page, shows it to the walkers for a moment and exits.</summary>
    private void MappedLife(uint frame)
    {
        uint mm = machine.Spaces.TryCreate();
        uint vma = machine.MapTouched(mm, 4, 8);
        machine.Folios.Table[frame].Index = 5;
        Atomics.Atomic<Atomics.CheckedModel>.Store(ref machine.Folios.Table[frame].Mapping, machine.Vmas[vma].AnonVma);
        machine.Folios.Table.AddMapping(frame);
        Thread.SpinWait(20);
        machine.Folios.Table.RemoveMapping(frame);
        machine.Exit(mm);
    }
}
