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
    /// Writes frozen pages to reserved slots, which are in use with one reference then. Returns how many; for those after them, of which nothing
    /// changed, there is no room.
    /// </summary>
    /// <param name="slots">The slots, one at least.</param>
    /// <param name="frames">The pages.</param>
    /// <param name="scope">On whose behalf they are evicted: <see cref="WorkingSet{TModel}"/>.</param>
    internal int FillReserved(ReadOnlySpan<SwapEntry> slots, ReadOnlySpan<uint> frames, uint scope) =>
        transfer.FillReserved(slots, frames, scope, WorkingSet.Age(scope, (uint)slots.Length));

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

    /// <summary>
    /// Reads fetched slots into frames that nobody can see. Returns how many; for those after them there is no storage.
    /// </summary>
    /// <param name="slots">The slots, one at least.</param>
    /// <param name="words">What <see cref="TryFetch"/> said of them.</param>
    /// <param name="frames">The frames.</param>
    internal int ReadFetched(ReadOnlySpan<SwapEntry> slots, ReadOnlySpan<SwapSlotWord> words, ReadOnlySpan<uint> frames) =>
        transfer.ReadFetched(slots, words, frames);

    /// <summary>Ends <see cref="TryFetch"/>: the entry names the slot still.</summary>
    internal void PutBackFetched(SwapEntry entry, SwapSlotWord fetched) => Map.PutBack(entry, fetched);

    /// <summary>Ends <see cref="TryFetch"/> of slots of one area: the entries do not name them any more.</summary>
    internal void FreeFetched(ReadOnlySpan<SwapEntry> entries) => Map.FreeFetched(entries);
}
