using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Providers that keep tags with frames and slots and get one thing wrong: what a first try would.</summary>
internal static class FlawedTags
{
    internal interface IFlawed<TFormat> : ITagged<FrameSlotTags<TFormat>>
        where TFormat : struct, ITagFormat;

    /// <summary>Copies of pages have what lay in their frames.</summary>
    internal readonly struct NaiveCopy<TFormat> : IFlawed<TFormat>
        where TFormat : struct, ITagFormat
    {
        static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
        {
        }
    }

    /// <summary>Pages are equal when their data is.</summary>
    internal readonly struct DataOnly<TFormat> : IFlawed<TFormat>
        where TFormat : struct, ITagFormat
    {
        static bool IPageTagProvider.Identical<TModel>(TagStorage<TModel> tags, uint frame, uint other) => true;
    }

    /// <summary>What a slot keeps is restored also to a frame whose own tags are newer.</summary>
    internal readonly struct NoValidFlag<TFormat> : IFlawed<TFormat>
        where TFormat : struct, ITagFormat
    {
        static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
        {
            ReadOnlySpan<byte> kept = tags.OfSlot(slot);
            if (kept.IsEmpty)
                return;
            Atomics.SharedBytes<TModel>.Copy(kept, tags.OfFrame(frame));
            tags.SetValid(frame);
        }
    }

    /// <summary>What lies in a frame is kept with its slot also when nobody has given the frame tags.</summary>
    internal readonly struct PrepareIgnoresValid<TFormat> : IFlawed<TFormat>
        where TFormat : struct, ITagFormat
    {
        static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot) =>
            tags.TryKeep(slot, tags.OfFrame(frame));
    }
}
