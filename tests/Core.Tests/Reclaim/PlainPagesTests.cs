using System.Globalization;
using System.Text;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim;

/// <summary>Paging plain pages out together, or in, does to each what paging it by itself does, step by step.</summary>
public sealed class PlainPagesTests
{
    private const ulong Base = 0x7000_0000_0000 - (8 << 12); // across two tables
    private const int Pages = 96;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void LongAndShortWay_LeaveTheSame(int seed)
    {
        using var rig = new Pair(SwapAreaOptions.Zram(512));
        var random = new Random(seed);
        for (int step = 0; step < 1000; step++)
            rig.Step(random);
        Assert.True(rig.PagedOut > 100, $"{rig.PagedOut} pages went to swap");
        Assert.True(rig.Populated > 100, $"{rig.Populated} pages came back together");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void LongAndShortWay_LeaveTheSame_WhenSwapIsSmall(int seed)
    {
        using var rig = new Pair(SwapAreaOptions.Zram(64));
        var random = new Random(seed);
        for (int step = 0; step < 400; step++)
            rig.Step(random);
    }

    [Fact]
    public void AFailingWrite_StrikesTheSamePage()
    {
        using var rig = new Pair(SwapAreaOptions.Zram(512));
        rig.Both(one => one.Fill(0, Pages));
        rig.Both(one => one.FailWrite(7));
        rig.Both(one => one.PageOut(0, Pages));
        Assert.Contains("errors 1", rig.State, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutASlotToBeHad_ThePagesStay()
    {
        using var rig = new Pair(SwapAreaOptions.Zram(512));
        rig.Both(one => one.Fill(0, Pages));
        rig.Both(one => one.KeepCluster(true));
        rig.Both(one => one.PageOut(0, Pages));
        Assert.Equal(0, rig.PagedOut);
        rig.Both(one => one.KeepCluster(false));
        rig.Both(one => one.PageOut(0, Pages));
        Assert.Equal(Pages, rig.PagedOut);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(50)]
    public void AFailingRead_StrikesTheSamePage(int number)
    {
        using var rig = new Pair(SwapAreaOptions.Zram(512));
        rig.Both(one => one.Fill(0, Pages));
        rig.Both(one => one.PageOut(0, Pages));
        rig.Both(one => one.FailRead(number));
        rig.Both(one => one.Populate(0, Pages));
        Assert.Contains($"read {number} ", rig.State, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutAFrameToBeHad_TheSamePagesComeIn()
    {
        using var rig = new Pair(SwapAreaOptions.Zram(512));
        rig.Both(one => one.Fill(0, Pages));
        rig.Both(one => one.PageOut(0, Pages));
        rig.Both(one => one.KeepFrames(40));
        rig.Both(one => one.Populate(0, Pages));
        rig.Both(one => one.KeepFrames(0));
        rig.Both(one => one.Populate(0, Pages));
    }

    [Fact]
    public void Pages_ComeInManyAtOnce()
    {
        using var plain = new One<CheckedModel>(SwapAreaOptions.Zram(512));
        plain.Fill(0, Pages);
        plain.PageOut(0, Pages);
        plain.Populate(0, Pages);
        Assert.Equal(Pages, plain.Populated);
        Assert.Equal(Pages, (int)plain.Machine.Context.Spaces[plain.Parent].AnonPages);
        Assert.Equal(0ul, plain.Machine.Context.Swap.TotalInUse);
        for (int page = 0; page < Pages; page++)
            Assert.Equal(page + 1, plain.ByteOfItsOwn(page));
        Assert.Empty(plain.Machine.Verify());
    }

    [Fact]
    public void Pages_GoOutManyAtOnce()
    {
        using var plain = new One<CheckedModel>(SwapAreaOptions.Zram(512));
        plain.Fill(0, Pages);
        plain.PageOut(0, Pages);
        Assert.Equal(Pages, plain.PagedOut);
        Assert.Equal(0u, plain.Machine.Context.Spaces[plain.Parent].AnonPages);
        Assert.Empty(plain.Machine.Verify());
    }

    private interface IOne
    {
        int PagedOut { get; }

        string State { get; }

        void Fill(int first, int count);

        void PageOut(int first, int count);

        void FailWrite(int number);

        void FailRead(int number);

        void Populate(int first, int count);

        /// <summary>Takes all frames but some, or gives back what was taken.</summary>
        void KeepFrames(int left);

        /// <summary>Somebody else has the lock of the area's only cluster, or lets go of it.</summary>
        void KeepCluster(bool value);

        void Do(int what, int first, int count, byte value);
    }

    /// <summary>The rules of the newest kernel, every page by itself.</summary>
    private readonly struct LongWays : IModel
    {
        static bool IModel.Checked => true;

        static bool IModel.TakesShortcuts => false;
    }

    /// <summary>Two machines to which the same is done.</summary>
    private sealed class Pair(SwapAreaOptions area) : IDisposable
    {
        private readonly One<CheckedModel> shortWay = new(area);
        private readonly One<LongWays> longWay = new(area);
        private readonly List<string> done = [];

        internal int PagedOut => shortWay.PagedOut;

        internal int Populated => shortWay.Populated;

        internal string State => shortWay.State;

        public void Dispose()
        {
            shortWay.Dispose();
            longWay.Dispose();
        }

        internal void Step(Random random)
        {
            int what = random.Next(20);
            int first = random.Next(Pages);
            int count = random.Next(1, Math.Min(Pages - first, random.Next(2) == 0 ? 4 : Pages) + 1);
            byte value = (byte)random.Next(3);
            done.Add($"{what} {first} {count} {value}");
            Both(one => one.Do(what, first, count, value));
        }

        internal void Both(Action<IOne> what)
        {
            what(shortWay);
            what(longWay);
            Assert.True(shortWay.State == longWay.State, $"after {string.Join(", ", done)}:\n{shortWay.State}\nand not\n{longWay.State}");
        }
    }

    private sealed class One<TModel> : IOne, IDisposable
        where TModel : struct, IModel
    {
        private readonly Stack<uint> pinned = [];
        private readonly Stack<uint> kept = [];
        private readonly byte[] content = new byte[64];
        private FaultCounters faults;
        private MmResult last;
        private uint child;

        internal One(SwapAreaOptions area)
        {
            Machine = Machine<X64FourLevel, TModel>.Create(new MachineImageOptions { RamBytes = 4 << 20, SwapSlots = 1024 });
            Assert.Equal(SwapResult.Ok, Machine.SwapOn(area, out _));
            Parent = Machine.CreateAddressSpace();
            Assert.Equal(MmResult.Ok, Machine.Map(Parent, Base, (ulong)Pages << 12, VmaFlags.Read | VmaFlags.Write));
        }

        public int PagedOut { get; private set; }

        /// <summary>Pages that came back from swap by advice.</summary>
        internal int Populated { get; private set; }

        internal Machine<X64FourLevel, TModel> Machine { get; }

        internal uint Parent { get; }

        public string State
        {
            get
            {
                var state = new StringBuilder();
                Describe(state, Parent);
                if (child != 0)
                    Describe(state, child);
                SwapSpace<TModel> swap = Machine.Context.Swap;
                foreach ((SwapEntry entry, SwapSlotWord word) in swap.UsedSlots())
                    state.Append(CultureInfo.InvariantCulture, $"{entry}: {word.Value:x}\n");
                Folios<TModel> folios = Machine.Context.Folios;
                for (LruKind kind = LruKind.InactiveAnon; kind <= LruKind.Unevictable; kind++)
                    state.Append(CultureInfo.InvariantCulture, $"{kind} {folios.Lru.Pages(kind)}\n");
                state.Append(CultureInfo.InvariantCulture, $"free {folios.Allocator.FreeCount} in use {swap.TotalInUse} read {swap.PagesRead}");
                state.Append(CultureInfo.InvariantCulture, $" written {swap.PagesWritten} errors {swap.WriteErrors}\n");
                state.Append(CultureInfo.InvariantCulture, $"minor {faults.Minor} major {faults.Major} last {last}\n");
                return state.ToString();
            }
        }

        public void Dispose() => Machine.Dispose();

        public void Fill(int first, int count)
        {
            for (int page = first; page < first + count; page++)
                Write(Parent, page, 1);
        }

        public void FailWrite(int number) => Machine.Context.Swap.Faults.FailWrite = number;

        public void KeepCluster(bool value)
        {
            SwapAreas<TModel> areas = Machine.Context.Swap.Areas;
            areas.Cluster(ref areas[0], 0).Lock = value ? ulong.MaxValue : 0;
        }

        public void FailRead(int number) => Machine.Context.Swap.Faults.FailRead = number;

        public void Populate(int first, int count) => Advise(Parent, first, count, Advice.PopulateWrite);

        public void KeepFrames(int left)
        {
            FrameAllocator<TModel> allocator = Machine.Context.Folios.Allocator;
            while (left != 0 && allocator.FreeCount > left)
                kept.Push(allocator.TryAllocate());
            while (left == 0 && kept.TryPop(out uint frame))
                Machine.Context.Folios.Put(frame);
        }

        internal int ByteOfItsOwn(int page)
        {
            Assert.Equal(UserAccessResult.Ok, Machine.Read(Parent, At(page), content, ref faults));
            return content[1];
        }

        public void PageOut(int first, int count) => Advise(Parent, first, count, Advice.PageOut);

        public void Do(int what, int first, int count, byte value)
        {
            uint space = child != 0 && (what & 1) == 1 ? child : Parent;
            switch (what)
            {
                case 0 or 1 or 2:
                    for (int page = first; page < first + count; page++)
                        Write(space, page, value);
                    break;
                case 3:
                    for (int page = first; page < first + count; page++)
                        Machine.Read(space, At(page), content, ref faults);
                    break;
                case 4:
                    if (child != 0)
                        Machine.Exit(child);
                    child = child != 0 ? 0 : Machine.Fork(Parent);
                    break;
                case 5 when pinned.Count < 4:
                    if (Machine.Gup.TryTake(Parent, At(first), GupFlags.Pin | GupFlags.Write, out uint frame, ref faults) == MmResult.Ok)
                        pinned.Push(frame);
                    break;
                case 6 when pinned.Count != 0:
                    Machine.Gup.Put(pinned.Pop(), GupFlags.Pin | GupFlags.Write);
                    break;
                case 7:
                    Advise(space, first, count, Advice.DontNeed);
                    break;
                case 8:
                    Advise(space, first, count, Advice.Free);
                    break;
                case 9:
                    Machine.Settle();
                    break;
                case 10 or 11:
                    Advise(space, first, count, Advice.PopulateWrite);
                    break;
                case 12:
                    Advise(space, first, count, Advice.PopulateRead);
                    break;
                case 13:
                    last = Machine.Lock(space, At(first), (ulong)count << 12, ref faults);
                    break;
                case 14 or 15:
                    last = Machine.Unlock(space, Base, (ulong)Pages << 12);
                    break;
                default:
                    Advise(space, first, count, Advice.PageOut);
                    break;
            }
        }

        private ulong Entry(uint root, int page)
        {
            using TableGuard<X64FourLevel, TModel> guard = Machine.Context.Leaves.Lock(root, At(page));
            return guard.Table == 0 ? 0 : guard[At(page)].Value.Raw;
        }

        private static ulong At(int page) => Base + ((ulong)page << 12);

        private void Write(uint space, int page, byte value)
        {
            content.AsSpan().Fill(value); // pages of zeros too: they are not written
            content[1] = value == 0 ? (byte)0 : (byte)(page + 1); // and of the others none is like its neighbour
            Machine.Write(space, At(page), content, ref faults);
        }

        private void Advise(uint space, int first, int count, Advice advice)
        {
            ulong before = Machine.Context.Spaces[space].SwapEntries;
            last = Machine.Advise(space, At(first), (ulong)count << 12, advice, ref faults);
            int more = (int)(Machine.Context.Spaces[space].SwapEntries - before);
            if (advice == Advice.PageOut)
                PagedOut += more;
            else if (advice is Advice.PopulateRead or Advice.PopulateWrite)
                Populated -= more;
        }

        private void Describe(StringBuilder state, uint space)
        {
            ref AddressSpace record = ref Machine.Context.Spaces[space];
            state.Append(CultureInfo.InvariantCulture, $"space {space}: {record.AnonPages} anonymous, {record.SwapEntries} in swap\n");
            for (int page = 0; page < Pages; page++)
            {
                state.Append(CultureInfo.InvariantCulture, $"{page}: {Entry(record.Root, page):x}");
                if (Machine.PageMap.Look(space, At(page)).Frame is not 0 and var shown)
                {
                    ref FrameRecord frame = ref Machine.Context.Frames[shown];
                    state.Append(CultureInfo.InvariantCulture, $" {frame.RefCount} {frame.MapCount} {frame.Flags:x}");
                    state.Append(CultureInfo.InvariantCulture, $" {frame.LruPrevious} {frame.LruNext}");
                    state.Append(CultureInfo.InvariantCulture, $" {Convert.ToHexString(Machine.Context.Frames.Bytes(shown)[..2])}");
                }

                state.Append('\n');
            }
        }
    }
}
