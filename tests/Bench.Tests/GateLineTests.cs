using PageTableEmu.Bench.Curves;
using PageTableEmu.Bench.Gate;

namespace PageTableEmu.Bench.Tests;

/// <summary>How a row is judged.</summary>
public sealed class GateLineTests
{
    private static readonly Side Nothing = new(() => 0, 1);

    [Theory]
    [InlineData(1.0, "Passed")]
    [InlineData(1.2, "Passed")]
    [InlineData(1.2001, "Missed")]
    public void Time_MustBeAtMostTheGoal(double ratio, string verdict) => Assert.Equal(verdict, Judge(ratio, 1.2));

    [Theory]
    [InlineData(1.0, "Passed")]
    [InlineData(1.25, "Passed")]
    [InlineData(1.2501, "Missed")]
    public void Speed_MustBeAtLeastTheGoal(double ratioOfTimes, string verdict) =>
        Assert.Equal(verdict, Judge(ratioOfTimes, 0.8, row => row with { IsSpeed = true }));

    [Fact]
    public void Speed_IsShownUpsideDown()
    {
        GateLine line = Single(Row(0.5) with { IsSpeed = true }, Rounds(2, 2.5, 4));
        Assert.Equal(0.4, line.Ratio, 12);
        Assert.True(line.Low < line.Ratio && line.Ratio < line.High);
        Assert.Equal(1 / line.High, new Measurement([2, 2.5, 4], [1, 1, 1], true, 0).Low, 12);
    }

    /// <summary>Rounds that lie too far apart say nothing, whichever side of the goal their median is on.</summary>
    [Theory]
    [InlineData(10.0)]
    [InlineData(0.1)]
    public void WideRounds_AreNotJudged(double goal) =>
        Assert.Equal(GateVerdict.TooNoisy, Single(Row(goal), Rounds(1, 1.08, 1.2, 1.3, 1.4)).Verdict);

    [Fact]
    public void Spread_IsJudgedUpToTheLimitAndNotBeyond()
    {
        double half = Meter.WidestSpread / 2;
        Assert.Equal(GateVerdict.Passed, Single(Row(2), Rounds(1 - half, 1 - half, 1, 1 + half, 1 + half)).Verdict);
        half *= 1.01;
        Assert.Equal(GateVerdict.TooNoisy, Single(Row(2), Rounds(1 - half, 1 - half, 1, 1 + half, 1 + half)).Verdict);
    }

    [Fact]
    public void NoGoal_IsOnlyTold()
    {
        Assert.Equal(GateVerdict.Told, Single(Row(null), Rounds(1, 50, 100)).Verdict);
    }

    /// <summary>A wrong result and an allocation fail a row however fast it is, and with no goal too.</summary>
    [Theory]
    [InlineData(5.0)]
    [InlineData(null)]
    public void WrongResultAndAllocation_AlwaysFail(double? goal)
    {
        Assert.Equal(GateVerdict.DifferentResults, Single(Row(goal), new Measurement([1], [1], sameResult: false, allocated: 0)).Verdict);
        Assert.Equal(GateVerdict.Allocates, Single(Row(goal), new Measurement([1], [1], sameResult: true, allocated: 24)).Verdict);
        GateRow allowed = Row(goal) with { MayAllocate = true };
        Assert.Equal(goal is null ? GateVerdict.Told : GateVerdict.Passed, Single(allowed, new Measurement([1], [1], true, 24)).Verdict);
    }

    /// <summary>A recorded peer costs so many times the other side: ours beside the peer is ours beside the other, divided by that.</summary>
    [Fact]
    public void Peers_AreJudgedByWhatWasRecorded()
    {
        GateRow row = Row(1.0) with { Peers = [("a", 2.0, 0.6), ("b", 2.0, 0.4)] };
        GateLine[] lines = [.. GateLine.Of(row, Rounds(1.0, 1.0, 1.0))];
        Assert.Equal(3, lines.Length);
        Assert.Equal([1.0, 0.5, 0.5], lines.Select(line => line.Ratio));
        Assert.Equal([GateVerdict.Passed, GateVerdict.Passed, GateVerdict.Missed], lines.Select(line => line.Verdict));
        Assert.Contains("recorded 2.00", lines[1].Versus, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, GateVerdict.Passed, GateVerdict.Told)]
    [InlineData(1, GateVerdict.Passed, GateVerdict.Missed)]
    [InlineData(1, GateVerdict.Passed, GateVerdict.TooNoisy)]
    [InlineData(1, GateVerdict.Told, GateVerdict.Allocates)]
    [InlineData(1, GateVerdict.Told, GateVerdict.Told)]
    internal void Gate_PassesOnlyWhenEveryJudgedLineDid(int exit, params GateVerdict[] verdicts)
    {
        GateLine[] lines = [.. verdicts.Select(verdict => Single(Row(1), Rounds(1)) with { Verdict = verdict })];
        Assert.Equal(exit, GateCommand.Conclude(lines, TextWriter.Null));
    }

    [Theory]
    [InlineData(null, "--json")]
    [InlineData(null, "--only", "T1,T5", "--out", "gate.json")]
    [InlineData("there is no option --bogus", "--bogus")]
    [InlineData("there is no option --help", "--help")]
    [InlineData("--only needs a value", "--json", "--only")]
    [InlineData("there is no folder for /no/such/folder/gate.json", "--out", "/no/such/folder/gate.json")]
    public void Gate_SaysBeforeMeasuring_WhatIsWrongWithItsArguments(string? misfit, params string[] args) =>
        Assert.Equal(misfit, GateCommand.Misfit(args));

    [Theory]
    [InlineData(true, 20, ".")]
    [InlineData(true, 20, "folder", "folder")]
    [InlineData(true, 12, "folder", "--largest", "12", "folder")]
    [InlineData(false, 0, "", "--largest", "x")]
    [InlineData(false, 0, "", "--largest")]
    [InlineData(false, 0, "", "--help")]
    public void Curves_TakeAnExponentAndAFolder(bool good, int largest, string folder, params string[] args)
    {
        Assert.Equal(good, CurvesCommand.TryRead(args, out int readLargest, out string readFolder));
        Assert.True(!good || (largest, folder) == (readLargest, readFolder));
    }

    [Fact]
    public void Gate_FailsWithoutAnyLine() => Assert.Equal(1, GateCommand.Conclude([], TextWriter.Null));

    private static string Judge(double ratio, double goal, Func<GateRow, GateRow>? change = null) =>
        Single(change is null ? Row(goal) : change(Row(goal)), Rounds(ratio, ratio, ratio)).Verdict.ToString();

    private static GateRow Row(double? goal) => new("T0", "row", "other", goal, Nothing, Nothing);

    private static Measurement Rounds(params double[] ratios) => new(ratios, [.. ratios.Select(_ => 1.0)], sameResult: true, allocated: 0);

    private static GateLine Single(GateRow row, Measurement measured) => Assert.Single(GateLine.Of(row, measured));
}
