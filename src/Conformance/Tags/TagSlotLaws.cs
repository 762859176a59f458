using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Conformance.Tags;

/// <summary>Metadata of slots: kept, replaced, restored, forgotten.</summary>
internal static class TagSlotLaws<TArch>
    where TArch : struct, IArchitecture
{
    internal static IEnumerable<Law> All() =>
    [
        new("tags/prepare", "preparing keeps the frame's metadata with the slot, in the place of what it kept; the frame keeps its own", Prepare),
        new("tags/prepare-of-none", "preparing a frame without metadata succeeds and leaves alone what the slot keeps", PrepareOfNone),
        new("tags/prepare-fails", "without room preparing says so, and neither frame nor slot has changed", PrepareFails),
        new("tags/restore", "restoring gives a frame what the slot keeps, the slot keeps it, and any number of frames may have it", Restore),
        new("tags/restore-is-older", "restoring changes nothing of a frame that has metadata of its own", RestoreIsOlder),
        new("tags/restore-of-none", "restoring from a slot that keeps nothing leaves the frame without metadata", RestoreOfNone),
        new(
            "tags/slot-free",
            "a slot that is free keeps nothing, freeing it again or when it keeps nothing is harmless, the others keep theirs",
            SlotFree),
        new("tags/area-free", "the slots of an area that is gone keep nothing, those of another keep theirs", AreaFree),
    ];

    private static SwapEntry Slot => TagBench<TArch>.Slot(0, 3);

    private static void Prepare(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        for (int seed = 1; seed <= 3; seed++)
        {
            uint frame = bench.Valid(seed);
            string inputs = $"preparing for the {seed}. time";
            check.That(TArch.PrepareToSwap(bench.Storage, frame, Slot), "fails", default, $"{inputs}");
            bench.HasSlot(check, Slot, TagBench<TArch>.Pattern(seed), inputs);
            bench.HasFrame(check, frame, TagBench<TArch>.Pattern(seed), inputs);
            bench.IsEmpty(check, TagBench<TArch>.Slot(0, 4), $"{inputs}, the next slot");
            check.Equal(1, bench.Storage.KeptCount, "buffers are in use", $"{inputs}");
        }
    }

    private static void PrepareOfNone(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        check.That(TArch.PrepareToSwap(bench.Storage, bench.Leftover(1), Slot), "fails", default, $"preparing a frame without metadata");
        bench.IsEmpty(check, Slot, "preparing a frame without metadata for an empty slot");
        TArch.PrepareToSwap(bench.Storage, bench.Valid(2), Slot);
        check.That(TArch.PrepareToSwap(bench.Storage, bench.Leftover(1), Slot), "fails", default, $"preparing a frame without metadata again");
        bench.HasSlot(check, Slot, TagBench<TArch>.Pattern(2), "a page that was read ahead is written again without having been mapped");
    }

    private static void PrepareFails(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint frame = bench.Valid(1);
        bench.Storage.Faults.FailAllocation = 1;
        check.That(!TArch.PrepareToSwap(bench.Storage, frame, Slot), "says it did", default, $"preparing without room");
        check.Equal(0, (ulong)bench.Storage.Faults.FailAllocation, "asks for no room", $"preparing without room");
        bench.IsEmpty(check, Slot, "preparing without room");
        bench.HasFrame(check, frame, TagBench<TArch>.Pattern(1), "preparing without room");
        check.Equal(0, bench.Storage.KeptCount, "buffers are in use", $"preparing without room");
    }

    private static void Restore(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        TArch.PrepareToSwap(bench.Storage, bench.Valid(1), Slot);
        for (int time = 1; time <= 3; time++)
        {
            uint frame = bench.Leftover(4 + time);
            TArch.RestoreFromSlot(bench.Storage, Slot, frame);
            bench.HasFrame(check, frame, TagBench<TArch>.Pattern(1), $"restoring to the {time}. frame");
            TArch.RestoreFromSlot(bench.Storage, Slot, frame);
            bench.HasFrame(check, frame, TagBench<TArch>.Pattern(1), $"restoring to the {time}. frame again");
            bench.HasSlot(check, Slot, TagBench<TArch>.Pattern(1), $"after restoring to {time} frames");
        }
    }

    private static void RestoreIsOlder(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint frame = bench.Valid(1);
        TArch.PrepareToSwap(bench.Storage, frame, Slot);
        TagBench<TArch>.Pattern(2).CopyTo(bench.Storage.OfFrame(frame));
        TArch.RestoreFromSlot(bench.Storage, Slot, frame);
        bench.HasFrame(check, frame, TagBench<TArch>.Pattern(2), "the page came in, its metadata was changed, it was unmapped and comes in again");
        uint fresh = bench.Leftover(3);
        TArch.RestoreFromSlot(bench.Storage, Slot, fresh);
        TagBench<TArch>.Pattern(4).CopyTo(bench.Storage.OfFrame(fresh));
        TArch.RestoreFromSlot(bench.Storage, Slot, fresh);
        bench.HasFrame(check, fresh, TagBench<TArch>.Pattern(4), "restored, changed, restored again");
    }

    private static void RestoreOfNone(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint frame = bench.Leftover(1);
        TArch.RestoreFromSlot(bench.Storage, Slot, frame);
        bench.HasNone(check, frame, "restoring from a slot that keeps nothing");
        uint other = bench.Valid(2);
        TArch.RestoreFromSlot(bench.Storage, Slot, other);
        bench.HasFrame(check, other, TagBench<TArch>.Pattern(2), "restoring from a slot that keeps nothing to a frame that has metadata");
    }

    private static void SlotFree(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        TArch.OnSlotFree(bench.Storage, Slot);
        bench.IsEmpty(check, Slot, "freeing a slot that keeps nothing");
        for (uint number = 2; number <= 4; number++)
            TArch.PrepareToSwap(bench.Storage, bench.Valid((int)number), TagBench<TArch>.Slot(0, number));
        for (int time = 1; time <= 2; time++)
        {
            TArch.OnSlotFree(bench.Storage, Slot);
            bench.IsEmpty(check, Slot, $"freeing for the {time}. time");
            bench.HasSlot(check, TagBench<TArch>.Slot(0, 2), TagBench<TArch>.Pattern(2), "the slot before it");
            bench.HasSlot(check, TagBench<TArch>.Slot(0, 4), TagBench<TArch>.Pattern(4), "the slot after it");
            check.Equal(2, bench.Storage.KeptCount, "buffers are in use", $"freeing one of three slots");
        }

        uint frame = bench.Leftover(5);
        TArch.RestoreFromSlot(bench.Storage, Slot, frame);
        bench.HasNone(check, frame, "the slot's next life");
    }

    private static void AreaFree(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        TArch.OnAreaFree(bench.Storage, 1);
        for (uint number = 0; number < 150; number += 7)
        {
            TArch.PrepareToSwap(bench.Storage, bench.Valid(1), TagBench<TArch>.Slot(0, number));
            TArch.PrepareToSwap(bench.Storage, bench.Valid(2), TagBench<TArch>.Slot(1, number));
        }

        uint kept = bench.Storage.KeptCount;
        for (int time = 1; time <= 2; time++)
        {
            TArch.OnAreaFree(bench.Storage, 1);
            for (uint number = 0; number < 150; number += 7)
            {
                bench.IsEmpty(check, TagBench<TArch>.Slot(1, number), $"area 1 goes for the {time}. time");
                bench.HasSlot(check, TagBench<TArch>.Slot(0, number), TagBench<TArch>.Pattern(1), "area 1 goes");
            }

            check.Equal(kept / 2, bench.Storage.KeptCount, "buffers are in use", $"one of two areas goes");
        }
    }
}
