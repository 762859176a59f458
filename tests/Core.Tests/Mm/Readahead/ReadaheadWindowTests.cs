using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Mm.Readahead;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Readahead;

/// <summary>The window heuristic, as a table and as laws.</summary>
public sealed class ReadaheadWindowTests
{
    /// <summary>Windows: last place, place, hits since, largest, last window, next window.</summary>
    [Theory]
    [InlineData(10, 50, 0, 8, 0, 1)] // nowhere near, nothing used: not worth it
    [InlineData(10, 11, 0, 8, 0, 2)] // next to the last one
    [InlineData(10, 9, 0, 8, 0, 2)]
    [InlineData(10, 10, 0, 8, 0, 1)] // the same place is not next to it
    [InlineData(10, 50, 1, 8, 0, 4)]
    [InlineData(10, 50, 2, 8, 0, 4)]
    [InlineData(10, 50, 3, 8, 0, 8)]
    [InlineData(10, 50, 4, 32, 0, 8)] // what a new place is credited with
    [InlineData(10, 50, 7, 32, 0, 16)]
    [InlineData(10, 50, 15, 32, 0, 32)]
    [InlineData(10, 50, 15, 8, 0, 8)] // not above the largest
    [InlineData(10, 50, 0, 8, 8, 4)] // not below half the last one
    [InlineData(10, 50, 0, 8, 4, 2)]
    [InlineData(10, 50, 0, 8, 2, 1)]
    [InlineData(10, 50, 1000000, 8, 0, 8)]
    [InlineData(0, 1, 0, 1, 0, 1)] // switched off
    public void Pages_FollowHitsAndNeighbourhood(ulong previous, ulong place, uint hits, uint largest, uint previousPages, uint expected) =>
        Assert.Equal(expected, ReadaheadWindow.Pages(previous, place, hits, largest, previousPages));

    /// <summary>Windows over addresses: last page, page, window, first page, end.</summary>
    [Theory]
    [InlineData(99, 100, 8, 100, 108)] // forward: starts at the fault
    [InlineData(101, 100, 8, 93, 101)] // backward: ends at it
    [InlineData(500, 100, 8, 97, 105)] // elsewhere: around it
    [InlineData(500, 100, 2, 100, 102)]
    [InlineData(500, 100, 1, 100, 101)]
    [InlineData(4, 3, 8, 0, 4)] // not below page 0
    [InlineData(500, 1, 8, 0, 6)]
    public void Around_LiesWhereTheAccessesGo(ulong previous, ulong page, uint pages, ulong first, ulong end) =>
        Assert.Equal((first, end), ReadaheadWindow.Around(previous, page, pages));

    [Fact]
    public void Pages_AreAPowerOfTwo_FromOneToTheLargest() => Prop.ForAll<ulong, uint, ushort>((previous, hits, random) =>
    {
        (int step, int order) = (random >> 8, random & 31);
        uint largest = 1u << order;
        uint lastPages = 1u << Math.Min(step % 32, order);
        uint pages = ReadaheadWindow.Pages(previous, unchecked(previous + (ulong)(step % 5) - 2), hits, largest, lastPages);
        return System.Numerics.BitOperations.IsPow2(pages) && pages <= largest && pages >= Math.Max(1, lastPages / 2);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Around_ContainsTheFault_AndIsNoLargerThanTheWindow() => Prop.ForAll<uint, int, byte>((page, distance, order) =>
    {
        uint pages = 1u << (order % 6);
        (ulong first, ulong end) = ReadaheadWindow.Around(unchecked((ulong)(page + (long)distance)), page, pages);
        return first <= page && page < end && end - first <= pages;
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(12)]
    [InlineData(13)]
    public void VmaReadahead_KeepsWhatFits(int pageShift)
    {
        for (uint window = 1; window <= 32; window <<= 1)
        {
            for (uint hits = 0; hits < 64; hits++)
            {
                var state = new VmaReadahead(0x7f12_3456_8000, window, hits);
                Assert.Equal(state, VmaReadahead.Decode(state.Encode(pageShift), pageShift));
            }
        }

        Assert.Equal(63u, VmaReadahead.Decode(new VmaReadahead(0x8000, 1, 64).Encode(pageShift), pageShift).Hits);
        Assert.Equal(new VmaReadahead(0, 0, 4), VmaReadahead.Decode(0, pageShift));
    }
}
