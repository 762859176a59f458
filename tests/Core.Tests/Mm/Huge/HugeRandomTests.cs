using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>Random operations on memory that wants huge pages, against a plain array of what each page must hold; sound after each.</summary>
public class HugeRandomTests
{
    [Theory]
    [InlineData(Backing.Zram, 1)]
    [InlineData(Backing.Zram, 2)]
    [InlineData(Backing.Zram, 3)]
    [InlineData(Backing.Asynchronous, 4)]
    [InlineData(Backing.Asynchronous, 5)]
    [InlineData(Backing.Asynchronous, 6)]
    public void X64(Backing backing, int seed) => new Run<X64FourLevel>(backing, seed, blocks: 40).Go(220);

    [Theory]
    [InlineData(Backing.Zram, 7)]
    [InlineData(Backing.Asynchronous, 8)]
    public void X64_ShortOfBlocks(Backing backing, int seed) => new Run<X64FourLevel>(backing, seed, blocks: 9).Go(220);

    [Theory]
    [InlineData(Backing.Zram, 9)]
    [InlineData(Backing.Asynchronous, 10)]
    public void Sparc(Backing backing, int seed) => new Run<Sun4v>(backing, seed, blocks: 20).Go(90);

    [Theory]
    [InlineData(Backing.Zram, 11, false)]
    [InlineData(Backing.Zram, 12, true)]
    [InlineData(Backing.Zram, 13, true)]
    [InlineData(Backing.Zram, 14, true)]
    [InlineData(Backing.Asynchronous, 15, false)]
    [InlineData(Backing.Asynchronous, 16, true)]
    [InlineData(Backing.Asynchronous, 17, true)]
    public void X64_WithFoliosOfAllOrders(Backing backing, int seed, bool onlySmaller) =>
        new Run<X64FourLevel>(backing, seed, blocks: 40, withOrders: true, onlySmaller).Go(220);

    [Theory]
    [InlineData(Backing.Zram, 18)]
    [InlineData(Backing.Asynchronous, 19)]
    public void X64_WithFoliosOfAllOrders_ShortOfBlocks(Backing backing, int seed) =>
        new Run<X64FourLevel>(backing, seed, blocks: 9, withOrders: true, onlySmaller: true).Go(220);

    [Theory]
    [InlineData(Backing.Zram, 20)]
    [InlineData(Backing.Asynchronous, 21)]
    public void Sparc_WithFoliosOfAllOrders(Backing backing, int seed) =>
        new Run<Sun4v>(backing, seed, blocks: 20, withOrders: true, onlySmaller: true).Go(90);

    private sealed class Run<TArch>(Backing backing, int seed, uint blocks, bool withOrders = false, bool onlySmaller = false)
        where TArch : struct, IArchitecture
    {
        private readonly Random random = new(seed);
        private readonly Dictionary<uint, byte[]> contents = [];
        private readonly List<string> history = [];
        private int withHugePages;
        private int withLargeFolios;

        private static uint Span => HugeMachine<TArch>.Span;

        /// <summary>Two huge pages where work is done, and behind them two more where parts are moved to.</summary>
        private static uint Pages => 4 * Span;

        public void Go(int steps)
        {
            using var rig = new HugeMachine<TArch>(backing, blocks);
            if (withOrders)
                SetOrders(rig);
            rig.Map(0, Pages);
            contents.Add(rig.Space, new byte[Pages]);
            try
            {
                for (int step = 0; step < steps; step++)
                {
                    Step(rig);
                    rig.AssertSound();
                    withHugePages += contents.Keys.Any(space => HasHugePage(rig, space)) ? 1 : 0;
                    withLargeFolios += contents.Keys.Any(space => HasLargeFolio(rig, space)) ? 1 : 0;
                    if (step % 20 == 19)
                        CheckAll(rig);
                }

                CheckAll(rig);
                int expected = blocks > 10 ? steps / 3 : steps / 20;
                Assert.True(onlySmaller || withHugePages > expected, $"There were huge pages after {withHugePages} of {steps} steps only.");
                expected = !withOrders ? -1 : steps / (onlySmaller ? 3 : 8);
                Assert.True(withLargeFolios > expected, $"There were smaller large folios after {withLargeFolios} of {steps} steps only.");
                foreach (uint space in contents.Keys)
                    rig.Machine.Exit(space);
                rig.Machine.ReclaimAll();
                rig.AssertSound();
                Assert.Equal(0ul, rig.Mm.Swap.TotalInUse);
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}: {string.Join("; ", history.TakeLast(12))}", error);
            }
        }

        private static bool HasHugePage(HugeMachine<TArch> rig, uint space) =>
            Enumerable.Range(0, 4).Any(span => rig.IsHuge((uint)span * Span, space));

        private static bool HasLargeFolio(HugeMachine<TArch> rig, uint space)
        {
            for (uint page = 0; page < Pages; page++)
            {
                uint frame = rig.FrameAt(page, space);
                if (frame != 0 && rig.Mm.Frames.IsLarge(frame) && rig.Mm.Frames.PagesOf(frame) != Span)
                    return true;
            }

            return false;
        }

        /// <summary>Some orders for all memory, some for what wants huge pages, some for none; the settings change on the way.</summary>
        private void SetOrders(HugeMachine<TArch> rig)
        {
            int huge = FolioOrders<TArch, CheckedModel>.Huge;
            for (int order = FolioOrders<TArch, CheckedModel>.Smallest; order < huge; order++)
                rig.Machine.FolioOrders.Set(order, (FolioOrderPolicy)random.Next(4));
            rig.Machine.FolioOrders.Set(random.Next(2, huge), FolioOrderPolicy.Always);
            if (onlySmaller)
                rig.Machine.FolioOrders.Set(huge, FolioOrderPolicy.Never);
        }

        private void CheckAll(HugeMachine<TArch> rig)
        {
            foreach ((uint space, byte[] pages) in contents)
            {
                for (uint page = 0; page < Pages; page++)
                    Assert.True(pages[page] == rig.Read(page, space), $"page {page} of {space} must be {pages[page]}");
            }
        }

        private void Step(HugeMachine<TArch> rig)
        {
            uint space = contents.Keys.ElementAt(random.Next(contents.Count));
            byte[] pages = contents[space];
            (uint first, uint count) = RandomRange();
            if (withOrders && random.Next(20) == 0)
                SetOrders(rig);
            int operation = random.Next(22);
            history.Add($"{operation} @{space} {first}+{count}");
            switch (operation)
            {
                case 0 or 1 or 2 or 3:
                    for (uint page = first; page < first + count; page += 1 + (uint)random.Next(40))
                        rig.Write(page, pages[page] = (byte)random.Next(1, 256), space);
                    break;
                case 4:
                    Assert.Equal(pages[first], rig.Read(first, space));
                    break;
                case 5:
                    Assert.Equal(MmResult.Ok, rig.Advise(first, count, Advice.DontNeed, space));
                    pages.AsSpan((int)first, (int)count).Clear();
                    break;
                case 6:
                    Fork(rig, space, pages);
                    break;
                case 7:
                    Exit(rig, space);
                    break;
                case 8 or 9:
                    Move(rig, space, pages, first, count);
                    break;
                case 10:
                    Assert.Equal(MmResult.Ok, rig.Protect(first, count, AccessRights.Read, space));
                    Assert.Equal(pages[first], rig.Read(first, space));
                    rig.AssertSound();
                    Assert.Equal(MmResult.Ok, rig.Protect(first, count, AccessRights.Read | AccessRights.Write, space));
                    break;
                case 11:
                    Assert.Equal(MmResult.Ok, rig.Advise(first, count, Advice.PageOut, space));
                    break;
                case 12:
                    rig.Machine.Reclaim(random.Next(1, 2000));
                    break;
                case 13:
                    rig.Machine.Reclaim(random.Next(1, 4)); // a large folio counts as one
                    break;
                case 14 or 15:
                    rig.Advise(first, count, Advice.Collapse, space);
                    break;
                case 16:
                    Assert.Equal(MmResult.Ok, rig.Advise(first, count, random.Next(2) == 0 ? Advice.NoHugePage : Advice.Cold, space));
                    Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.HugePage, space));
                    break;
                case 17:
                    Lock(rig, space, first, count);
                    break;
                case 18 or 19:
                    Renew(rig, space, pages, (uint)random.Next(4) * Span);
                    break;
                case 20:
                    CollapseAll(rig, space);
                    break;
                default:
                    if (rig.Machine.SwapOff(rig.Area) == SwapResult.Ok)
                        rig.SwapOn();
                    rig.Machine.Settle();
                    break;
            }
        }

        /// <summary>A huge page is given up as a whole and comes again with the next store.</summary>
        private void Renew(HugeMachine<TArch> rig, uint space, byte[] pages, uint first)
        {
            if (random.Next(2) == 0)
            {
                Assert.Equal(MmResult.Ok, rig.Advise(first, Span, Advice.DontNeed, space));
            }
            else
            {
                // Moves leave VMAs behind that never become one again, so that no huge page fits.
                Assert.Equal(MmResult.Ok, rig.Machine.Unmap(space, HugeMachine<TArch>.At(first), HugeMachine<TArch>.Bytes(Span)));
                rig.Map(first, Span, space);
            }

            pages.AsSpan((int)first, (int)Span).Clear();
            uint page = first + (uint)random.Next((int)Span);
            rig.Write(page, pages[page] = (byte)random.Next(1, 256), space);
        }

        private static void CollapseAll(HugeMachine<TArch> rig, uint space)
        {
            for (uint first = 0; first < Pages; first += Span)
            {
                for (uint attempt = 0; attempt < Span && rig.Advise(first, Span, Advice.Collapse, space) == MmResult.Again;)
                    attempt++;
            }
        }

        private (uint First, uint Count) RandomRange()
        {
            if (random.Next(3) == 0)
            {
                uint span = (uint)random.Next(4);
                return (span * Span, Span * (uint)random.Next(1, 5 - (int)span));
            }

            uint first = (uint)random.Next((int)Pages);
            return (first, 1 + (uint)random.Next((int)Math.Min(Pages - first, random.Next(2) == 0 ? 8u : Pages)));
        }

        private void Fork(HugeMachine<TArch> rig, uint space, byte[] pages)
        {
            if (contents.Count == 3)
                return;
            uint child = rig.Machine.Fork(space);
            if (child != 0)
                contents.Add(child, [.. pages]);
        }

        private void Exit(HugeMachine<TArch> rig, uint space)
        {
            if (contents.Count == 1)
                return;
            rig.Machine.Exit(space);
            contents.Remove(space);
        }

        /// <summary>A range goes to another place, over what is there, and its old place is mapped anew.</summary>
        private void Move(HugeMachine<TArch> rig, uint space, byte[] pages, uint first, uint count)
        {
            uint target = random.Next(2) == 0 ? (first + (2 * Span)) % Pages : (uint)random.Next((int)Pages);
            if (target + count > Pages || (target < first + count && first < target + count))
                return;
            bool keep = random.Next(3) == 0;
            MmResult moved = rig.Machine.Move(
                space, HugeMachine<TArch>.At(first), HugeMachine<TArch>.At(target), HugeMachine<TArch>.Bytes(count), keep);
            Assert.Equal(MmResult.Ok, moved);
            if (!keep)
                rig.Map(first, count, space);
            pages.AsSpan((int)first, (int)count).CopyTo(pages.AsSpan((int)target));
            pages.AsSpan((int)first, (int)count).Clear();
        }

        private static void Lock(HugeMachine<TArch> rig, uint space, uint first, uint count)
        {
            var counters = new FaultCounters();
            count = Math.Min(count, Span);
            ulong start = HugeMachine<TArch>.At(first);
            rig.Machine.Lock(space, start, HugeMachine<TArch>.Bytes(count), ref counters);
            rig.AssertSound();
            rig.Machine.Reclaim(100);
            rig.Machine.Unlock(space, start, HugeMachine<TArch>.Bytes(count));
        }
    }
}
