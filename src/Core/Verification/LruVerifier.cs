using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>Checks the LRU lists: links, lengths, also by group, and that exactly the frames that say so are on them.</summary>
internal sealed class LruVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly FrameTable<TModel> frames;
    private readonly Findings findings = new();
    private readonly ulong[,] ofGroups = new ulong[MemoryGroups<TModel>.Most + 1, LruLengths.Count];

    internal LruVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        frames = survey.Mm.Frames;
    }

    internal Findings Run()
    {
        ref FrameState state = ref survey.Mm.Image.Record<FrameState>(MetadataRegion.FrameState, 0);
        var listed = new bool[survey.FrameLimit];
        for (LruKind kind = LruKind.InactiveAnon; kind <= LruKind.Unevictable; kind++)
        {
            if (!CheckList(kind, ref state.Lru[(int)kind], listed))
                return findings;
        }

        MarkArriving(listed);
        CheckGroups();
        for (uint frame = 1; frame < survey.FrameLimit; frame++)
        {
            if (!listed[frame] && frames.HasStorage(frame) && ((FrameFlags)frames[frame].Flags & FrameFlags.Lru) != 0)
                findings.Add("LRU", $"Frame {frame} says that it is on an LRU list and is not.");
        }

        return findings;
    }

    /// <summary>Folios on their way to a list say already that they are on it.</summary>
    private void MarkArriving(bool[] listed)
    {
        for (int cache = 0; cache < FrameCache.CountOfAll; cache++)
        {
            foreach (uint frame in survey.Mm.Folios.Lru.Arriving(cache))
            {
                if (!survey.HasRecord(frame) || listed[frame] || frames[frame].LruPrevious != 0 || !frames.Has(frame, FrameFlags.Lru))
                {
                    findings.Add("LRU", $"Frame {frame} is on its way to a list, in cache {cache}, and cannot be.");
                    break;
                }

                listed[frame] = true;
            }
        }
    }

    /// <summary>Each group knows how many of its pages are on each list.</summary>
    private void CheckGroups()
    {
        for (uint group = 1; group <= MemoryGroups<TModel>.Most; group++)
        {
            for (LruKind kind = LruKind.InactiveAnon; kind <= LruKind.ActiveFile; kind++)
            {
                ulong says = survey.Mm.Folios.Groups[group].Lru[(int)kind];
                if (says != ofGroups[group, (int)kind])
                    findings.Add("LRU", $"Group {group} has {ofGroups[group, (int)kind]} pages on the list {kind} and says {says}.");
            }
        }
    }

    private bool CheckList(LruKind kind, ref LruList list, bool[] listed)
    {
        ulong pages = 0;
        uint previous = 0;
        for (uint frame = list.Oldest; frame != 0; frame = frames[frame].LruNext)
        {
            if (!survey.HasRecord(frame) || listed[frame])
            {
                findings.Add("LRU", $"The list {kind} is broken behind frame {previous}: {frame} is next.");
                return false;
            }

            listed[frame] = true;
            pages += frames.PagesOf(frame);
            uint group = survey.Mm.Folios.Groups.OwnerOf(frame);
            if (group <= MemoryGroups<TModel>.Most && kind != LruKind.Unevictable)
                ofGroups[group, (int)kind] += frames.PagesOf(frame);
            if (!frames.Has(frame, FrameFlags.Lru) || frames[frame].LruPrevious != previous || survey.Mm.Folios.Lru.KindOf(frame) != kind)
            {
                findings.Add("LRU", $"Frame {frame} is on the list {kind} behind {previous}, "
                    + $"with flags {frames.Flags(frame)}, and names {frames[frame].LruPrevious}.");
            }

            previous = frame;
        }

        if (previous != list.Youngest || pages != list.Pages)
            findings.Add("LRU", $"The list {kind} has {pages} pages up to frame {previous} and says {list.Pages} up to {list.Youngest}.");
        return true;
    }
}
