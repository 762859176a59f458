using PageTableEmu.Atomics;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>What tests do with huge folios of a machine with tags.</summary>
internal static class TagHuge
{
    /// <summary>Reclaim splits a folio of which a page was given up.</summary>
    internal static void SplitFolio<TArch, TFormat>(TagWorld<TArch, TFormat, CheckedModel> w)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat => Assert.True(TrySplitFolio(w));

    /// <summary>As <see cref="SplitFolio"/>, where it may fail.</summary>
    internal static bool TrySplitFolio<TArch, TFormat, TModel>(TagWorld<TArch, TFormat, TModel> w)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel
    {
        Assert.True(w.Is(w.Process, 0, out uint frame));
        Assert.True(w.Mm.Frames.IsLarge(frame));
        w.Mm.Frames.Get(frame);
        w.Mm.Frames.Lock(frame);
        bool split = new FolioSplitter<TArch, TModel>(w.Mm).TrySplit(frame);
        w.Mm.Frames.Unlock(frame);
        w.Mm.Folios.Put(frame);
        return split;
    }
}
