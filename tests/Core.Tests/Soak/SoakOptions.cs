using PageTableEmu.Core.Tests.Verification;

namespace PageTableEmu.Core.Tests.Soak;

/// <summary>Size and duration of one soak.</summary>
internal sealed record SoakOptions
{
    public required Backing Backing { get; init; }

    public required int Seed { get; init; }

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(2);

    public int Threads { get; init; } = 4;

    /// <summary>Frames of RAM: below some 500 there are fewer than the pages in use, so that allocations have to reclaim.</summary>
    public uint Frames { get; init; } = 4096;

    /// <summary>Slots of each of the two areas. Where RAM is short they are few as well, so that freed slots are soon handed out again.</summary>
    public uint SlotsPerArea => Pages < SoakSpace.Tracked ? (uint)Pages + 64 : Frames < 1024 ? 300u : 1024;

    /// <summary>Whether memory gets large folios, of orders that change all the time.</summary>
    public bool WithOrders { get; init; }

    /// <summary>
    /// Pages of each address space that are worked on. With a handful, all threads meet in them, and a page gets the same slot again while
    /// somebody still brings in what the slot held before.
    /// </summary>
    public int Pages { get; init; } = SoakSpace.Tracked;
}
