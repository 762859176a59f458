using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>Checks every swap slot: its word, its count against the entries that name it, its folio in the swap cache, its content.</summary>
internal sealed class SlotVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly Dictionary<ulong, ulong> overflows = [];
    private readonly byte[] content;
    private readonly Findings findings = new();

    internal SlotVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        mm = survey.Mm;
        content = new byte[mm.Image.PageSize];
    }

    internal Findings Run()
    {
        foreach ((ulong key, ulong count) in new SwapOverflow<TModel>(survey.Areas).Entries())
        {
            if (!overflows.TryAdd(key, count))
                findings.Add("I20", $"The overflow table holds slot {new SwapEntry(key)} twice.");
        }

        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            if (!survey.IsUsed(type))
                continue;
            for (uint offset = 0; offset < survey.Areas[type].Slots; offset++)
                Check(new SwapEntry(type, offset));
        }

        foreach ((ulong key, ulong count) in overflows)
            findings.Add("I20", $"The overflow table holds count {count} for slot {new SwapEntry(key)}, whose word has its count itself.");
        CheckFrames();
        return findings;
    }

    private void Check(SwapEntry entry)
    {
        survey.TryIndex(entry, out uint index);
        SwapSlotWord word = mm.Swap.Map[entry];
        uint named = survey.Named[index];
        if (word == word.AsFree && named == 0)
            return;
        ulong count = CountOf(entry, word);
        if (count != named)
            findings.Add("I1", $"Slot {entry} counts {count} references, {named} entries name it: {word}.");
        if (word.IsPinned)
            findings.Add("I3", $"Slot {entry} is pinned: {word}.");
        if (word.IsFree)
            CheckFree(entry, word);
        else if (word.Tag == SwapSlotTag.InUse && count == 0 && !word.IsPinned)
            findings.Add("S2", $"Slot {entry} is in use and nobody uses it: {word}.");
        if (survey.ExclusivelyNamed[index] && named != 1)
            findings.Add("X5", $"Slot {entry} is named by {named} entries, one of them exclusive.");
        if (word.IsCached)
            CheckBinding(entry, word, named);
    }

    private ulong CountOf(SwapEntry entry, SwapSlotWord word)
    {
        if (!word.IsOverflowed)
            return word.Count;
        if (overflows.Remove(SwapOverflow<TModel>.Key(entry), out ulong count))
            return count;
        findings.Add("I20", $"Slot {entry} has its count in the overflow table, which has none.");
        return 0;
    }

    private void CheckFree(SwapEntry entry, SwapSlotWord word)
    {
        if (word.WithCount(0).AsUnpinned != word.AsFree)
            findings.Add("I4", $"Slot {entry} is free and remembers something: {word}."); // a count or a pin has been reported
    }

    private void CheckBinding(SwapEntry entry, SwapSlotWord word, uint named)
    {
        uint frame = word.Payload;
        if (!survey.HasRecord(frame) || !mm.Frames.Has(frame, FrameFlags.SwapCache) || mm.Frames[frame].Swap != entry.Value)
        {
            findings.Add("I2", $"Slot {entry} is bound to frame {frame}, whose record says otherwise.");
            return;
        }

        FrameFlags flags = mm.Frames.Flags(frame);
        if (named != 0 && (flags & FrameFlags.AnonExclusive) != 0)
            findings.Add("X4", $"Frame {frame} is exclusive, and {named} entries name its slot {entry}.");
        bool dirty = (flags & FrameFlags.Dirty) != 0 || (survey.Marks[frame] & FrameMarks.Dirty) != 0;
        if (!dirty && (flags & (FrameFlags.Writeback | FrameFlags.Uptodate)) == FrameFlags.Uptodate)
            CheckContent(entry, frame);
    }

    private void CheckContent(SwapEntry entry, uint frame)
    {
        SwapResult read = mm.Swap.Peek(entry, content);
        if (read != SwapResult.Ok || !content.AsSpan().SequenceEqual(mm.Frames.Bytes(frame)))
            findings.Add("I15", $"Frame {frame} is clean, and its slot {entry} holds something else ({read}).");
    }

    /// <summary>The other direction of the bijection: a frame that says it is bound to a slot, which is bound to another frame or to none.</summary>
    private void CheckFrames()
    {
        for (uint frame = 1; frame < survey.FrameLimit; frame++)
        {
            if (!mm.Frames.HasStorage(frame) || !mm.Frames.Has(frame, FrameFlags.SwapCache) || mm.Frames.References(frame) == 0)
                continue;
            var entry = new SwapEntry(mm.Frames[frame].Swap);
            SwapSlotWord word = survey.TryIndex(entry, out _) ? mm.Swap.Map[entry] : default;
            if (!word.IsCached || word.Payload != frame)
                findings.Add("I2", $"Frame {frame} says that slot {entry} is bound to it; the slot is {word}.");
        }
    }
}
