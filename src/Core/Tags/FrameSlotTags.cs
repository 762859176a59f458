using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Tags;

/// <summary>
/// The provider we recommend: tags belong to a frame or to a slot, and to nothing else. It keeps them when a folio is written to its slots,
/// restores them when an entry is resolved to the frame, and forgets a slot's when the slot is free. A fork, move, zap or failed unmapping has
/// nothing to do here.
/// </summary>
/// <typeparam name="TFormat">The shape of the tags.</typeparam>
/// <seealso cref="Paging.ITagged{TTags}"/>
public readonly struct FrameSlotTags<TFormat> : IPageTagProvider
    where TFormat : struct, ITagFormat
{
    static int IPageTagProvider.TagBytesPerPage => BlockTags<TFormat>.PerPage / 2;

    static uint IPageTagProvider.TagProviderId => TFormat.ProviderId;

    static bool IPageTagProvider.MergesCheckedMappings => TFormat.MergesCheckedMappings;

    static bool IPageTagProvider.ChecksForEver => TFormat.ChecksForEver;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IPageTagProvider.ChecksTags(Pte present) => TFormat.Checks(present);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IPageTagProvider.Untag(ulong pointer) => TFormat.Untag(pointer);

    static bool IPageTagProvider.Allows<TModel>(TagStorage<TModel> tags, uint frame, ulong pointer, int offset, int length) =>
        BlockTags<TFormat>.FirstMismatch(tags, frame, TFormat.TagOf(pointer), offset, length) < 0;

    static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
    {
        if (!tags.IsValid(source))
        {
            tags.ClearValid(destination);
            return;
        }

        SharedBytes<TModel>.Copy(tags.OfFrame(source), tags.OfFrame(destination));
        tags.SetValid(destination);
    }

    static void IPageTagProvider.EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame)
    {
        if (tags.IsValid(frame))
            return;
        SharedBytes<TModel>.Clear(tags.OfFrame(frame));
        tags.SetValid(frame);
    }

    static bool IPageTagProvider.Identical<TModel>(TagStorage<TModel> tags, uint frame, uint other)
    {
        bool one = HasTags(tags, frame);
        bool two = HasTags(tags, other);
        if (!one || !two || TFormat.NeverMergesTagged)
            return !one && !two;
        return SharedBytes<TModel>.Compare(tags.OfFrame(frame), tags.OfFrame(other)) == 0;
    }

    static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot) =>
        !tags.IsValid(frame) || tags.TryKeep(slot, tags.OfFrame(frame));

    static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
    {
        if (tags.IsValid(frame))
            return;
        ReadOnlySpan<byte> kept = tags.OfSlot(slot);
        if (kept.IsEmpty)
            return;
        SharedBytes<TModel>.Copy(kept, tags.OfFrame(frame));
        tags.SetValid(frame);
    }

    static void IPageTagProvider.OnSlotFree<TModel>(TagStorage<TModel> tags, SwapEntry slot) => tags.Forget(slot);

    static void IPageTagProvider.OnAreaFree<TModel>(TagStorage<TModel> tags, uint type)
    {
        foreach (SwapEntry slot in tags.SlotsOf(type))
            tags.Forget(slot);
    }

    /// <summary>
    /// Not the default: a frame without valid metadata has the default, and so has a page that nobody tagged, unless MTE counts the flag.
    /// </summary>
    private static bool HasTags<TModel>(TagStorage<TModel> tags, uint frame)
        where TModel : IModel =>
        tags.IsValid(frame) && (TFormat.NeverMergesTagged || !SharedBytes<TModel>.IsZero(tags.OfFrame(frame)));
}
