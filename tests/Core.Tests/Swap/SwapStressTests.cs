using System.Buffers.Binary;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>
/// Four threads swap out, fork and swap in over few slots. The cells stand for page-table entries, their locks for page-table locks; each
/// cell that names a slot owns one reference to it and knows what the slot must contain.
/// </summary>
public sealed class SwapStressTests
{
    private sealed class Cell
    {
        public Lock Gate { get; } = new();

        public SwapEntry Entry { get; set; }

        public ulong Value { get; set; }
    }

    private sealed class Load<TModel>(SwapRig<TModel> rig)
        where TModel : IModel
    {
        private readonly Cell[] cells = [.. Enumerable.Range(0, 6).Select(_ => new Cell())];
        private long values;

        public long SwapIns;

        public void Run(int worker, int rounds)
        {
            var random = new Random(worker);
            for (int i = 0; i < rounds; i++)
            {
                Cell cell = cells[random.Next(cells.Length)];
                switch (random.Next(4))
                {
                    case 0:
                        SwapOut(cell);
                        break;
                    case 1:
                        Fork(cell, cells[random.Next(cells.Length)]);
                        break;
                    default:
                        SwapIn(cell);
                        break;
                }
            }
        }

        public void Drain()
        {
            foreach (Cell cell in cells)
            {
                while (!cell.Entry.IsNone)
                    SwapIn(cell);
            }
        }

        /// <summary>Empties an area that hands out nothing: every cell that names it, then what only the cache holds.</summary>
        public void Empty(uint type)
        {
            while (rig.Swap.InUse(type) != 0)
            {
                foreach (Cell cell in cells)
                {
                    if (cell.Entry is { IsNone: false } entry && entry.Type == type)
                        SwapIn(cell);
                }

                for (ulong offset = rig.Swap.NextInUse(type, 1); offset != 0; offset = rig.Swap.NextInUse(type, offset + 1))
                    FreeCached(new SwapEntry(type, offset));
                Thread.Yield();
            }
        }

        private void SwapOut(Cell cell)
        {
            uint frame = rig.Folios.TryAllocate();
            if (frame == 0)
                return;
            rig.Frames.Lock(frame);
            ulong value = (ulong)Interlocked.Increment(ref values);
            Fill(frame, value);
            rig.Frames.Set(frame, FrameFlags.SwapBacked | FrameFlags.Uptodate | FrameFlags.Dirty);
            if (rig.Swap.TryAllocate(frame, out SwapEntry entry) == SwapResult.Ok)
            {
                bool stored = false;
                lock (cell.Gate)
                {
                    if (cell.Entry.IsNone && rig.Swap.TryDuplicate(entry) == SwapResult.Ok)
                    {
                        (cell.Entry, cell.Value) = (entry, value);
                        stored = true;
                    }
                }

                Write(frame, stored);
            }

            rig.Frames.Unlock(frame);
            rig.Folios.Put(frame);
        }

        /// <summary>Writes a folio and takes it out of the cache; what became of its slot meanwhile is up to the others.</summary>
        private void Write(uint frame, bool stored)
        {
            SwapWrite written = rig.Swap.Write(frame);
            if (!stored)
                Assert.Equal(SwapWrite.SlotFreed, written);
            if (written == SwapWrite.UnderWay)
            {
                rig.Swap.WaitForWriteback(frame);
                rig.Frames.Lock(frame);
            }

            const FrameFlags State = FrameFlags.SwapCache | FrameFlags.Dirty | FrameFlags.Writeback;
            if ((rig.Frames.Flags(frame) & State) == FrameFlags.SwapCache)
                rig.Swap.RemoveFromCache(frame);
        }

        private void Fork(Cell from, Cell to)
        {
            if (from == to)
                return;
            (Cell first, Cell second) = Array.IndexOf(cells, from) < Array.IndexOf(cells, to) ? (from, to) : (to, from);
            lock (first.Gate)
            {
                lock (second.Gate)
                {
                    if (from.Entry.IsNone || !to.Entry.IsNone || rig.Swap.TryDuplicate(from.Entry) != SwapResult.Ok)
                        return;
                    (to.Entry, to.Value) = (from.Entry, from.Value);
                }
            }
        }

        private void SwapIn(Cell cell)
        {
            SwapEntry entry = cell.Entry;
            if (entry.IsNone || !rig.Swap.TryPinArea(entry))
                return;
            if (rig.Swap.IsSynchronous(entry) && rig.Swap.Count(entry) == 1)
                Direct(cell, entry);
            else
                ThroughCache(cell, entry);
            rig.Swap.UnpinArea(entry);
        }

        private void Direct(Cell cell, SwapEntry entry)
        {
            if (rig.Swap.TryPinSlot(entry) != SwapResult.Ok)
            {
                ThroughCache(cell, entry);
                return;
            }

            uint frame = rig.Folios.TryAllocate();
            if (frame != 0)
            {
                rig.Frames.Lock(frame);
                Assert.Equal(SwapResult.Ok, rig.Swap.Read(entry, frame));
                lock (cell.Gate)
                    Finish(cell, entry, frame);
                rig.Frames.Unlock(frame);
                rig.Folios.Put(frame);
            }

            rig.Swap.UnpinSlot(entry);
        }

        private void ThroughCache(Cell cell, SwapEntry entry)
        {
            uint frame = rig.Swap.Lookup(entry);
            if (frame == 0)
            {
                frame = rig.Folios.TryAllocate();
                if (frame == 0)
                    return;
                rig.Frames.Lock(frame);
                if (rig.Swap.TryAddToCache(entry, frame) == SwapResult.Ok)
                    Assert.Equal(SwapResult.Ok, rig.Swap.Read(entry, frame));
            }
            else
            {
                rig.Frames.Lock(frame);
            }

            if (rig.Swap.IsBound(frame, entry))
            {
                lock (cell.Gate)
                    Finish(cell, entry, frame);
                rig.Swap.TryFreeSlot(frame);
            }

            rig.Frames.Unlock(frame);
            rig.Folios.Put(frame);
        }

        /// <summary>The end of a swap-in, under the cell's lock: the entry is still there, so the content must be the one it stands for.</summary>
        private void Finish(Cell cell, SwapEntry entry, uint frame)
        {
            if (cell.Entry != entry)
                return;
            Check(frame, cell.Value);
            cell.Entry = default;
            rig.Swap.Put(entry);
            Interlocked.Increment(ref SwapIns);
        }

        private void FreeCached(SwapEntry entry)
        {
            uint frame = rig.Swap.Lookup(entry);
            if (frame == 0)
                return;
            rig.Frames.Lock(frame);
            if (rig.Swap.IsBound(frame, entry))
            {
                rig.Swap.WaitForWriteback(frame);
                rig.Swap.TryFreeSlot(frame);
            }

            rig.Frames.Unlock(frame);
            rig.Folios.Put(frame);
        }

        private void Fill(uint frame, ulong value)
        {
            Span<byte> bytes = rig.Frames.Bytes(frame);
            for (int i = 0; i < bytes.Length; i += 512)
                BinaryPrimitives.WriteUInt64LittleEndian(bytes[i..], value);
        }

        private void Check(uint frame, ulong value)
        {
            ReadOnlySpan<byte> bytes = rig.Frames.Bytes(frame);
            for (int i = 0; i < bytes.Length; i += 512)
                Assert.Equal(value, BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]));
        }
    }

    private static void Together(int workers, Action<int> work)
    {
        var failures = new List<Exception>();
        Thread[] threads = [.. Enumerable.Range(0, workers).Select(worker => new Thread(() =>
        {
            try
            {
                work(worker);
            }
            catch (Exception error)
            {
                lock (failures)
                    failures.Add(error);
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Empty(failures);
    }

    [Theory]
    [InlineData(4U, true)]
    [InlineData(9U, true)]
    [InlineData(4U, false)]
    [InlineData(200U, false)]
    public void Four_threads_on_few_slots_read_what_was_written_and_lose_nothing(uint slots, bool synchronous)
    {
        using var rig = new SwapRig<LimitTwo>(slots: 512, cluster: 64, overflows: 1, frames: 64);
        rig.On(new SwapAreaOptions { Slots = slots, Synchronous = synchronous });
        var load = new Load<LimitTwo>(rig);
        Together(4, worker => load.Run(worker, 6000));
        load.Drain();
        load.Empty(0);
        Assert.True(load.SwapIns > 500, $"only {load.SwapIns} swap-ins");
        Assert.Equal(0UL, rig.Swap.TotalInUse);
        rig.AssertSound();
        AssertNoFrameLost(rig);
    }

    [Fact]
    public void Swapoff_under_load_empties_the_area_and_it_comes_back()
    {
        using var rig = new SwapRig<LimitTwo>(slots: 512, cluster: 64, overflows: 4, frames: 64);
        rig.On(SwapAreaOptions.Zram(9) with { Priority = 3 });
        rig.On(new SwapAreaOptions { Slots = 100, Priority = 1 });
        var load = new Load<LimitTwo>(rig);
        bool stop = false;
        Together(4, worker =>
        {
            while (worker != 0 && !Volatile.Read(ref stop))
                load.Run(worker, 50);
            if (worker == 0)
                SwapOffAndOn(rig, load);
            Volatile.Write(ref stop, true);
        });
        load.Drain();
        load.Empty(0);
        load.Empty(1);
        Assert.Equal(0UL, rig.Swap.TotalInUse);
        rig.AssertSound();
        AssertNoFrameLost(rig);
    }

    private static void SwapOffAndOn(SwapRig<LimitTwo> rig, Load<LimitTwo> load)
    {
        for (int i = 0; i < 40; i++)
        {
            uint type = (uint)i % 2;
            Assert.Equal(SwapResult.Ok, rig.Swap.BeginSwapOff(type));
            Assert.Equal(SwapResult.Invalid, rig.Swap.BeginSwapOff(type));
            if (i % 5 == 4)
            {
                rig.Swap.AbortSwapOff(type);
                continue;
            }

            do
                load.Empty(type);
            while (rig.Swap.FinishSwapOff(type) != SwapResult.Ok);
            Assert.Equal(type, rig.On(new SwapAreaOptions { Slots = 20 + (uint)i, Synchronous = i % 3 == 0 }));
        }
    }

    private static void AssertNoFrameLost(SwapRig<LimitTwo> rig)
    {
        rig.Folios.Allocator.AdvanceEpoch();
        int free = 0;
        while (rig.Folios.TryAllocate() != 0)
            free++;
        Assert.Equal(63, free);
    }
}
