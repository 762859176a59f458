using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <content>
/// Contents of pages that nobody can see and of slots that are the caller's alone, in areas in memory, many at once. While one is copied
/// the slot after the next is on its way to the processor: such a copy takes as long as memory does.
/// </content>
internal sealed partial class SwapTransfer<TModel>
{
    /// <summary>
    /// Writes frozen pages to slots that the caller reserved for them, and puts these to use: one reference each, and nothing in the swap cache.
    /// Returns how many; nothing changed for those after them, for which there is no storage.
    /// </summary>
    /// <param name="slots">The slots.</param>
    /// <param name="pages">The frames, as many.</param>
    /// <param name="scope">On whose behalf they are evicted.</param>
    /// <param name="age">The age of the lists that the first was evicted from.</param>
    internal int FillReserved(ReadOnlySpan<SwapEntry> slots, ReadOnlySpan<uint> pages, uint scope, uint age)
    {
        int written = 0;
        int done = 0;
        Span<byte> store = devices.Bytes(slots[0]);
        Span<byte> next = devices.Bytes(slots[Math.Min(1, slots.Length - 1)]);
        for (; done < slots.Length; done++)
        {
            Span<byte> soon = devices.Bytes(slots[Math.Min(done + 2, slots.Length - 1)]);
            Span<byte> page = frames.Bytes(pages[done]);
            bool zero = SharedBytes<TModel>.IsZero(page);
            if (!zero && store.IsEmpty)
                break;
            if (!zero)
                SharedBytes<TModel>.Copy(page, store, soon);
            written += zero ? 0 : 1;
            map.Fill(slots[done], WorkingSet<TModel>.Shadow(scope, age + (uint)done), zero);
            store = next;
            next = soon;
        }

        if (written != 0)
            Atomic<TModel>.Add(ref areas.State.PagesWritten, written);
        return done;
    }

    /// <summary>Reads slots that the caller has fetched into frozen frames. Returns how many; for the one after them there is no storage.</summary>
    /// <param name="slots">The slots.</param>
    /// <param name="words">Their words, as they were fetched.</param>
    /// <param name="pages">The frames.</param>
    internal int ReadFetched(ReadOnlySpan<SwapEntry> slots, ReadOnlySpan<SwapSlotWord> words, ReadOnlySpan<uint> pages)
    {
        int read = 0;
        int done = 0;
        Span<byte> store = devices.Bytes(slots[0]);
        Span<byte> next = devices.Bytes(slots[Math.Min(1, slots.Length - 1)]);
        for (; done < slots.Length; done++)
        {
            Span<byte> soon = devices.Bytes(slots[Math.Min(done + 2, slots.Length - 1)]);
            Span<byte> page = frames.Bytes(pages[done]);
            bool zero = words[done].IsZero;
            if (!zero && store.IsEmpty)
                break;
            if (zero)
                SharedBytes<TModel>.Clear(page);
            else
                SharedBytes<TModel>.Copy(store, page, soon);
            read += zero ? 0 : 1;
            store = next;
            next = soon;
        }

        if (read != 0)
            Atomic<TModel>.Add(ref areas.State.PagesRead, read);
        return done;
    }
}
