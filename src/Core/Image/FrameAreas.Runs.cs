using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <content>Runs of 2^order neighbouring frames, aligned to their number: a part of the bits of one area, changed word by word.</content>
internal sealed partial class FrameAreas<TModel>
{
    /// <summary>
    /// Takes 2^order neighbouring frames, aligned to their number; returns the first, the lowest there is from the hint on; 0 when there are none.
    /// </summary>
    internal uint TakeRun(int order)
    {
        uint hint = Hint(ref State.FirstFreeArea);
        uint frame = TakeRunFrom(hint, image.AreaCount, order);
        return frame == 0 && hint != 0 ? TakeRunFrom(0, hint, order) : frame;
    }

    /// <summary>Gives 2^order neighbouring frames back.</summary>
    internal void PutRun(uint frame, int order)
    {
        uint area = frame / areaFrames;
        uint pages = 1u << order;
        ulong seen = Checked(area, Atomic<TModel>.Load(ref Word(area)));
        if ((seen & Whole) != 0 || (seen & TakenMask) < pages || !IsTakenRun(frame, pages))
            throw new CorruptImageException(nameof(MetadataRegion.FrameBits), $"{pages} frames from {frame} on are freed and were not taken");
        ClearRun(frame, pages);
        Lower(area, pages);
    }

    private uint TakeRunFrom(uint start, uint end, int order)
    {
        bool mayGrow = true;
        for (uint area = start; area < end; area++)
        {
            if (Usable(area) == 0 || (!image.IsAreaCommitted(area) && (!mayGrow || !(mayGrow = image.TryCommitArea(area)))))
                continue;
            uint frame = TakeRunIn(area, 1u << order);
            if (frame != 0)
                return frame;
        }

        return 0;
    }

    /// <summary>
    /// A claim comes before the bits, as for single frames; it is made only when a run was seen, because others go without its frames while it
    /// stands. Frames below the first that can be handed out and above the last are never clear here.
    /// </summary>
    private uint TakeRunIn(uint area, uint pages)
    {
        uint first = area * areaFrames;
        uint end = (uint)Math.Min((ulong)first + areaFrames, image.FrameCount);
        bool claimed = false;
        for (uint frame = first; frame + pages <= end; frame += pages)
        {
            if (!IsFreeRun(frame, pages))
                continue;
            if (!claimed && !(claimed = TryClaimAll(area, pages)))
                return 0;
            if (TrySetRun(frame, pages))
                return frame;
        }

        if (claimed)
            Lower(area, pages);
        return 0;
    }

    private bool TryClaimAll(uint area, uint count)
    {
        ref ulong word = ref Word(area);
        ulong seen = Atomic<TModel>.Load(ref word);
        while (true)
        {
            if ((Checked(area, seen) & Whole) != 0 || Usable(area) - (uint)(seen & TakenMask) < count)
                return false;
            ulong was = Atomic<TModel>.CompareExchange(ref word, seen + count, seen);
            if (was == seen)
            {
                Atomic<TModel>.Add(ref State.TakenFromAreas, count);
                return true;
            }

            seen = was;
        }
    }

    private bool IsFreeRun(uint frame, uint pages)
    {
        for (uint at = frame; at < frame + pages; at += 64)
        {
            ulong run = RunBits(at, pages);
            if ((Atomic<TModel>.Load(ref Bits(at / 64)) & run) != 0 || (UsableBits(at / 64) & run) != run)
                return false;
        }

        return true;
    }

    private bool IsTakenRun(uint frame, uint pages)
    {
        for (uint at = frame; at < frame + pages; at += 64)
        {
            if ((Atomic<TModel>.Load(ref Bits(at / 64)) & RunBits(at, pages)) != RunBits(at, pages))
                return false;
        }

        return true;
    }

    /// <summary>Sets the bits of a run; when somebody else has one of them, those that were set are cleared again.</summary>
    private bool TrySetRun(uint frame, uint pages)
    {
        for (uint at = frame; at < frame + pages; at += 64)
        {
            ref ulong bits = ref Bits(at / 64);
            ulong run = RunBits(at, pages);
            ulong seen = Atomic<TModel>.Load(ref bits);
            while ((seen & run) == 0)
            {
                ulong was = Atomic<TModel>.CompareExchange(ref bits, seen | run, seen);
                if (was == seen)
                    break;
                seen = was;
            }

            if ((seen & run) == 0)
                continue;
            ClearRun(frame, at - frame);
            return false;
        }

        return true;
    }

    private void ClearRun(uint frame, uint pages)
    {
        for (uint at = frame; at < frame + pages; at += 64)
            Atomic<TModel>.And(ref Bits(at / 64), ~RunBits(at, pages));
    }

    /// <summary>The bits of a run in the word of one of its frames; runs are aligned to their length, so they fill words or lie in one.</summary>
    private static ulong RunBits(uint frame, uint pages) =>
        pages >= 64 ? ulong.MaxValue : ((1UL << (int)pages) - 1) << (int)(frame % 64);
}
