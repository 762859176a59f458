using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <content>Folios on their way to a list.</content>
/// <remarks>
/// <para>A new folio does not take the lists' lock: it is pushed on a stack of its thread (<see cref="FrameCache.Arrivals"/>), which stands for the
/// kernel's batch of a processor (mm/swap.c, folio_add_lru). Whoever needs to find the folio on its list takes the lock and brings all stacks in; a
/// thread brings its own in when it is long, and before it puts anything behind it. So what one thread does comes in the order in which it did
/// it.</para>
/// <para>The folio has <see cref="FrameFlags.Lru"/> from the beginning. Between the flag and the end of <see cref="Add"/>, while the adder still has
/// its reference, it may be found on no list and no stack: then it is not to be had, as a folio in a batch of the kernel is not.</para>
/// </remarks>
public sealed partial class LruLists<TModel>
{
    private const int LongestStack = 31; // PAGEVEC_SIZE
    private const int LengthShift = 32;

    /// <summary>Puts a folio at the young end of its list, unless it is on one (folio_add_lru). The caller holds a reference.</summary>
    public void Add(uint frame)
    {
        if ((table.Set(frame, FrameFlags.Lru) & FrameFlags.Lru) != 0)
            return;
        Arrive(frame, frame, 1);
    }

    /// <summary>How many folios come on their way before the next of them takes all to their lists; 1 or more.</summary>
    internal int RoomForArrivals => Math.Max(LongestStack - (int)(Atomic<TModel>.Load(ref Stack(FrameCache.Own)) >> LengthShift), 1);

    /// <summary>As <see cref="Add"/> of each, of folios that have <see cref="FrameFlags.Lru"/> since nobody could find them.</summary>
    internal void AddFlagged(ReadOnlySpan<uint> frames)
    {
        for (int i = 1; i < frames.Length; i++)
            table[frames[i]].LruNext = frames[i - 1];
        if (!frames.IsEmpty)
            Arrive(frames[0], frames[^1], frames.Length);
    }

    /// <summary>Puts a chain of folios on the way, linked from the youngest to the oldest.</summary>
    private void Arrive(uint oldest, uint youngest, int count)
    {
        int own = FrameCache.Own;
        ulong bit = 1UL << own;
        int length = Push(ref Stack(own), oldest, youngest, count);
        if ((Atomic<TModel>.Load(ref State.CachesWithArrivals) & bit) == 0)
            Atomic<TModel>.Or(ref State.CachesWithArrivals, bit); // before this returns, or whoever frees the folio would not find it
        if (length < LongestStack)
            return;
        WordLock<TModel>.Acquire(ref State.LruLock);
        BringIn(own);
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Brings all folios to their lists that are on their way (lru_add_drain_all).</summary>
    public void Drain()
    {
        if (Atomic<TModel>.Load(ref State.CachesWithArrivals) == 0)
            return;
        WordLock<TModel>.Acquire(ref State.LruLock);
        BringAllIn();
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>The folios that a stack holds, youngest first; for looking while nobody works. Ends early where the stack is damaged.</summary>
    internal IEnumerable<uint> Arriving(int cache)
    {
        ulong stack = Stack(cache);
        uint frame = (uint)stack;
        for (ulong left = stack >> LengthShift; left != 0 && frame != 0; left--)
        {
            yield return frame;
            frame = table[frame].LruNext;
        }
    }

    private ref ulong Stack(int cache) => ref image.Record<FrameCache>(MetadataRegion.FrameCaches, (ulong)cache).Arrivals;

    /// <summary>Pushes folios, of which the oldest is linked nowhere and the others to it; returns the length of the stack.</summary>
    private int Push(ref ulong stack, uint oldest, uint youngest, int count)
    {
        ulong below = Atomic<TModel>.Load(ref stack);
        while (true)
        {
            table[oldest].LruNext = (uint)below; // nobody reads it before the folio is on the stack
            ulong pushed = (((below >> LengthShift) + (uint)count) << LengthShift) | youngest;
            ulong found = Atomic<TModel>.CompareExchange(ref stack, pushed, below);
            if (found == below)
                return (int)(pushed >> LengthShift);
            below = found;
        }
    }

    private void BringAllIn()
    {
        for (ulong caches = Atomic<TModel>.Load(ref State.CachesWithArrivals); caches != 0; caches &= caches - 1)
            BringIn(BitOperations.TrailingZeroCount(caches));
    }

    /// <summary>Links the folios of a stack, the one that was pushed first before the others. The lists are locked.</summary>
    /// <exception cref="CorruptImageException">The stack is damaged.</exception>
    private void BringIn(int cache)
    {
        ulong bit = 1UL << cache;
        if ((Atomic<TModel>.Load(ref State.CachesWithArrivals) & bit) == 0)
            return;
        Atomic<TModel>.And(ref State.CachesWithArrivals, ~bit); // first: whoever pushes behind this looks and sets it again
        ulong taken = Atomic<TModel>.Exchange(ref Stack(cache), 0);
        for (uint frame = Reverse((uint)taken, taken >> LengthShift); frame != 0;)
        {
            uint next = table[frame].LruNext;
            LinkYoungest(frame);
            frame = next;
        }
    }

    /// <summary>Turns a chain of so many folios around; returns its new head.</summary>
    private uint Reverse(uint frame, ulong length)
    {
        uint head = 0;
        for (ulong left = Math.Min(length, image.FrameCount); left != 0 && frame != 0; left--, length--)
        {
            uint below = table[frame].LruNext;
            table[frame].LruNext = head;
            head = frame;
            frame = below;
        }

        if (frame != 0 || length != 0)
            throw new CorruptImageException(nameof(MetadataRegion.FrameCaches), $"a stack of folios ends with frame {frame} and {length} to come");
        return head;
    }

    private bool IsListed(uint frame)
    {
        FrameFlags flags = table.Flags(frame);
        return IsListed(frame, ref flags);
    }

    /// <summary>
    /// Whether a folio, whose flags are given and kept up to date, is on a list; if it was on its way it is there on return. The lists are locked.
    /// </summary>
    private bool IsListed(uint frame, ref FrameFlags flags)
    {
        if ((flags & FrameFlags.Lru) == 0)
            return false;
        if (IsLinked(frame, flags))
            return true;
        BringAllIn();
        flags = table.Flags(frame);
        return IsLinked(frame, flags);
    }

    private bool IsLinked(uint frame, FrameFlags flags) =>
        table[frame].LruPrevious != 0 || State.Lru[(int)KindOf(flags)].Oldest == frame;
}
