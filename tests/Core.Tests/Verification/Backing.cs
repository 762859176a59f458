using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>The two kinds of swap area whose rules differ.</summary>
public enum Backing
{
    /// <summary>Synchronous, stable writes, sole users bypass the cache.</summary>
    Zram,

    /// <summary>Writes complete later, everything goes through the swap cache. Contents in memory, so that tests need no file.</summary>
    Asynchronous,
}

internal static class Backings
{
    internal static SwapAreaOptions Area(this Backing backing, uint slots) =>
        backing == Backing.Zram ? SwapAreaOptions.Zram(slots) : new SwapAreaOptions { Slots = slots };
}
