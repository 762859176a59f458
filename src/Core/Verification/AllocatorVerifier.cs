using System.Numerics;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>Finds out which frames the allocator has, and checks its words, bits, caches and totals against each other.</summary>
internal sealed class AllocatorVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const ulong TakenMask = 0xFFFF;
    private const ulong Whole = 1 << 16;

    private readonly Survey<TArch, TModel> survey;
    private readonly MachineImage image;
    private readonly Findings findings = new();
    private ulong taken;
    private ulong cached;

    internal AllocatorVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        image = survey.Mm.Image;
    }

    internal Findings Run()
    {
        for (uint area = 0; area < image.AreaCount; area++)
        {
            if (image.IsAreaCommitted(area))
                CheckArea(area);
        }

        ref FrameState state = ref image.Record<FrameState>(MetadataRegion.FrameState, 0);
        for (uint index = 0; index < image.Capacity(MetadataRegion.FrameCaches); index++)
            CheckCache(index, ref state);
        if (taken != state.TakenFromAreas)
            findings.Add("FR2", $"{taken} frames are taken from the areas and {state.TakenFromAreas} are counted.");
        ulong free = image.FrameCount - image.Options.ReservedFrames - taken + cached;
        if (findings.IsEmpty && free != survey.Mm.Folios.Allocator.FreeCount)
            findings.Add("FR2", $"{free} frames are free and {survey.Mm.Folios.Allocator.FreeCount} are counted.");
        return findings;
    }

    private void CheckArea(uint area)
    {
        ulong word = image.Record<ulong>(MetadataRegion.FrameAreas, area);
        uint first = area * image.AreaFrames;
        uint end = (uint)Math.Min((ulong)first + image.AreaFrames, image.FrameCount);
        ulong bits = 0;
        for (uint frame = Math.Max(first, image.Options.ReservedFrames); frame < end; frame++)
        {
            bool isTaken = (image.Record<ulong>(MetadataRegion.FrameBits, frame / 64) >> (int)(frame % 64) & 1) != 0;
            bits += isTaken ? 1u : 0;
            if ((word & Whole) != 0)
                survey.Marks[frame] |= FrameMarks.Block;
            else if (!isTaken)
                survey.Marks[frame] |= FrameMarks.Free;
        }

        taken += word & TakenMask;
        ulong expected = (word & Whole) != 0 ? 0 : word & TakenMask;
        if (bits != expected)
            findings.Add("FR2", $"Area {area} has {bits} bits set; its word 0x{word:x} says {expected}.");
    }

    private void CheckCache(uint index, ref FrameState state)
    {
        ref FrameCache cache = ref image.Record<FrameCache>(MetadataRegion.FrameCaches, index);
        CheckList(index, ref cache.Frames, "free");
        CheckList(index, ref cache.Deferred, "deferred");
        CheckList(index, ref cache.Munlocked, "munlocked");
        CheckList(index, ref cache.Unmovable, "unmovable");
        CheckMark(index, cache.Frames.Count != 0, state.CachesWithFrames, "free");
        CheckMark(index, (cache.Deferred.Count | cache.Munlocked.Count | cache.Unmovable.Count) != 0, state.CachesWithDeferred, "deferred");
    }

    private void CheckMark(uint index, bool expected, ulong mask, string name)
    {
        bool marked = (BitOperations.RotateRight(mask, (int)index) & 1) != 0;
        if (marked != expected)
            findings.Add("FR2", $"Cache {index} has {(expected ? "" : "no ")}{name} frames and is {(marked ? "" : "not ")}marked so.");
    }

    private void CheckList(uint index, ref FrameList list, string name)
    {
        uint length = 0;
        uint above = 0;
        for (uint frame = list.Top; frame != 0 && length < list.Count; frame = survey.Mm.Frames[frame].LruNext)
        {
            bool known = survey.HasRecord(frame);
            if (!known || (survey.Marks[frame] & FrameMarks.Free) != 0 || survey.Mm.Frames[frame].LruPrevious != above)
            {
                findings.Add("FR2", $"The {name} list of cache {index} holds {frame} below {above}: free elsewhere, outside RAM or linked wrongly.");
                return;
            }

            survey.Marks[frame] |= FrameMarks.Free;
            length++;
            above = frame;
        }

        cached += length;
        if (length != list.Count || (length != 0 && above != list.Bottom))
            findings.Add("FR2", $"The {name} list of cache {index} has {length} frames down to {above}; it says {list.Count} down to {list.Bottom}.");
    }
}
