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
}
