using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Models;

internal readonly struct Linux618 : IExplored;

internal readonly struct NoExclusiveMark : IExplored
{
    static bool IModel.SwapEntryRemembersExclusive => false;
}

internal readonly struct CopyUnlocked : IExplored
{
    static bool IModel.SwapEntryRemembersExclusive => false;

    static KsmSwapInCopy IModel.KsmSwapInCopy => KsmSwapInCopy.Unlocked;

    static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
}

internal readonly struct CopyLockedUnchecked : IExplored
{
    static bool IModel.SwapEntryRemembersExclusive => false;

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

internal readonly struct ReuseOf2010Unchecked : IExplored
{
    static bool IModel.SwapEntryRemembersExclusive => false;

    static ReuseRule IModel.ReuseRule => ReuseRule.MappingsAndSwapCount;

    static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
}

internal readonly struct CheckedInCacheOnly : IExplored
{
    static bool IModel.SwapEntryRemembersExclusive => false;

    static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.InCache;
}

internal readonly struct DirectWithoutPin : IExplored
{
    static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.NoPin;
}

internal readonly struct DirectPinAfterRead : IExplored
{
    static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.PinAfterRead;
}

internal readonly struct AlwaysCached : IExplored
{
    static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.AlwaysCache;

    static DirectSwapIn IModel.SharedDirectSwapIn => DirectSwapIn.AlwaysCache;

    static SwapInRelease IModel.SwapInRelease => SwapInRelease.AfterMapping;
}

internal readonly struct AlwaysCached73 : IExplored
{
    static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.AlwaysCache;

    static DirectSwapIn IModel.SharedDirectSwapIn => DirectSwapIn.AlwaysCache;

    static SwapInRelease IModel.SwapInRelease => SwapInRelease.AfterMappingIfExclusive;
}

internal readonly struct SharedWithoutPin : IExplored
{
    static DirectSwapIn IModel.SharedDirectSwapIn => DirectSwapIn.NoPin;
}

internal readonly struct TrustsResult : IExplored
{
    static bool IModel.SwapEntryRemembersExclusive => false;

    static bool IModel.TrustsLookupResult => true;
}

internal readonly struct LazyFreeByDirtyOnly : IExplored
{
    static LazyFreeTest IModel.LazyFreeTest => LazyFreeTest.DirtyOnly;
}

internal readonly struct LazyFreeDirtyFirst : IExplored
{
    static LazyFreeTest IModel.LazyFreeTest => LazyFreeTest.DirtyThenReferences;
}

internal readonly struct LazyFreeOf61 : IExplored
{
    static bool IModel.ExtraReferenceEndsLazyFree => true;
}

internal readonly struct LazyFreeDirtyAfterFreeze : IExplored
{
    static bool IModel.ChecksDirtyAfterFreeze => true;
}

internal readonly struct ExclusiveInStableWrite : IExplored
{
    static bool IModel.StableWritesOverrideExclusive => false;
}

internal readonly struct ForkKeepsMark : IExplored
{
    static bool IModel.ForkClearsSwapExclusive => false;
}

internal readonly struct ForkSharesPinned : IExplored
{
    static bool IModel.ForkCopiesPinned => false;
}

internal readonly struct FastPinIgnoresFork : IExplored
{
    static bool IModel.GupFastChecksFork => false;
}

internal readonly struct FastPinWithoutRecheck : IExplored
{
    static bool IModel.GupFastRechecksEntry => false;
}

internal readonly struct PinWithoutUnshare : IExplored
{
    static bool IModel.PinUnshares => false;
}

internal readonly struct NewSlotLeavesClean : IExplored
{
    static bool IModel.NewSlotMakesDirty => false;
}

internal readonly struct SharedCountedLate : IExplored
{
    static bool IModel.SharedCountsBeforePublishing => false;
}

internal readonly struct MergeCountsFirst : IExplored
{
    static bool IModel.KsmClearsBeforeCounting => false;
}

internal readonly struct UnuseUnverified : IExplored
{
    static bool IModel.SwapOffVerifiesFolio => false;
}

internal readonly struct Linux61 : IExplored
{
    static bool IModel.SwapInMakesWritableOnRead => false;
}

internal readonly struct SwapOffTakesAnyFolio : IExplored
{
    static bool IModel.SwapOffChecksLeftovers => false;
}

internal readonly struct SwapInForgetsArea : IExplored
{
    static bool IModel.SwapInPinsArea => false;
}

internal readonly struct AlwaysCachedForgetsArea : IExplored
{
    static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.AlwaysCache;

    static bool IModel.SwapInPinsArea => false;
}

internal readonly struct ReadaheadForgetsArea : IExplored
{
    static bool IModel.ReadaheadPinsOtherArea => false;
}

internal readonly struct ZapForgetsArea : IExplored
{
    static bool IModel.ZapPinsArea => false;
}
