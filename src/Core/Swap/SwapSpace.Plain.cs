using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <content>Pages that go to areas in memory and come back without the swap cache, many at once.</content>
public sealed partial class SwapSpace<TModel>
{
    /// <summary>
    /// Whether so many pages can go to reserved slots with nothing else to be seen of it: areas are in memory, with room left, nobody saves metadata,
    /// and no write is to fail.
    /// </summary>
    internal bool TakesReserved(int slots) =>
        !areas.IsHalfFullWith(slots) && areas.TagEvents is null && Faults.FailWrite == 0 && areas.AreInMemory;

    /// <summary>
    /// Writes the content of a frozen page to a reserved slot and puts that to use with one reference; false, and nothing changed, when there is no
    /// room for the content.
    /// </summary>
    internal bool TryFillReserved(SwapEntry entry, uint frame, uint shadow, ref int written) =>
        transfer.TryFillReserved(entry, frame, shadow, ref written);

    /// <summary>Counts what <see cref="TryFillReserved"/> has written.</summary>
    internal void CountWritten(int pages)
    {
        if (pages != 0)
            Atomic<TModel>.Add(ref areas.State.PagesWritten, pages);
    }

    /// <summary>
    /// Whether pages of an area can be fetched with nothing else to be seen of it: it is in memory, nobody saves metadata, and no read is to fail.
    /// </summary>
    internal bool GivesFetched(uint type) =>
        type < SwapAreas<TModel>.MaxAreas && areas.TagEvents is null && Faults.FailRead == 0
        && (SwapAreas<TModel>.Flags(ref areas[type]) & (SwapAreaFlags.Synchronous | SwapAreaFlags.File)) == SwapAreaFlags.Synchronous;

    /// <summary>
    /// Turns the only reference of a slot that is in no cache and belongs to no group into a pin. The caller owns the reference, and has locked the
    /// table of the entry; it ends with <see cref="FreeFetched"/> or <see cref="PutBackFetched"/>.
    /// </summary>
    internal bool TryFetch(SwapEntry entry, out SwapSlotWord fetched)
    {
        fetched = default;
        return OwnerOf(entry) == 0 && Map.TryFetch(entry, out fetched);
    }

    /// <summary>Whether <see cref="TryFetch"/> would do now.</summary>
    internal bool IsFetchable(SwapEntry entry) => Map[entry] is { IsHeldByCountOnly: true, Count: 1 } && OwnerOf(entry) == 0;

    /// <summary>Reads the content of a fetched slot into a frame that nobody can see; false when there is no storage for it.</summary>
    internal bool TryReadFetched(SwapEntry entry, SwapSlotWord fetched, uint frame, ref int read) =>
        transfer.TryReadFetched(entry, fetched, frame, ref read);

    /// <summary>The content of a slot in memory, which is read soon: only a hint.</summary>
    internal void Prefetch(SwapEntry entry) => devices.Prefetch(entry);

    /// <summary>Counts what <see cref="TryReadFetched"/> has read.</summary>
    internal void CountRead(int pages)
    {
        if (pages != 0)
            Atomic<TModel>.Add(ref areas.State.PagesRead, pages);
    }

    /// <summary>Ends <see cref="TryFetch"/>: the entry names the slot still.</summary>
    internal void PutBackFetched(SwapEntry entry, SwapSlotWord fetched) => Map.PutBack(entry, fetched);

    /// <summary>Ends <see cref="TryFetch"/> of slots of one area: the entries do not name them any more.</summary>
    internal void FreeFetched(ReadOnlySpan<SwapEntry> entries) => Map.FreeFetched(entries);
}
