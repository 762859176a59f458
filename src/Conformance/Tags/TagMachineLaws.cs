using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Conformance.Tags;

/// <summary>A whole machine with metadata: every page has its own after every step, and what is kept balances whatever fails.</summary>
internal static class TagMachineLaws<TArch>
    where TArch : struct, IArchitecture
{
    private const int MostFailures = 200;

    internal static IEnumerable<Law> All() =>
    [
        new("tags/machine-swap", "pages have their metadata while they are away and when they are back, once or again", check => Run(check, Swap, 0)),
        new("tags/machine-fork", "parent and child have the metadata of a shared page, in swap and in memory, and each its own after a store",
            check => Run(check, Fork, 0)),
        new("tags/machine-moves", "metadata follows a page to another frame and to another address", check => Run(check, Moves, 0)),
        new("tags/machine-swapoff", "switching swap off brings metadata back with the pages and leaves none", check => Run(check, SwapOff, 0)),
        new("tags/machine-new-life", "a page in the place of one that is gone has nothing of it", check => Run(check, NewLife, 0)),
        new("tags/machine-balance", "all of this holds at every rest whichever allocation of room fails", Balance),
        new("tags/machine-define-order", "metadata is defined before an entry that checks it is present", DefineOrder),
        new("tags/machine-restore-order", "metadata is restored, and valid, before the entry is present and while the slot is counted",
            check => RestoreOrder(check, swapOff: false)),
        new("tags/machine-swapoff-order", "so it is when swap is switched off", check => RestoreOrder(check, swapOff: true)),
    ];

    private delegate void Step(TagStory<TArch> story, Action<string> rest);

    /// <summary>Runs a story; returns how often room was asked for.</summary>
    private static long Run(Check check, Step step, int failure)
    {
        using var story = new TagStory<TArch>(check);
        story.Storage.Faults.FailAllocation = failure;
        step(story, moment =>
        {
            string inputs = failure == 0 ? moment : $"{moment}, where allocation {failure} fails";
            story.Balances(inputs);
            story.Has(inputs);
        });
        story.Storage.Faults.FailAllocation = 0;
        story.Exit(story.Parent);
        story.Machine.ReclaimAll();
        story.Balances("the end");
        check.Equal(0, story.Storage.KeptCount, "buffers are in use", $"the end of the last process");
        return story.Storage.Faults.Allocations;
    }

    private static void Swap(TagStory<TArch> story, Action<string> rest)
    {
        for (int round = 1; round <= 3; round++)
        {
            story.Machine.ReclaimAll();
            rest($"swapped out, round {round}");
            for (uint page = 0; page < TagStory<TArch>.Pages; page++)
                story.Touch(story.Parent, TagStory<TArch>.Address(page));
            rest($"swapped in, round {round}");
            story.Store(story.Parent, TagStory<TArch>.Address((uint)round));
            rest($"stored, round {round}");
        }
    }

    private static void Fork(TagStory<TArch> story, Action<string> rest)
    {
        story.Machine.ReclaimAll();
        uint child = story.Fork(story.Parent);
        rest("forked");
        story.Touch(child, TagStory<TArch>.Address(0));
        story.Touch(story.Parent, TagStory<TArch>.Address(1));
        rest("touched by one");
        story.Store(child, TagStory<TArch>.Address(1));
        story.Store(story.Parent, TagStory<TArch>.Address(2));
        rest("stored by one");
        story.Machine.ReclaimAll();
        rest("out again");
        story.Exit(child);
        rest("the child has ended");
    }

    private static void Moves(TagStory<TArch> story, Action<string> rest)
    {
        uint pages = TagStory<TArch>.Pages;
        story.Machine.Migrate(story.Parent, TagStory<TArch>.Address(0), (ulong)pages << TArch.PageShift);
        rest("migrated");
        story.Machine.ReclaimAll();
        story.Move(story.Parent, 0, 1000);
        rest("moved");
        story.Touch(story.Parent, TagStory<TArch>.Address(1000));
        story.Touch(story.Parent, TagStory<TArch>.Address(1));
        story.Move(story.Parent, 1, 1001);
        story.Machine.Migrate(story.Parent, TagStory<TArch>.Address(1000), 2UL << TArch.PageShift);
        rest("moved and migrated");
    }

    private static void SwapOff(TagStory<TArch> story, Action<string> rest)
    {
        story.Machine.ReclaimAll();
        rest("swapped out");
        story.SwapOff();
        rest("without swap");
    }

    private static void NewLife(TagStory<TArch> story, Action<string> rest)
    {
        story.Machine.ReclaimAll();
        story.Forget(story.Parent, 0, 4);
        rest("given up");
        for (uint page = 0; page < 4; page++)
        {
            story.Touch(story.Parent, TagStory<TArch>.Address(page)); // shows the zero page
            story.Store(story.Parent, TagStory<TArch>.Address(page));
        }

        rest("a new life");
        story.Machine.ReclaimAll();
        rest("and out");
    }

    private static void Balance(Check check)
    {
        foreach (Step step in (Step[])[Swap, Fork, Moves, SwapOff, NewLife])
        {
            long allocations = Math.Min(Run(check, step, 0), MostFailures);
            for (int failure = 1; failure <= allocations; failure++)
                Run(check, step, failure);
        }
    }

    private static void DefineOrder(Check check)
    {
        using var story = new TagStory<HeardArchitecture<TArch>>(check);
        ulong address = TagStory<TArch>.Address(2);
        story.Forget(story.Parent, 2, 1);
        int calls = 0;
        Listen(
            () => story.Store(story.Parent, address),
            (call, frame) =>
            {
                if (call != nameof(IPageTagProvider.EnsureDefined))
                    return;
                calls++;
                Pte entry = story.Entry(story.Parent, address);
                check.That(story.FrameAt(story.Parent, address) != frame, "is present already", entry, $"defining the metadata of frame {frame}");
            });
        check.That(calls > 0, "is never done", default, $"defining the metadata of a new page");
        check.That(story.Storage.IsValid(story.FrameAt(story.Parent, address)), "is not valid", default, $"the metadata of a page that is shown");
    }

    private static void RestoreOrder(Check check, bool swapOff)
    {
        using var story = new TagStory<HeardArchitecture<TArch>>(check);
        story.Machine.ReclaimAll();
        ulong address = TagStory<TArch>.Address(2);
        story.Forget(story.Parent, 0, 2);
        story.Forget(story.Parent, 3, TagStory<TArch>.Pages - 3);
        Pte away = story.Entry(story.Parent, address);
        SoftLeaf soft = story.Machine.Context.Decode(away);
        check.That(soft.Kind == SoftLeafKind.Swap, "is not swapped out", away, $"page 2");
        var slot = new SwapEntry(soft.Type, soft.Offset);
        int calls = 0;
        Listen(
            () =>
            {
                if (swapOff)
                    story.SwapOff();
                else
                    story.Touch(story.Parent, address);
            },
            (call, frame) =>
            {
                if (call != nameof(IPageTagProvider.RestoreFromSlot))
                    return;
                calls++;
                check.That(story.Storage.IsValid((uint)frame), "leaves it not valid", away, $"restoring the metadata of frame {frame}");
                check.That(story.Entry(story.Parent, address) == away, "comes after the entry", story.Entry(story.Parent, address), $"restoring");
                check.That(story.Machine.Context.Swap.Count(slot) > 0, "comes after the slot was given up", away, $"restoring");
            });
        check.Equal(1, (ulong)calls, "is not done once", $"restoring the metadata of a page");
        story.Has("restored");
        story.Balances("restored");
    }

    private static void Listen(Action action, Action<string, ulong> listener)
    {
        HeardArchitecture<TArch>.Listener = listener;
        try
        {
            action();
        }
        finally
        {
            HeardArchitecture<TArch>.Listener = null;
        }
    }
}
