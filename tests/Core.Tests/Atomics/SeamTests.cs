using System.Reflection;
using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.AtomicAccess;

/// <summary>Explored models show every access before it happens; the mainline has nothing to show it to.</summary>
public sealed class SeamTests
{
    [Fact]
    public void EveryAtomic_IsSeenOnce_WithItsAddress_BeforeItHappens()
    {
        ulong[] words = GC.AllocateArray<ulong>(4, pinned: true);
        uint[] halves = GC.AllocateArray<uint>(4, pinned: true);
        (Access Access, Action Act, bool Half)[] accesses =
        [
            (Access.Load, () => Atomic<Seen>.Load(ref words[1]), false),
            (Access.Load, () => Atomic<Seen>.Load(ref halves[1]), true),
            (Access.Store, () => Atomic<Seen>.Store(ref words[1], 5), false),
            (Access.Store, () => Atomic<Seen>.Store(ref halves[1], 5u), true),
            (Access.ReadModifyWrite, () => Atomic<Seen>.CompareExchange(ref words[1], 6, 5), false),
            (Access.ReadModifyWrite, () => Atomic<Seen>.CompareExchange(ref halves[1], 6u, 5u), true),
            (Access.ReadModifyWrite, () => Atomic<Seen>.Exchange(ref words[1], 7), false),
            (Access.ReadModifyWrite, () => Atomic<Seen>.Add(ref words[1], -2), false),
            (Access.ReadModifyWrite, () => Atomic<Seen>.Add(ref halves[1], -2), true),
            (Access.ReadModifyWrite, () => Atomic<Seen>.Or(ref words[1], 8), false),
            (Access.ReadModifyWrite, () => Atomic<Seen>.And(ref words[1], 12), false),
        ];
        foreach ((Access access, Action act, bool half) in accesses)
        {
            var recorder = new Recorder(() => (words[1], halves[1]));
            (ulong, uint) before = (words[1], halves[1]);
            Observed(recorder, act);
            nuint address = half ? Address(ref halves[1]) : Address(ref words[1]);
            Assert.Equal([(access, address)], recorder.Steps);
            Assert.Equal(before, recorder.StateAtStep);
        }

        Assert.Equal(12ul, words[1]); // ((7 - 2) | 8) & 12
        Assert.Equal(4u, halves[1]);
    }

    [Fact]
    public void FencesAndPageContents_AreSeen()
    {
        byte[] page = GC.AllocateArray<byte>(64, pinned: true);
        byte[] other = GC.AllocateArray<byte>(64, pinned: true);
        var recorder = new Recorder(() => (0, 0));
        Observed(recorder, () =>
        {
            Atomic<Seen>.Fence();
            SharedBytes<Seen>.Copy(page, other);
            SharedBytes<Seen>.Clear(page);
            Assert.True(SharedBytes<Seen>.IsZero(page));
        });
        Assert.Equal((Access.Fence, (nuint)0), recorder.Steps[0]);
        Assert.Contains((Access.Bytes, Address(ref page[0])), recorder.Steps);
        Assert.Equal(4, recorder.Steps.Count(step => step.Access is Access.Bytes or Access.Fence));
    }

    [Fact]
    public void ThreadsWithoutAnObserver_AndOtherModels_ShowNothing()
    {
        ulong word = 0;
        var recorder = new Recorder(() => (0, 0));
        Observed(recorder, () =>
        {
            Atomic<Mainline>.Add(ref word, 1);
            Atomic<CheckedModel>.Add(ref word, 1);
            var thread = new Thread(() => Atomic<Seen>.Add(ref word, 1));
            thread.Start();
            thread.Join();
        });
        Assert.Empty(recorder.Steps);
        Assert.Equal(3ul, word);
    }

    [Fact]
    public void ExploredWaiting_GoesToTheObserver()
    {
        ulong word = 0;
        var recorder = new Recorder(() => (0, 0)) { OnWait = () => word = 0 };
        Observed(recorder, () =>
        {
            word = 77; // another owner
            WordLock<Seen>.Acquire(ref word);
        });
        Assert.Equal(1, recorder.Waits);
        Assert.Equal(Owner.Current, word);
    }

    /// <summary>Mainline overrides neither member of the seam, so that both are the empty default, and a million accesses allocate nothing.</summary>
    [Fact]
    public void MainlineStep_IsNoInstruction_AndAllocatesNothing()
    {
        Assert.Empty(typeof(Mainline).GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly));
        byte[] step = typeof(IModel).GetMethod(nameof(IModel.Step))!.GetMethodBody()!.GetILAsByteArray()!;
        Assert.All(step, instruction => Assert.Contains(instruction, (byte[])[0x00, 0x2A])); // nop and ret
        ulong word = 1;
        Sum(ref word, 100_000); // through the tiers
        Thread.Sleep(200);
        Sum(ref word, 100_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        ulong sum = Sum(ref word, 1_000_000);
        long after = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal((1_000_000ul, before), (sum, after));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Sum(ref ulong word, int rounds)
    {
        ulong sum = 0;
        for (int round = 0; round < rounds; round++)
            sum += Atomic<Mainline>.Load(ref word);
        return sum;
    }

    private static void Observed(StepObserver observer, Action action)
    {
        StepObserver.Current = observer;
        try
        {
            action();
        }
        finally
        {
            StepObserver.Current = null;
        }
    }

    // Safe: the arrays are pinned, and the address is only compared.
    private static unsafe nuint Address<T>(ref T word)
        where T : unmanaged => (nuint)Unsafe.AsPointer(ref word);

    private readonly struct Seen : IExplored;

    private sealed class Recorder(Func<(ulong Word, uint Half)> state) : StepObserver
    {
        internal List<(Access Access, nuint Address)> Steps { get; } = [];

        internal (ulong Word, uint Half) StateAtStep { get; private set; }

        internal int Waits { get; private set; }

        internal Action? OnWait { get; init; }

        public override void Step(Access access, nuint address)
        {
            StateAtStep = state();
            Steps.Add((access, address));
        }

        public override void WaitUntil(ref readonly ulong word, ulong mask, ulong value)
        {
            Waits++;
            OnWait?.Invoke();
            Assert.Equal(value, word & mask);
        }
    }
}
