using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>The rules of the catalogue's entries, each one a switch or two off.</summary>
internal static class RaceModels
{
    internal readonly struct NoPin : IExplored
    {
        static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.NoPin;
    }

    internal readonly struct PinAfterRead : IExplored
    {
        static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.PinAfterRead;
    }

    internal readonly struct AlwaysCache : IExplored
    {
        static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.AlwaysCache;
    }

    internal readonly struct NoExclusiveMark : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;
    }

    internal readonly struct Unverified : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;

        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
    }

    internal readonly struct UnverifiedWithExclusiveMark : IExplored
    {
        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
    }

    internal readonly struct CopyUnlocked : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;

        static KsmSwapInCopy IModel.KsmSwapInCopy => KsmSwapInCopy.Unlocked;

        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
    }

    internal readonly struct CopyUnlockedWithExclusiveMark : IExplored
    {
        static KsmSwapInCopy IModel.KsmSwapInCopy => KsmSwapInCopy.Unlocked;

        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
    }

    internal readonly struct CopyByWriteFault : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;

        static KsmSwapInCopy IModel.KsmSwapInCopy => KsmSwapInCopy.ByWriteFault;
    }

    internal readonly struct ReuseOf2010 : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;

        static ReuseRule IModel.ReuseRule => ReuseRule.MappingsAndSwapCount;
    }

    internal readonly struct ReuseOf2010Unverified : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;

        static ReuseRule IModel.ReuseRule => ReuseRule.MappingsAndSwapCount;

        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
    }

    internal readonly struct InCacheOnly : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;

        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.InCache;
    }

    internal readonly struct TrustsResult : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;

        static bool IModel.TrustsLookupResult => true;
    }

    internal readonly struct NoWaitForPin : IExplored
    {
        static bool IModel.SwapInWaitsForPin => false;
    }

    internal readonly struct NoAreaPin : IExplored
    {
        static bool IModel.SwapInPinsArea => false;
    }

    internal readonly struct ZapWithoutAreaPin : IExplored
    {
        static bool IModel.ZapPinsArea => false;
    }

    internal readonly struct SharedNoPin : IExplored
    {
        static DirectSwapIn IModel.SharedDirectSwapIn => DirectSwapIn.NoPin;
    }

    internal readonly struct SharedAlwaysCache : IExplored
    {
        static DirectSwapIn IModel.SharedDirectSwapIn => DirectSwapIn.AlwaysCache;
    }

    internal readonly struct ForkKeepsMark : IExplored
    {
        static bool IModel.ForkClearsSwapExclusive => false;
    }

    internal readonly struct ExclusiveInStableWrite : IExplored
    {
        static bool IModel.StableWritesOverrideExclusive => false;
    }

    internal readonly struct DirtyOnly : IExplored
    {
        static LazyFreeTest IModel.LazyFreeTest => LazyFreeTest.DirtyOnly;
    }

    internal readonly struct DirtyFirst : IExplored
    {
        static LazyFreeTest IModel.LazyFreeTest => LazyFreeTest.DirtyThenReferences;
    }

    internal readonly struct SparesShared : IExplored
    {
        static bool IModel.LazyFreeSparesShared => true;
    }

    internal readonly struct ExtraReferenceEnds : IExplored
    {
        static bool IModel.ExtraReferenceEndsLazyFree => true;
    }

    internal readonly struct DirtyAfterFreeze : IExplored
    {
        static bool IModel.ChecksDirtyAfterFreeze => true;
    }

    internal readonly struct NoUnmapFence : IExplored
    {
        static bool IModel.UnmapFences => false;
    }

    internal readonly struct NewSlotLeavesClean : IExplored
    {
        static bool IModel.NewSlotMakesDirty => false;
    }

    internal readonly struct CountedLate : IExplored
    {
        static bool IModel.SharedCountsBeforePublishing => false;
    }

    internal readonly struct UnuseUnverified : IExplored
    {
        static bool IModel.SwapOffVerifiesFolio => false;
    }

    internal readonly struct NoWaitForAllocators : IExplored
    {
        static bool IModel.SwapOffWaitsForAllocators => false;
    }

    internal readonly struct TakesAnyFolio : IExplored
    {
        static bool IModel.SwapOffChecksLeftovers => false;
    }

    internal readonly struct PinIgnoresFork : IExplored
    {
        static bool IModel.GupFastChecksFork => false;
    }

    internal readonly struct PinWithoutRecheck : IExplored
    {
        static bool IModel.GupFastRechecksEntry => false;
    }

    internal readonly struct PinSharesPage : IExplored
    {
        static bool IModel.PinUnshares => false;
    }

    internal readonly struct ForkSharesPinned : IExplored
    {
        static bool IModel.ForkCopiesPinned => false;
    }

    internal readonly struct MergeCountsFirst : IExplored
    {
        static bool IModel.KsmClearsBeforeCounting => false;
    }

    /// <summary>Before 322842ea3c72.</summary>
    internal readonly struct TagsLegacy : IExplored
    {
        static bool IModel.PutsSlotReferenceWhenSaveFails => false;

        static bool IModel.UndoesSavedMetadata => false;
    }

    /// <summary>After 322842ea3c72: the swap reference is put; what was saved stays.</summary>
    internal readonly struct TagsNotUndone : IExplored
    {
        static bool IModel.UndoesSavedMetadata => false;
    }

    internal readonly struct TagsShareFirst : IExplored
    {
        static bool IModel.UndoesSavedMetadata => false;

        static bool IModel.SharesBeforeSave => true;
    }
}
