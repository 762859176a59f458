using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Every operation on every reachable shape of a slot word: result, word after it, or refusal.</summary>
public sealed class SlotTransitionTests
{
    public enum Shape
    {
        Free,
        Bad,
        Gone,
        InUse,
        Pinned,
        Cached,
    }

    /// <summary>What the table of transitions says, written down once more: result (null: refused), and the shape and count after it.</summary>
    private static (SwapResult? Result, Shape Shape, uint Count) Expected(string operation, Shape shape, uint count)
    {
        (SwapResult?, Shape, uint) Same(SwapResult? result) => (result, shape, count);
        bool used = shape is Shape.InUse or Shape.Pinned or Shape.Cached;
        switch (operation)
        {
            case "duplicate" when shape == Shape.Gone:
            case "pin" when shape == Shape.Gone:
            case "add" when shape == Shape.Gone:
                return Same(SwapResult.Invalid);
            case "duplicate":
                return used && (count != 0 || shape == Shape.Cached) ? (SwapResult.Ok, shape, count + 1) : Same(SwapResult.NoEntry);
            case "put":
                if (!used || count == 0)
                    return Same(null);
                return (SwapResult.Ok, shape == Shape.InUse && count == 1 ? Shape.Free : shape, count - 1);
            case "pin":
            case "add":
                if (shape is Shape.Cached or Shape.Pinned)
                    return Same(SwapResult.Exists);
                return shape == Shape.InUse
                    ? (SwapResult.Ok, operation == "pin" ? Shape.Pinned : Shape.Cached, count)
                    : Same(SwapResult.NoEntry);
            case "unpin":
                return shape == Shape.Pinned ? (SwapResult.Ok, count == 0 ? Shape.Free : Shape.InUse, count) : Same(null);
            case "bind":
                return shape == Shape.Pinned ? (SwapResult.Ok, Shape.Cached, count) : Same(null);
            case "remove":
                return shape == Shape.Cached ? (SwapResult.Ok, count == 0 ? Shape.Free : Shape.InUse, count) : Same(null);
            case "free":
                return shape == Shape.Cached && count == 0 ? (SwapResult.Ok, Shape.Free, 0) : Same(SwapResult.Invalid);
            case "replace":
                return shape == Shape.Cached ? (SwapResult.Ok, Shape.Cached, count) : Same(null);
            default:
                throw new ArgumentOutOfRangeException(nameof(operation), operation, "unknown");
        }
    }

    public static TheoryData<string, Shape, uint> Cases()
    {
        var cases = new TheoryData<string, Shape, uint>();
        foreach (string operation in (string[])["duplicate", "put", "pin", "unpin", "add", "bind", "remove", "free", "replace"])
        {
            foreach (Shape shape in Enum.GetValues<Shape>())
            {
                uint last = shape is Shape.Free or Shape.Bad or Shape.Gone ? 0U : 5;
                for (uint count = shape == Shape.InUse ? 1U : 0; count <= last; count++)
                    cases.Add(operation, shape, count);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void With_counts_above_2_in_the_overflow_table(string operation, Shape shape, uint count) => Check<LimitTwo>(operation, shape, count);

    [Theory]
    [MemberData(nameof(Cases))]
    public void With_counts_above_3_in_the_overflow_table(string operation, Shape shape, uint count) => Check<LimitThree>(operation, shape, count);

    private static void Check<TModel>(string operation, Shape shape, uint count)
        where TModel : Atomics.IModel
    {
        using var rig = new SwapRig<TModel>(slots: 64, cluster: 64);
        rig.On(SwapAreaOptions.Zram(16) with { BadSlots = [9] });
        (SwapEntry entry, uint frame) = Make(rig, shape, count);
        SwapSlotWord before = rig.Swap.Map[entry];
        (SwapResult? result, Shape next, uint left) = Expected(operation, shape, count);
        if (result == null)
        {
            Assert.Throws<InvalidOperationException>(() => Perform(rig, operation, entry, frame));
            Assert.Equal(before, rig.Swap.Map[entry]);
        }
        else
        {
            Assert.Equal(result, Perform(rig, operation, entry, frame));
            SwapSlotWord after = rig.Swap.Map[entry];
            Assert.Equal(next, ShapeOf(after, shape));
            Assert.Equal(left, rig.Swap.Count(entry));
            Assert.Equal(before.Generation, after.Generation);
            Assert.Equal(left > TModel.SlotCountLimit, after.IsOverflowed);
        }

        if (next != Shape.Pinned && !(result == null && operation is "bind" or "replace"))
            rig.AssertSound();
    }

    private static (SwapEntry Entry, uint Frame) Make<TModel>(SwapRig<TModel> rig, Shape shape, uint count)
        where TModel : Atomics.IModel
    {
        switch (shape)
        {
            case Shape.Free:
                return (new SwapEntry(0, 7), rig.NewLocked());
            case Shape.Bad:
                return (new SwapEntry(0, 9), rig.NewLocked());
            case Shape.Gone:
                return (new SwapEntry(3, 7), rig.NewLocked());
            default:
                (uint frame, SwapEntry entry) = rig.Bind();
                rig.Frames.Clear(frame, FrameFlags.Dirty);
                for (uint i = 0; i < Math.Max(count, 1); i++)
                    Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
                if (shape != Shape.Cached)
                    rig.Swap.RemoveFromCache(frame);
                if (shape == Shape.Pinned)
                    Assert.Equal(SwapResult.Ok, rig.Swap.TryPinSlot(entry));
                if (count == 0)
                    rig.Swap.Put(entry);
                return (entry, frame);
        }
    }

    private static SwapResult Perform<TModel>(SwapRig<TModel> rig, string operation, SwapEntry entry, uint frame)
        where TModel : Atomics.IModel
    {
        switch (operation)
        {
            case "duplicate":
                return rig.Swap.TryDuplicate(entry);
            case "put":
                rig.Swap.Put(entry);
                return SwapResult.Ok;
            case "pin":
                return rig.Swap.TryPinSlot(entry);
            case "unpin":
                rig.Swap.UnpinSlot(entry);
                return SwapResult.Ok;
            case "add":
                uint added = rig.NewLocked();
                SwapResult result = rig.Swap.TryAddToCache(entry, added);
                Assert.Equal(result == SwapResult.Ok, rig.Swap.IsBound(added, entry));
                Assert.Equal(result == SwapResult.Ok ? 2U : 1U, rig.Frames.References(added));
                return result;
            case "bind":
                uint bound = rig.NewLocked();
                rig.Frames[bound].Swap = entry.Value;
                rig.Frames.Get(bound);
                rig.Frames.Set(bound, FrameFlags.SwapCache);
                rig.Swap.Map.BindPinned(entry, bound);
                return SwapResult.Ok;
            case "remove":
                rig.Swap.RemoveFromCache(frame, shadow: 77);
                Assert.Equal(1U, rig.Frames.References(frame));
                Assert.Equal(rig.Swap.Count(entry) == 0 ? 0U : 77, rig.Swap.Shadow(entry));
                return SwapResult.Ok;
            case "free":
                bool freed = rig.Swap.TryFreeSlot(frame);
                return freed && rig.Frames.Has(frame, FrameFlags.Dirty) ? SwapResult.Ok : SwapResult.Invalid;
            default:
                uint replacement = rig.NewLocked();
                rig.Swap.ReplaceInCache(frame, replacement);
                Assert.True(rig.Swap.IsBound(replacement, entry));
                Assert.False(rig.Swap.IsBound(frame, entry));
                return SwapResult.Ok;
        }
    }

    private static Shape ShapeOf(SwapSlotWord word, Shape unused) => word.Tag switch
    {
        SwapSlotTag.Free => unused == Shape.Gone ? Shape.Gone : Shape.Free,
        SwapSlotTag.Bad => Shape.Bad,
        SwapSlotTag.Cached => Shape.Cached,
        _ => word.IsPinned ? Shape.Pinned : Shape.InUse,
    };
}
