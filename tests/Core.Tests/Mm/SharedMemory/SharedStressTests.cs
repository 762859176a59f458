using System.Diagnostics;
using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Soak;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>
/// Four threads on one shared object that three address spaces map, with too little memory for it: stores and loads with checked content, holes,
/// reclaim, advice, forks and swapoff at the same time. A page's content is known exactly, because whoever stores, loads or punches holds the
/// page's gate; everything else happens without it.
/// </summary>
public sealed class SharedStressTests
{
    private const int Pages = 160;

    [Theory]
    [InlineData(Backing.Zram, 1)]
    [InlineData(Backing.Asynchronous, 2)]
    public async Task FourThreads_OnMoreSharedPagesThanFrames_LoseNoContent(Backing backing, int seed)
    {
        using var world = new SharedWorld<X64FourLevel, JitterModel>(backing, frames: 140, slots: 80);
        uint shared = world.Machine.CreateSharedObject(Pages);
        uint[] spaces = [world.First, world.Machine.CreateAddressSpace(), world.Machine.CreateAddressSpace()];
        foreach (uint space in spaces)
            Assert.Equal(MmResult.Ok, Map(world, space, shared));
        var run = new Stress(world, shared, spaces);
        Task[] workers = [.. Enumerable.Range(0, 4).Select(i => Task.Factory.StartNew(
            () => run.Work(new Random((seed * 100) + i)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        await Task.WhenAll(workers).WaitAsync(TimeSpan.FromSeconds(60));
        world.AssertSound();
        run.CheckAll();
        world.Machine.ReleaseSharedObject(shared);
        world.ExitAll(spaces);
    }

    private static MmResult Map(SharedWorld<X64FourLevel, JitterModel> world, uint space, uint shared)
    {
        ulong length = SharedWorld<X64FourLevel, JitterModel>.Length(Pages);
        return world.Machine.MapObject(space, SharedWorld<X64FourLevel, JitterModel>.At(100), length, VmaFlags.Read | VmaFlags.Write, shared, 0);
    }

    private sealed class Stress(SharedWorld<X64FourLevel, JitterModel> world, uint shared, uint[] spaces)
    {
        private readonly Lock[] gates = [.. Enumerable.Range(0, Pages).Select(_ => new Lock())];
        private readonly ulong[] values = new ulong[Pages];
        private readonly Lock swapping = new();
        private readonly Stopwatch clock = Stopwatch.StartNew();

        public void Work(Random random)
        {
            while (clock.ElapsedMilliseconds < 2000)
                DoSomething(random);
        }

        public void CheckAll()
        {
            for (int page = 0; page < Pages; page++)
                Check(spaces[page % spaces.Length], page);
        }

        private static ulong At(int page) => SharedWorld<X64FourLevel, JitterModel>.At(100 + page);

        private void DoSomething(Random random)
        {
            int page = random.Next(Pages);
            uint space = spaces[random.Next(spaces.Length)];
            switch (random.Next(40))
            {
                case < 16:
                    lock (gates[page])
                        Check(space, page);
                    break;
                case < 32:
                    lock (gates[page])
                        Store(space, page, (ulong)random.NextInt64());
                    break;
                case < 34:
                    lock (gates[page])
                        Punch(page);
                    break;
                case 34:
                    world.Machine.Reclaim(random.Next(1, 40));
                    break;
                case 35:
                    Advise(space, page, Advice.PageOut);
                    break;
                case 36:
                    Advise(space, page, random.Next(2) == 0 ? Advice.DontNeed : Advice.WillNeed);
                    break;
                case 37:
                    ForkAndLook(space, page);
                    break;
                case 38:
                    SwapOffAndOn();
                    break;
                default:
                    world.Machine.Settle();
                    break;
            }
        }

        private void Check(uint space, int page)
        {
            var counters = new FaultCounters();
            var loaded = new byte[4096];
            UserAccessResult result = world.Machine.Read(space, At(page), loaded, ref counters);
            if (result == UserAccessResult.OutOfMemory)
                return;
            Assert.Equal(UserAccessResult.Ok, result);
            Assert.True(
                BitConverter.ToUInt64(loaded, 0) == values[page] && BitConverter.ToUInt64(loaded, 4088) == values[page],
                $"page {page} holds {BitConverter.ToUInt64(loaded, 0):x} and {BitConverter.ToUInt64(loaded, 4088):x} instead of {values[page]:x}");
        }

        private void Store(uint space, int page, ulong value)
        {
            var counters = new FaultCounters();
            var content = new byte[4096];
            BitConverter.TryWriteBytes(content, value);
            BitConverter.TryWriteBytes(content.AsSpan(4088), value);
            if (world.Machine.Write(space, At(page), content, ref counters) == UserAccessResult.Ok)
                values[page] = value;
        }

        private void Punch(int page)
        {
            world.Machine.PunchHole(shared, (ulong)page, 1);
            values[page] = 0;
        }

        private void Advise(uint space, int page, Advice advice)
        {
            var counters = new FaultCounters();
            int count = Math.Min(8, Pages - page);
            world.Machine.Advise(space, At(page), SharedWorld<X64FourLevel, JitterModel>.Length(count), advice, ref counters);
        }

        private void ForkAndLook(uint space, int page)
        {
            uint child = world.Machine.Fork(space);
            if (child == 0)
                return;
            lock (gates[page])
                Check(child, page);
            world.Machine.Exit(child);
        }

        private void SwapOffAndOn()
        {
            if (!swapping.TryEnter())
                return;
            SwapResult result = world.Machine.SwapOff(world.Area);
            if (result == SwapResult.Ok)
                world.SwapOn();
            swapping.Exit();
            Assert.True(result is SwapResult.Ok or SwapResult.NoMemory, $"swapoff: {result}");
        }
    }
}
