using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Conformance.Tags;

/// <summary>An architecture whose provider is heard: a listener of the thread learns of each call before it is passed on.</summary>
internal readonly struct HeardArchitecture<TArch> : IForwardingArchitecture<TArch>
    where TArch : struct, IArchitecture
{
    [ThreadStatic]
    private static Action<string, ulong>? listener;

    /// <summary>Who hears the calls of this thread: the member, and the slot or frame that it is about. Null: nobody.</summary>
    internal static Action<string, ulong>? Listener
    {
        get => listener;
        set => listener = value;
    }

    static void IPageTagProvider.EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame)
    {
        listener?.Invoke(nameof(IPageTagProvider.EnsureDefined), frame);
        TArch.EnsureDefined(tags, frame);
    }

    static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
    {
        TArch.RestoreFromSlot(tags, slot, frame);
        listener?.Invoke(nameof(IPageTagProvider.RestoreFromSlot), frame);
    }
}
