using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>Checks the LRU list: links, length, and that exactly the frames that say so are on it.</summary>
internal sealed class LruVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly FrameTable<TModel> frames;
    private readonly Findings findings = new();

    internal LruVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        frames = survey.Mm.Frames;
    }

    internal Findings Run()
    {
        ref FrameState state = ref survey.Mm.Image.Record<FrameState>(MetadataRegion.FrameState, 0);
        var listed = new bool[survey.FrameLimit];
        ulong length = 0;
        uint previous = 0;
        for (uint frame = state.LruOldest; frame != 0; frame = frames[frame].LruNext)
        {
            if (!survey.HasRecord(frame) || listed[frame])
            {
                findings.Add("LRU", $"The LRU list is broken behind frame {previous}: {frame} is next.");
                return findings;
            }

            listed[frame] = true;
            length++;
            if (!frames.Has(frame, FrameFlags.Lru) || frames[frame].LruPrevious != previous)
            {
                findings.Add("LRU", $"Frame {frame} is on the LRU list behind {previous}, "
                    + $"with flags {frames.Flags(frame)}, and names {frames[frame].LruPrevious}.");
            }

            previous = frame;
        }

        if (previous != state.LruYoungest || length != state.LruCount)
            findings.Add("LRU", $"The LRU list has {length} frames up to {previous} and says {state.LruCount} up to {state.LruYoungest}.");
        for (uint frame = 1; frame < survey.FrameLimit; frame++)
        {
            if (!listed[frame] && frames.HasStorage(frame) && ((FrameFlags)frames[frame].Flags & FrameFlags.Lru) != 0)
                findings.Add("LRU", $"Frame {frame} says that it is on the LRU list and is not.");
        }

        return findings;
    }
}
