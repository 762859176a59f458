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

    internal readonly struct ChargesAfterPin : IExplored
    {
        static bool IModel.ChargesAfterPin => true;
    }

    internal readonly struct AlwaysCache : IExplored
    {
        static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.AlwaysCache;
    }

    /// <summary>Before 1493a1913e34.</summary>
    internal interface IForgetsExclusive : IExplored
    {
        static bool IModel.SwapEntryRemembersExclusive => false;
    }

    /// <summary>Before 4969c1192d15.</summary>
    internal interface IUnverified : IExplored
    {
        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.None;
    }

    /// <summary>The same.</summary>
    internal interface ICopiesUnlocked : IUnverified
    {
        static KsmSwapInCopy IModel.KsmSwapInCopy => KsmSwapInCopy.Unlocked;
    }

    /// <summary>Before 09854ba94c6a.</summary>
    internal interface IReusesByMappings : IForgetsExclusive
    {
        static ReuseRule IModel.ReuseRule => ReuseRule.MappingsAndSwapCount;
    }

    internal readonly struct NoExclusiveMark : IForgetsExclusive;

    internal readonly struct Unverified : IForgetsExclusive, IUnverified;

    internal readonly struct UnverifiedWithExclusiveMark : IUnverified;

    internal readonly struct CopyUnlocked : IForgetsExclusive, ICopiesUnlocked;

    internal readonly struct CopyUnlockedWithExclusiveMark : ICopiesUnlocked;

    internal readonly struct CopyByWriteFault : IForgetsExclusive
    {
        static KsmSwapInCopy IModel.KsmSwapInCopy => KsmSwapInCopy.ByWriteFault;
    }

    internal readonly struct ReuseOf2010 : IReusesByMappings;

    internal readonly struct ReuseOf2010Unverified : IReusesByMappings, IUnverified;

    internal readonly struct InCacheOnly : IForgetsExclusive
    {
        static SwapCacheCheck IModel.SwapCacheCheck => SwapCacheCheck.InCache;
    }

    internal readonly struct TrustsResult : IForgetsExclusive
    {
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

    internal readonly struct ReadaheadWithoutAreaPin : IExplored
    {
        static bool IModel.ReadaheadPinsOtherArea => false;
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

    internal readonly struct PinWithoutTableRecheck : IExplored
    {
        static bool IModel.GupFastRechecksTable => false;
    }

    /// <summary>As Linux collapses: the table is taken out of the tree, and its entries stand.</summary>
    internal interface ICollapsesByTable : IExplored
    {
        static bool IModel.CollapseLeavesEntries => true;
    }

    internal readonly struct CollapseByTable : ICollapsesByTable;

    internal readonly struct CollapseByTableWithoutRecheck : ICollapsesByTable
    {
        static bool IModel.GupFastRechecksTable => false;
    }

    internal readonly struct TakesHeadUnchecked : IExplored
    {
        static bool IModel.TakerRechecksHead => false;
    }

    internal readonly struct ForcedWriteDropsWrite : IExplored
    {
        static ForcedWrite IModel.ForcedWrite => ForcedWrite.DropsWrite;
    }

    /// <summary>19be0eaffa3a to 5535be309971.</summary>
    internal interface IForcesByDirt : IExplored
    {
        static ForcedWrite IModel.ForcedWrite => ForcedWrite.NeedsDirty;
    }

    internal readonly struct ForcedWriteNeedsDirty : IForcesByDirt;

    internal readonly struct TouchMakesDirty : IForcesByDirt
    {
        static bool IModel.TakerDirtiesForWriteOnly => false;
    }

    /// <summary>Before 6c287605fd56.</summary>
    internal interface IReusesByReferences : IExplored
    {
        static bool IModel.ReusesExclusive => false;
    }

    internal readonly struct ClearRefsSparesPinned : IReusesByReferences;

    internal readonly struct ClearRefsOfPinned : IExplored
    {
        static bool IModel.ClearRefsSparesPinned => false;
    }

    /// <summary>Before 9348b73c2e1b and 6c287605fd56.</summary>
    internal readonly struct ClearRefsThenCopy : IReusesByReferences
    {
        static bool IModel.ClearRefsSparesPinned => false;
    }

    internal readonly struct MoveUnverified : IExplored
    {
        static bool IModel.MoveVerifiesFolio => false;
    }

    internal readonly struct MoveWithoutRecheck : IExplored
    {
        static bool IModel.MoveRechecksSlot => false;
    }

    /// <summary>As above, where a fault maps what it finds in the swap cache wherever it is named: a kernel without same-page merging.</summary>
    internal readonly struct MoveWithoutRecheckOrCopy : IExplored
    {
        static bool IModel.MoveRechecksSlot => false;

        static KsmSwapInCopy IModel.KsmSwapInCopy => KsmSwapInCopy.Never;
    }

    internal readonly struct FewCounts : IExplored
    {
        static uint IModel.SlotCountLimit => 2;
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

    /// <summary>What was saved of a page that stays is not taken back: Linux up to 7.3.</summary>
    internal interface IUndoesNothing : IExplored
    {
        static bool IModel.UndoesSavedMetadata => false;
    }

    /// <summary>What machines outside an explorer do.</summary>
    internal readonly struct Shortcuts : IExplored
    {
        static bool IModel.TakesShortcuts => true;
    }

    /// <summary>Before 322842ea3c72.</summary>
    internal readonly struct TagsLegacy : IUndoesNothing
    {
        static bool IModel.PutsSlotReferenceWhenSaveFails => false;
    }

    /// <summary>After 322842ea3c72: the swap reference is put; what was saved stays.</summary>
    internal readonly struct TagsNotUndone : IUndoesNothing;

    internal readonly struct TagsShareFirst : IUndoesNothing
    {
        static bool IModel.SharesBeforeSave => true;
    }
}
