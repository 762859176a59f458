using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// The lower half of the frame allocator, shared by all processors and lock-free: one word per area (huge block of frames) that counts,
/// one bit per frame that tells which. The structure follows LLFree (Wrenger et al., USENIX ATC 2023).
/// </summary>
/// <remarks>
/// <para>Area word: <c>[ 0 : 47 | whole : 1 | taken : 16 ]</c>. Everything zero means free, so that RAM never touched needs no initialisation.
/// A frame that is reserved or beyond the end of RAM is not free by arithmetic and has no say in word or bits.</para>
/// <para>Protocol. Taking: the count is raised by compare-exchange first; that is a claim to as many clear bits, which are then searched
/// and set. Giving back: the bit is cleared first, the count lowered after. So there are never fewer clear bits than claims, and a
/// search that finds none was overtaken by another that did. A block as a whole goes by the word alone: its bits stay clear, and the full
/// count keeps everybody from searching them.</para>
/// <para>The two hints in <see cref="FrameState"/> say where a search begins. A hint may be too high after a race; a search that finds
/// nothing begins again at 0.</para>
/// </remarks>
internal sealed partial class FrameAreas<TModel>
    where TModel : IModel
{
    private const ulong TakenMask = 0xFFFF;
    private const ulong Whole = 1 << 16;
    private const int SearchLimit = 100_000; // searches that others may win before the area is called damaged

    private readonly MachineImage image;
    private readonly uint areaFrames;
    private readonly uint reserved;

    internal FrameAreas(MachineImage image)
    {
        this.image = image;
        areaFrames = image.AreaFrames;
        reserved = image.Options.ReservedFrames;
    }

    /// <summary>Free frames, those without storage included.</summary>
    internal uint FreeCount => image.FrameCount - reserved - (uint)Atomic<TModel>.Load(ref State.TakenFromAreas);

    private ref FrameState State => ref image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>Takes up to as many frames as fit, ascending, all from the first area that has any; 0 when RAM or storage is exhausted.</summary>
    internal int Take(Span<uint> frames)
    {
        uint hint = Hint(ref State.FirstFreeArea);
        int count = TakeFrom(hint, frames);
        return count == 0 && hint != 0 ? TakeFrom(0, frames) : count;
    }

    /// <summary>Areas that are free as a whole.</summary>
    internal uint FreeWhole
    {
        get
        {
            uint count = 0;
            for (uint area = 0; area < image.AreaCount; area++)
                count += Usable(area) == areaFrames && (!image.IsAreaCommitted(area) || Atomic<TModel>.Load(ref Word(area)) == 0) ? 1u : 0;
            return count;
        }
    }

    /// <summary>Whether some but not all frames of an area are taken one by one, and none is reserved.</summary>
    internal bool IsPartlyUsed(uint area)
    {
        if (area >= image.AreaCount || Usable(area) != areaFrames || !image.IsAreaCommitted(area))
            return false;
        ulong word = Atomic<TModel>.Load(ref Word(area));
        return (word & Whole) == 0 && (word & TakenMask) != 0 && (word & TakenMask) < areaFrames;
    }

    /// <summary>Whether the bit of a frame is set.</summary>
    internal bool IsTaken(uint frame) => (Atomic<TModel>.Load(ref Bits(frame / 64)) >> (int)(frame % 64) & 1) != 0;

    /// <summary>Takes a frame of the highest area in part use, from a given one up; 0 when there is none.</summary>
    internal uint TakeAbove(uint floor)
    {
        for (uint area = image.AreaCount; area-- > floor;)
        {
            if (!image.IsAreaCommitted(area))
                continue;
            ulong word = Atomic<TModel>.Load(ref Word(area));
            if ((word & TakenMask) == 0 || Claim(area, 1) == 0)
                continue;
            uint one = 0;
            Search(area, new Span<uint>(ref one));
            return one;
        }

        return 0;
    }

    /// <summary>Gives one frame back.</summary>
    internal void Put(uint frame)
    {
        uint area = frame / areaFrames;
        ulong bit = 1UL << (int)(frame % 64);
        ref ulong word = ref Word(area);
        ulong seen = Checked(area, Atomic<TModel>.Load(ref word));
        if ((seen & Whole) != 0 || (seen & TakenMask) == 0 || (Atomic<TModel>.And(ref Bits(frame / 64), ~bit) & bit) == 0)
            throw new CorruptImageException(nameof(MetadataRegion.FrameBits), $"frame {frame} is freed and was not taken");
        Lower(area, 1);
    }

    /// <summary>Takes a free area as a whole; returns its first frame, 0 when there is none.</summary>
    internal uint TakeWhole()
    {
        uint hint = Hint(ref State.FirstWholeArea);
        uint frame = TakeWholeFrom(hint);
        return frame == 0 && hint != 0 ? TakeWholeFrom(0) : frame;
    }

    /// <summary>Gives an area back that was taken as a whole.</summary>
    internal void PutWhole(uint frame)
    {
        uint area = WholeArea(frame);
        Lower(area, areaFrames);
    }

    /// <summary>Turns an area taken as a whole into frames taken one by one.</summary>
    internal void Split(uint frame)
    {
        uint area = WholeArea(frame);
        for (uint word = 0; word < areaFrames / 64; word++)
            Atomic<TModel>.Store(ref Bits((frame / 64) + word), ulong.MaxValue);
        Atomic<TModel>.And(ref Word(area), ~Whole); // from here on frames can be given back: the bits must be set before
    }

    private int TakeFrom(uint start, Span<uint> frames)
    {
        bool mayGrow = true;
        for (uint area = start; area < image.AreaCount; area++)
        {
            // Areas that are reserved as a whole are not ours to commit, but for the first: a walk addresses RAM relative to its first word.
            if (area != 0 && Usable(area) == 0)
                continue;
            if (!image.IsAreaCommitted(area) && (!mayGrow || !(mayGrow = image.TryCommitArea(area))))
                continue; // storage is full: what is left is in areas that have some
            int count = Claim(area, frames.Length);
            if (count == 0)
                continue;
            Raise(ref State.FirstFreeArea, start, area);
            Search(area, frames[..count]);
            return count;
        }

        return 0;
    }

    /// <summary>Raises the count of an area by as much as it has left, but at most the given number.</summary>
    private int Claim(uint area, int most)
    {
        uint usable = Usable(area);
        ref ulong word = ref Word(area);
        ulong seen = Atomic<TModel>.Load(ref word);
        while (true)
        {
            uint taken = (uint)(Checked(area, seen) & TakenMask);
            if ((seen & Whole) != 0 || taken == usable)
                return 0;
            uint count = Math.Min((uint)most, usable - taken);
            ulong was = Atomic<TModel>.CompareExchange(ref word, seen + count, seen);
            if (was == seen)
            {
                Atomic<TModel>.Add(ref State.TakenFromAreas, count);
                return (int)count;
            }

            seen = was;
        }
    }

    /// <summary>Finds the bits that a claim stands for.</summary>
    private void Search(uint area, Span<uint> frames)
    {
        int found = 0;
        uint first = (uint)((ulong)area * areaFrames / 64);
        uint last = (uint)((Math.Min((area + 1UL) * areaFrames, image.FrameCount) - 1) / 64);
        for (int attempt = 0; attempt < SearchLimit; attempt++)
        {
            for (uint word = first; word <= last; word++)
            {
                found += SetLowest(word, frames[found..]);
                if (found == frames.Length)
                    return;
            }
        }

        throw new CorruptImageException(nameof(MetadataRegion.FrameAreas), $"area {area} has fewer free frames than its word says");
    }

    /// <summary>Sets the lowest clear bits of a word, as many as are wanted or there.</summary>
    private int SetLowest(uint word, Span<uint> frames)
    {
        ref ulong bits = ref Bits(word);
        ulong usable = UsableBits(word);
        ulong seen = Atomic<TModel>.Load(ref bits);
        while (true)
        {
            ulong chosen = Lowest(~seen & usable, frames.Length);
            if (chosen == 0)
                return 0;
            ulong was = Atomic<TModel>.CompareExchange(ref bits, seen | chosen, seen);
            if (was == seen)
            {
                int count = 0;
                for (; chosen != 0; chosen &= chosen - 1)
                    frames[count++] = (word * 64) + (uint)BitOperations.TrailingZeroCount(chosen);
                return count;
            }

            seen = was;
        }
    }

    private static ulong Lowest(ulong bits, int count)
    {
        if (BitOperations.PopCount(bits) <= count)
            return bits;
        ulong chosen = 0;
        for (; count != 0; count--)
        {
            chosen |= bits & (0 - bits);
            bits &= bits - 1;
        }

        return chosen;
    }

    private uint TakeWholeFrom(uint start)
    {
        bool mayGrow = true;
        for (uint area = start; area < image.AreaCount; area++)
        {
            if (Usable(area) != areaFrames || (!image.IsAreaCommitted(area) && (!mayGrow || !(mayGrow = image.TryCommitArea(area)))))
                continue;
            ref ulong word = ref Word(area);
            if (Checked(area, Atomic<TModel>.Load(ref word)) != 0 || Atomic<TModel>.CompareExchange(ref word, Whole | areaFrames, 0) != 0)
                continue;
            Atomic<TModel>.Add(ref State.TakenFromAreas, areaFrames);
            Raise(ref State.FirstWholeArea, start, area);
            return area * areaFrames;
        }

        return 0;
    }

    private uint WholeArea(uint frame)
    {
        uint area = frame / areaFrames;
        if (frame % areaFrames != 0 || area >= image.AreaCount)
            throw new ArgumentException($"Frame {frame} does not begin a block of {areaFrames} frames.", nameof(frame));
        if (!image.IsAreaCommitted(area) || Checked(area, Atomic<TModel>.Load(ref Word(area))) != (Whole | areaFrames))
            throw new ArgumentException($"The block at frame {frame} was not handed out as a whole.", nameof(frame));
        return area;
    }

    /// <summary>Gives frames of an area back: lowers its count, and the hints that would overlook it.</summary>
    private void Lower(uint area, uint count)
    {
        ref ulong word = ref Word(area);
        ulong seen = Atomic<TModel>.Load(ref word);
        while (true)
        {
            if ((seen & TakenMask) < count)
                throw new CorruptImageException(nameof(MetadataRegion.FrameAreas),
                    $"area {area} counts {seen & TakenMask} frames and {count} are freed");
            ulong was = Atomic<TModel>.CompareExchange(ref word, (seen - count) & TakenMask, seen); // a block is no longer whole
            if (was == seen)
                break;
            seen = was;
        }

        Atomic<TModel>.Add(ref State.TakenFromAreas, -(long)count);
        Fall(ref State.FirstFreeArea, area);
        if ((seen & TakenMask) == count)
            Fall(ref State.FirstWholeArea, area);
    }

    private uint Hint(ref ulong hint)
    {
        ulong area = Atomic<TModel>.Load(ref hint);
        return area < image.AreaCount ? (uint)area : 0;
    }

    /// <summary>Raises a hint to the area where something was found, unless somebody changed it since the search began.</summary>
    private static void Raise(ref ulong hint, uint start, uint area)
    {
        if (area > start)
            Atomic<TModel>.CompareExchange(ref hint, area, start);
    }

    private static void Fall(ref ulong hint, uint area)
    {
        ulong seen = Atomic<TModel>.Load(ref hint);
        while (seen > area)
        {
            ulong was = Atomic<TModel>.CompareExchange(ref hint, area, seen);
            if (was == seen)
                return;
            seen = was;
        }
    }

    private ulong Checked(uint area, ulong word)
    {
        ulong limit = (word & Whole) != 0 ? areaFrames : Usable(area);
        return (word & ~(Whole | TakenMask)) == 0 && (word & TakenMask) <= limit
            ? word
            : throw new CorruptImageException(nameof(MetadataRegion.FrameAreas), $"word 0x{word:x} of area {area} counts more than {limit} frames");
    }

    /// <summary>Frames of an area that can be handed out at all.</summary>
    private uint Usable(uint area)
    {
        ulong start = Math.Max((ulong)area * areaFrames, reserved);
        ulong end = Math.Min((area + 1UL) * areaFrames, image.FrameCount);
        return end > start ? (uint)(end - start) : 0;
    }

    private ulong UsableBits(uint word)
    {
        ulong start = (ulong)word * 64;
        ulong bits = ulong.MaxValue;
        if (image.FrameCount - start < 64)
            bits = (1UL << (int)(image.FrameCount - start)) - 1;
        if (reserved > start)
            bits &= reserved - start >= 64 ? 0 : ulong.MaxValue << (int)(reserved - start);
        return bits;
    }

    private ref ulong Word(uint area) => ref image.Record<ulong>(MetadataRegion.FrameAreas, area);

    private ref ulong Bits(uint word) => ref image.Record<ulong>(MetadataRegion.FrameBits, word);
}
