using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Models;

// Single rules of long ago are those of the catalogue of races, whose source is compiled into these tests too.
internal readonly struct Linux618 : IExplored;

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

internal readonly struct Linux61 : IExplored
{
    static bool IModel.SwapInMakesWritableOnRead => false;
}

internal readonly struct AlwaysCachedForgetsArea : IExplored
{
    static DirectSwapIn IModel.DirectSwapIn => DirectSwapIn.AlwaysCache;

    static bool IModel.SwapInPinsArea => false;
}
