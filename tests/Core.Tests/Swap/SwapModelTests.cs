using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Random operations on a tiny area, against a dictionary.</summary>
public sealed class SwapModelTests
{
    private sealed class Slot
    {
        public uint Count { get; set; }

        public uint Frame { get; set; }

        public bool Pinned { get; set; }
    }

    private sealed class Pair : IDisposable
    {
        private readonly SwapRig<LimitTwo> rig = new(slots: 192, overflows: 3, cluster: 64, frames: 64);
        private readonly Dictionary<ulong, Slot> slots = [];
        private readonly uint usable;

        public Pair(uint size)
        {
            usable = size - 1;
            rig.On(SwapAreaOptions.Zram(size));
        }

        private SwapSpace<LimitTwo> Swap => rig.Swap;

        public void Dispose() => rig.Dispose();

        public void Step(int operation, int which)
        {
            SwapEntry entry = Pick(which);
            slots.TryGetValue(entry.Offset, out Slot? slot);
            switch (operation % 10)
            {
                case 0 or 1:
                    Allocate();
                    break;
                case 2 or 3:
                    Duplicate(entry, slot);
                    break;
                case 4 or 5 when slot is { Count: > 0 }:
                    Put(entry, slot, reclaim: operation % 2 == 0);
                    break;
                case 6:
                    Claim(entry, slot, pin: true);
                    break;
                case 7:
                    Claim(entry, slot, pin: false);
                    break;
                case 8 when slot is { Pinned: true }:
                    Swap.UnpinSlot(entry);
                    slot.Pinned = false;
                    break;
                case 9 when slot is { Frame: > 0 }:
                    Leave(entry, slot);
                    break;
            }

            Compare();
        }

        private SwapEntry Pick(int which) => new(0, 1 + ((uint)which % usable));

        private void Allocate()
        {
            uint frame = rig.NewLocked();
            int before = slots.Count;
            SwapResult result = Swap.TryAllocate(frame, out SwapEntry entry);
            foreach ((ulong offset, Slot slot) in slots.Where(pair => pair.Value is { Frame: > 0, Count: 0 }).ToArray())
            {
                // The only other thing an allocation may do: take the slot of a folio that nobody names, when swap is more than half full.
                if (rig.Frames.Has(slot.Frame, FrameFlags.SwapCache))
                    continue;
                Assert.True(rig.Frames.Has(slot.Frame, FrameFlags.Dirty));
                Assert.True((before + 1) * 2 > usable);
                rig.Folios.Put(slot.Frame);
                slots.Remove(offset);
            }

            if (result == SwapResult.Ok)
            {
                Assert.True(slots.TryAdd(entry.Offset, new Slot { Frame = frame }), "a slot in use was handed out");
                rig.Frames.Unlock(frame);
                return;
            }

            Assert.Equal((SwapResult.Full, (int)usable), (result, slots.Count));
            rig.Release(frame);
        }

        private void Duplicate(SwapEntry entry, Slot? slot)
        {
            if (slot is { Frame: > 0 })
                rig.Frames.Lock(slot.Frame);
            bool room = slot == null || slot.Count != 2 || slots.Values.Count(other => other.Count > 2) < 3;
            SwapResult expected = slot == null || (slot.Count == 0 && slot.Frame == 0) ? SwapResult.NoEntry
                : room ? SwapResult.Ok : SwapResult.NoMemory;
            Assert.Equal(expected, Swap.TryDuplicate(entry));
            if (expected == SwapResult.Ok)
                slot!.Count++;
            if (slot is { Frame: > 0 })
                rig.Frames.Unlock(slot.Frame);
        }

        private void Put(SwapEntry entry, Slot slot, bool reclaim)
        {
            slot.Count--;
            uint frame = slot.Frame;
            if (!reclaim)
            {
                Swap.Put(entry);
                return;
            }

            Swap.PutAndReclaim(entry);
            if (slot.Count != 0 || frame == 0)
                return;
            Assert.False(rig.Frames.Has(frame, FrameFlags.SwapCache));
            Assert.True(rig.Frames.Has(frame, FrameFlags.Dirty));
            slot.Frame = 0;
            rig.Folios.Put(frame);
        }

        private void Claim(SwapEntry entry, Slot? slot, bool pin)
        {
            SwapResult expected = slot == null ? SwapResult.NoEntry
                : slot.Frame != 0 || slot.Pinned ? SwapResult.Exists
                : SwapResult.Ok;
            if (pin)
            {
                Assert.Equal(expected, Swap.TryPinSlot(entry));
                if (expected == SwapResult.Ok)
                    slot!.Pinned = true;
                return;
            }

            uint frame = rig.NewLocked();
            rig.Frames.Clear(frame, FrameFlags.Dirty);
            Assert.Equal(expected, Swap.TryAddToCache(entry, frame));
            if (expected == SwapResult.Ok)
            {
                slot!.Frame = frame;
                rig.Frames.Unlock(frame);
            }
            else
            {
                rig.Release(frame);
            }
        }

        private void Leave(SwapEntry entry, Slot slot)
        {
            uint frame = Swap.Lookup(entry);
            Assert.Equal(slot.Frame, frame);
            rig.Folios.Put(frame);
            rig.Frames.Lock(frame);
            Assert.True(Swap.IsBound(frame, entry));
            Assert.Equal(slot.Count == 0, Swap.TryFreeSlot(frame));
            if (slot.Count != 0)
            {
                rig.Frames.Clear(frame, FrameFlags.Dirty);
                Swap.RemoveFromCache(frame, 9);
            }

            Assert.Equal(1U, rig.Frames.References(frame));
            rig.Release(frame);
            slot.Frame = 0;
        }

        private void Compare()
        {
            foreach ((ulong offset, Slot slot) in slots.ToArray())
            {
                if (slot is { Count: 0, Frame: 0, Pinned: false })
                    slots.Remove(offset);
            }

            for (ulong offset = 1; offset <= usable; offset++)
            {
                var entry = new SwapEntry(0, offset);
                SwapSlotWord word = Swap.Map[entry];
                slots.TryGetValue(offset, out Slot? slot);
                Assert.Equal(
                    (slot != null, slot?.Count ?? 0, slot?.Pinned ?? false, slot?.Frame ?? 0),
                    (word.IsUsed, Swap.Count(entry), word.IsPinned, word.IsCached ? word.Payload : 0));
            }

            Assert.Equal((uint)slots.Count, Swap.InUse(0));
            rig.AssertConsistent();
        }
    }

    [Fact]
    public void A_dictionary_agrees_after_every_operation() => Prop.ForAll((PositiveInt seed) =>
    {
        var random = new Random(seed.Get);
        using var pair = new Pair((uint)random.Next(3, 12));
        for (int step = 0; step < 200; step++)
            pair.Step(random.Next(10), random.Next(1000));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_dictionary_agrees_over_several_clusters() => Prop.ForAll((PositiveInt seed) =>
    {
        var random = new Random(seed.Get);
        using var pair = new Pair((uint)random.Next(65, 190));
        for (int step = 0; step < 60; step++)
            pair.Step(step < 50 ? 0 : random.Next(10), random.Next(1000));
    }).QuickCheckThrowOnFailure();
}
