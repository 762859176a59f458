using System.Diagnostics;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Soak;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>
/// Four threads on the huge pages of one address space. Each page is written by one thread only, who knows what it must hold; everything else
/// is done to all pages by all threads. Afterwards the machine must be sound and empty.
/// </summary>
public class HugeStressTests(ITestOutputHelper output)
{
    private const int Threads = 4;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(
        int.TryParse(Environment.GetEnvironmentVariable("PTEMU_SOAK_SECONDS"), out int seconds) ? seconds : 2);

    [Theory]
    [InlineData(Backing.Zram, 16u)]
    [InlineData(Backing.Asynchronous, 16u)]
    [InlineData(Backing.Zram, 5u)]
    [InlineData(Backing.Asynchronous, 5u)]
    public void X64(Backing backing, uint blocks) => new Run<X64FourLevel, CheckedModel>(backing, blocks, 1).Go(output);

    [Theory]
    [InlineData(Backing.Zram, 16u)]
    [InlineData(Backing.Asynchronous, 6u)]
    public void X64_Stumbling(Backing backing, uint blocks) => new Run<X64FourLevel, JitterModel>(backing, blocks, 2).Go(output);

    [Theory]
    [InlineData(Backing.Zram, 16u)]
    [InlineData(Backing.Asynchronous, 6u)]
    public void X64_Stumbling_WithSmallerFoliosToo(Backing backing, uint blocks) =>
        new Run<X64FourLevel, JitterModel>(backing, blocks, 4, withOrders: true).Go(output);

    [Fact]
    public void Sparc() => new Run<Sun4v, CheckedModel>(Backing.Zram, 8, 3).Go(output);

    private sealed class Run<TArch, TModel>
        where TArch : struct, IArchitecture
        where TModel : struct, IModel
    {
        private const int Operations = 17;

        private readonly Machine<TArch, TModel> machine;
        private readonly Backing backing;
        private readonly int seed;
        private readonly uint space;
        private readonly uint free;
        private readonly byte[] contents = new byte[2 * HugePages<TArch, TModel>.Pages];
        private readonly long[] done = new long[Operations];
        private readonly Lock swapping = new();
        private uint area;
        private bool over;
        private Exception? failure;

        public Run(Backing backing, uint blocks, int seed, bool withOrders = false)
        {
            this.backing = backing;
            this.seed = seed;
            uint slots = (4 * Pages) + 64;
            machine = Machine<TArch, TModel>.Create(new MachineImageOptions
            {
                RamBytes = blocks * HugePages<TArch, TModel>.Span,
                SwapSlots = slots,
                SwapStoreSlots = slots,
            });
            Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area(slots - 16), out area));
            for (int order = FolioOrders<TArch, TModel>.Smallest; withOrders && order < FolioOrders<TArch, TModel>.Huge; order++)
                machine.FolioOrders.Set(order, order % 3 == 0 ? FolioOrderPolicy.Never : FolioOrderPolicy.Always);
            free = machine.Context.Folios.Allocator.FreeCount;
            space = machine.CreateAddressSpace();
            Map(0, 2 * Pages);
            for (uint thread = 0; thread < Threads; thread++)
                Map(Private(thread), 2 * Pages);
        }

        private static uint Pages => HugePages<TArch, TModel>.Pages;

        public void Go(ITestOutputHelper output)
        {
            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(Start)];
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed < Duration && !Volatile.Read(ref over))
                Thread.Sleep(20);
            Volatile.Write(ref over, true);
            bool ended = threads.All(thread => thread.Join(TimeSpan.FromSeconds(30)));
            output.WriteLine($"Operations: {string.Join(' ', done)}");
            if (failure != null)
                throw new InvalidOperationException($"Seed {seed}", failure);
            Assert.True(ended, string.Join(Environment.NewLine, new Verifier<TArch, TModel>(machine.Context).HeldLocks()));
            Check();
            machine.Dispose();
        }

        private static ulong At(uint page) => (4 * HugePages<TArch, TModel>.Span) + ((ulong)page << TArch.PageShift);

        private static uint Private(uint thread) => 4 * Pages * (thread + 1);

        private void Map(uint page, uint count)
        {
            var counters = new FaultCounters();
            ulong bytes = (ulong)count << TArch.PageShift;
            Assert.Equal(MmResult.Ok, machine.Map(space, At(page), bytes, VmaFlags.Read | VmaFlags.Write));
            Assert.Equal(MmResult.Ok, machine.Advise(space, At(page), bytes, Advice.HugePage, ref counters));
        }

        private void Check()
        {
            Assert.Empty(machine.Verify());
            for (uint page = 0; page < 2 * Pages; page++)
                CheckPage(space, page);
            Assert.Empty(machine.Verify());
            machine.Exit(space);
            machine.ReclaimAll();
            machine.Settle();
            Assert.Empty(machine.Verify());
            Assert.Equal(0ul, machine.Context.Swap.TotalInUse);
            uint zero = machine.Context.Folios.HugeZeroFrame != 0 ? Pages : 0;
            Assert.Equal(free - zero, machine.Context.Folios.Allocator.FreeCount);
        }

        private Thread Start(int number)
        {
            var thread = new Thread(() =>
            {
                try
                {
                    Work((uint)number, new Random((seed * 100) + number));
                }
                catch (Exception error)
                {
                    Interlocked.CompareExchange(ref failure, error, null);
                    Volatile.Write(ref over, true);
                }
            })
            {
                IsBackground = true,
            };
            thread.Start();
            return thread;
        }

        private void Work(uint thread, Random random)
        {
            while (!Volatile.Read(ref over))
            {
                int operation = random.Next(Operations);
                Do(operation, thread, random);
                Interlocked.Increment(ref done[operation]);
            }
        }

        private void Do(int operation, uint thread, Random random)
        {
            uint first = (uint)random.Next((int)(2 * Pages));
            uint count = 1 + (uint)random.Next((int)Math.Min((2 * Pages) - first, random.Next(2) == 0 ? 16u : 2 * Pages));
            uint own = (first - (first % Threads)) + thread;
            switch (operation)
            {
                case 0 or 1:
                    for (int i = 0; i < 20; i++, own = (own + Threads) % (2 * Pages))
                        Store(own, (byte)random.Next(1, 256));
                    break;
                case 2:
                    for (int i = 0; i < 20; i++, own = (own + Threads) % (2 * Pages))
                        CheckPage(space, own);
                    break;
                case 3:
                    if (Advise(own, 1, Advice.DontNeed) == MmResult.Ok) // refused while somebody locks pages near it
                        contents[own] = 0;
                    break;
                case 4:
                    Fork(thread, own);
                    break;
                case 5:
                    Advise(first, count, random.Next(2) == 0 ? Advice.PageOut : Advice.Cold);
                    break;
                case 6:
                    machine.Reclaim(random.Next(1, 600));
                    break;
                case 7:
                    machine.ReclaimAll();
                    break;
                case 8:
                    Advise(0, 2 * Pages, Advice.Collapse);
                    break;
                case 9:
                    Advise(first, count, random.Next(4) == 0 ? Advice.NoHugePage : Advice.HugePage);
                    break;
                case 10:
                    Lock(first, Math.Min(count, 32));
                    break;
                case 11:
                    SwapOffAndOn();
                    break;
                case 12:
                    Pin(own, (byte)random.Next(1, 256));
                    break;
                case 13:
                    machine.Settle();
                    break;
                case 14:
                    machine.Migrate(space, At(first), (ulong)count << TArch.PageShift);
                    break;
                case 15:
                    machine.Compact();
                    break;
                default:
                    WorkAlone(Private(thread), random);
                    break;
            }
        }

        private MmResult Advise(uint first, uint count, Advice advice)
        {
            var counters = new FaultCounters();
            return machine.Advise(space, At(first), (ulong)count << TArch.PageShift, advice, ref counters);
        }

        private void Store(uint page, byte value)
        {
            var counters = new FaultCounters();
            UserAccessResult result = machine.Write(space, At(page), [value], ref counters);
            if (result == UserAccessResult.Ok)
                contents[page] = value;
            else
                Assert.Equal(UserAccessResult.OutOfMemory, result);
        }

        private void CheckPage(uint of, uint page)
        {
            var counters = new FaultCounters();
            Span<byte> one = stackalloc byte[1];
            UserAccessResult result = machine.Read(of, At(page), one, ref counters);
            if (result != UserAccessResult.OutOfMemory)
                Assert.Equal((UserAccessResult.Ok, page, contents[page]), (result, page, one[0]));
        }

        /// <summary>A child sees this thread's pages as they are, and goes on seeing that.</summary>
        private void Fork(uint thread, uint own)
        {
            uint child = machine.Fork(space);
            if (child == 0)
                return;
            var counters = new FaultCounters();
            for (int i = 0; i < 10; i++, own = (own + Threads) % (2 * Pages))
            {
                CheckPage(child, own);
                machine.Write(child, At(own), [(byte)(contents[own] + 1)], ref counters); // nobody else may see this
                CheckPage(space, own);
            }

            machine.Advise(child, At(0), (ulong)Pages << TArch.PageShift, thread % 2 == 0 ? Advice.DontNeed : Advice.PageOut, ref counters);
            machine.Exit(child);
        }

        private void Lock(uint first, uint count)
        {
            var counters = new FaultCounters();
            ulong bytes = (ulong)count << TArch.PageShift;
            machine.Lock(space, At(first), bytes, ref counters);
            machine.Unlock(space, At(first), bytes);
        }

        private void SwapOffAndOn()
        {
            if (!swapping.TryEnter())
                return;
            try
            {
                if (machine.SwapOff(area) == SwapResult.Ok)
                    Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area((4 * Pages) + 48), out area));
            }
            finally
            {
                swapping.Exit();
            }
        }

        /// <summary>A device writes a page past the page table.</summary>
        private void Pin(uint page, byte value)
        {
            const GupFlags Flags = GupFlags.Pin | GupFlags.Write;
            var counters = new FaultCounters();
            var fast = new GupFast<TArch, TModel>(machine.Context);
            if (!fast.TryTake(space, At(page), Flags, out uint frame)
                && machine.Gup.TryTake(space, At(page), Flags, out frame, ref counters) != MmResult.Ok)
                return;
            SharedBytes<TModel>.Copy([value], machine.Context.Frames.Bytes(frame)[..1]);
            contents[page] = value;
            CheckPage(space, page);
            machine.Gup.Put(frame, Flags);
            CheckPage(space, page);
        }

        /// <summary>What nobody else touches: made, moved there and back, given up as a whole.</summary>
        private void WorkAlone(uint first, Random random)
        {
            var counters = new FaultCounters();
            ulong span = HugePages<TArch, TModel>.Span;
            byte value = (byte)random.Next(1, 256);
            Span<byte> one = stackalloc byte[1];
            uint page = (uint)random.Next((int)Pages);
            if (machine.Write(space, At(first + page), [value], ref counters) != UserAccessResult.Ok)
                return;
            uint distance = (2 * Pages) + (random.Next(2) == 0 ? 0 : (uint)random.Next((int)Pages));
            if (machine.Move(space, At(first), At(first + distance), span, dontUnmap: true) != MmResult.Ok)
                return;
            UserAccessResult moved = machine.Read(space, At(first + distance + page), one, ref counters);
            Assert.True(moved == UserAccessResult.OutOfMemory || (moved == UserAccessResult.Ok && one[0] == value), $"{moved} {one[0]} {value}");
            UserAccessResult left = machine.Read(space, At(first + page), one, ref counters);
            Assert.True(left == UserAccessResult.OutOfMemory || (left == UserAccessResult.Ok && one[0] == 0), $"{left} {one[0]} 0");
            machine.Unmap(space, At(first + distance), span);
            machine.Advise(space, At(first), span, Advice.DontNeed, ref counters);
        }
    }
}
