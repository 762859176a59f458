using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// The provider under it, with an ear: tests hear each call before it is passed on, or forget it as a core that forgot to call would.
/// </summary>
/// <typeparam name="TInner">The provider.</typeparam>
public readonly struct SpyTags<TInner> : IPageTagProvider
    where TInner : struct, IPageTagProvider
{
    [ThreadStatic]
    private static Action<string, ulong>? heard;

    [ThreadStatic]
    private static string? forgotten;

    static int IPageTagProvider.TagBytesPerPage => TInner.TagBytesPerPage;

    static uint IPageTagProvider.TagProviderId => TInner.TagProviderId;

    static bool IPageTagProvider.KeepsTagsByAddress => TInner.KeepsTagsByAddress;

    static bool IPageTagProvider.ChecksTags(Pte present) => TInner.ChecksTags(present);

    static ulong IPageTagProvider.Untag(ulong pointer) => TInner.Untag(pointer);

    static bool IPageTagProvider.Allows<TModel>(TagStorage<TModel> tags, uint frame, ulong pointer, int offset, int length) =>
        TInner.Allows(tags, frame, pointer, offset, length);

    static bool IPageTagProvider.Identical<TModel>(TagStorage<TModel> tags, uint frame, uint other) => TInner.Identical(tags, frame, other);

    static void IPageTagProvider.OnFrameCleared<TModel>(TagStorage<TModel> tags, uint frame)
    {
        if (Hear(nameof(IPageTagProvider.OnFrameCleared), frame))
            TInner.OnFrameCleared(tags, frame);
    }

    static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
    {
        if (Hear(nameof(IPageTagProvider.CopyFrame), destination))
            TInner.CopyFrame(tags, destination, source, forUnchecked);
    }

    static void IPageTagProvider.EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame)
    {
        if (Hear(nameof(IPageTagProvider.EnsureDefined), frame))
            TInner.EnsureDefined(tags, frame);
    }

    static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot) =>
        !Hear(nameof(IPageTagProvider.PrepareToSwap), slot.Value) || TInner.PrepareToSwap(tags, frame, slot);

    static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
    {
        if (Hear(nameof(IPageTagProvider.RestoreFromSlot), slot.Value))
            TInner.RestoreFromSlot(tags, slot, frame);
    }

    static void IPageTagProvider.OnSlotFree<TModel>(TagStorage<TModel> tags, SwapEntry slot)
    {
        if (Hear(nameof(IPageTagProvider.OnSlotFree), slot.Value))
            TInner.OnSlotFree(tags, slot);
    }

    static void IPageTagProvider.OnAreaFree<TModel>(TagStorage<TModel> tags, uint type)
    {
        if (Hear(nameof(IPageTagProvider.OnAreaFree), type))
            TInner.OnAreaFree(tags, type);
    }

    static bool IPageTagProvider.Save<TModel>(
        TagStorage<TModel> tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token)
    {
        Hear(nameof(IPageTagProvider.Save), address);
        return TInner.Save(tags, space, address, old, frame, out token);
    }

    static void IPageTagProvider.Undo<TModel>(TagStorage<TModel> tags, in TagSaveToken token)
    {
        if (Hear(nameof(IPageTagProvider.Undo), token.Address))
            TInner.Undo(tags, token);
    }

    static void IPageTagProvider.Adopt<TModel>(TagStorage<TModel> tags, in TagSaveToken token)
    {
        if (Hear(nameof(IPageTagProvider.Adopt), token.Address))
            TInner.Adopt(tags, token);
    }

    static void IPageTagProvider.Restore<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte now, uint frame)
    {
        if (Hear(nameof(IPageTagProvider.Restore), address))
            TInner.Restore(tags, space, address, now, frame);
    }

    static void IPageTagProvider.OnDuplicate<TModel>(TagStorage<TModel> tags, uint from, uint to, ulong address)
    {
        if (Hear(nameof(IPageTagProvider.OnDuplicate), address))
            TInner.OnDuplicate(tags, from, to, address);
    }

    static void IPageTagProvider.OnMove<TModel>(TagStorage<TModel> tags, uint space, ulong oldAddress, ulong newAddress)
    {
        if (Hear(nameof(IPageTagProvider.OnMove), newAddress))
            TInner.OnMove(tags, space, oldAddress, newAddress);
    }

    static bool IPageTagProvider.OnMoveRange<TModel>(TagStorage<TModel> tags, uint space, ulong oldAddress, ulong newAddress, ulong bytes) =>
        Hear(nameof(IPageTagProvider.OnMoveRange), newAddress) && TInner.OnMoveRange(tags, space, oldAddress, newAddress, bytes);

    static void IPageTagProvider.OnDrop<TModel>(TagStorage<TModel> tags, uint space, ulong address)
    {
        if (Hear(nameof(IPageTagProvider.OnDrop), address))
            TInner.OnDrop(tags, space, address);
    }

    static void IPageTagProvider.OnSpaceExit<TModel>(TagStorage<TModel> tags, uint space)
    {
        if (Hear(nameof(IPageTagProvider.OnSpaceExit), space))
            TInner.OnSpaceExit(tags, space);
    }

    /// <summary>Who hears the calls of this thread, and which call is forgotten; until disposed.</summary>
    internal static IDisposable Listen(Action<string, ulong> listener, string? forget = null)
    {
        heard = listener;
        forgotten = forget;
        return new End();
    }

    private static bool Hear(string call, ulong argument)
    {
        heard?.Invoke(call, argument);
        return call != forgotten;
    }

    private sealed class End : IDisposable
    {
        public void Dispose()
        {
            heard = null;
            forgotten = null;
        }
    }
}
