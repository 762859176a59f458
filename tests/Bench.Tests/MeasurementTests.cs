using PageTableEmu.Bench.Gate;

namespace PageTableEmu.Bench.Tests;

/// <summary>What is made of the rounds: the median of their ratios, and how far they lie apart.</summary>
public sealed class MeasurementTests
{
    [Fact]
    public void Ratio_IsTheMedianOfTheRatios_NotTheRatioOfTheMedians()
    {
        // Ratios 3, 0.5, 2; the medians are 3 and 2.
        var measured = new Measurement([3, 1, 4], [1, 2, 2], sameResult: true, allocated: 0);
        Assert.Equal(2, measured.Ratio);
        Assert.Equal(3, measured.Nanoseconds);
        Assert.Equal(2, measured.OtherNanoseconds);
        Assert.Equal(3, measured.Rounds);
    }

    [Theory]
    [InlineData(new[] { 1.0, 2, 3, 4, 5 }, 3, 2, 4)]
    [InlineData(new[] { 5.0, 1, 4, 2, 3 }, 3, 2, 4)]
    [InlineData(new[] { 1.0, 2, 3, 4 }, 2.5, 1.75, 3.25)]
    [InlineData(new[] { 7.0 }, 7, 7, 7)]
    public void Quartiles_LieBetweenRounds(double[] ours, double median, double low, double high)
    {
        var measured = new Measurement(ours, [.. ours.Select(_ => 1.0)], sameResult: true, allocated: 0);
        Assert.Equal(median, measured.Ratio, 12);
        Assert.Equal(low, measured.Low, 12);
        Assert.Equal(high, measured.High, 12);
        Assert.Equal((high - low) / median, measured.Spread, 12);
    }

    /// <summary>A round in which the machine was slow for both sides changes nothing.</summary>
    [Fact]
    public void Rounds_AreComparedWithinThemselves()
    {
        var measured = new Measurement([2, 20, 2, 200, 2], [1, 10, 1, 100, 1], sameResult: true, allocated: 0);
        Assert.Equal(2, measured.Ratio);
        Assert.Equal(0, measured.Spread);
    }

    [Fact]
    public void OneWildRound_DoesNotMoveTheMedianNorTheQuartiles()
    {
        var measured = new Measurement([1, 1, 1, 1, 1000], [1, 1, 1, 1, 1], sameResult: true, allocated: 0);
        Assert.Equal(1, measured.Ratio);
        Assert.Equal(0, measured.Spread);
    }
}
