using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Mm.Huge;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// No test of the matrix holds by itself: for each one, some forgotten rule of exclusiveness makes it fail, and every rule makes one fail. The
/// machine runs without self-checks here, because those would notice before the test does.
/// </summary>
public class CowSensitivityTests
{
    private static readonly (string Test, CowMemory Memory, CowFault Fault, CowMoment Moment)[] Failures =
    [
        ("Basic COW after fork()", CowMemory.BasePage, CowFault.FramesExclusive, CowMoment.BeforeStore),
        ("Basic COW after fork()", CowMemory.SwappedOut, CowFault.SwapEntriesExclusive, CowMoment.Forked),
        ("Basic COW after fork() with mprotect() optimization", CowMemory.BasePage, CowFault.EntriesWritable, CowMoment.BeforeStore),
        ("Basic COW after fork() with mprotect() optimization", CowMemory.SwappedOut, CowFault.SwapEntriesExclusive, CowMoment.Forked),
        ("vmsplice() + unmap in child", CowMemory.BasePage, CowFault.FramesExclusive, CowMoment.BeforeStore),
        ("vmsplice() + unmap in child with mprotect() optimization", CowMemory.BasePage, CowFault.EntriesWritable, CowMoment.BeforeStore),
        ("vmsplice() before fork(), unmap in parent after fork()", CowMemory.BasePage, CowFault.FramesExclusive, CowMoment.BeforeStore),
        ("vmsplice() + unmap in parent after fork()", CowMemory.BasePage, CowFault.FramesExclusive, CowMoment.BeforeStore),
        ("vmsplice() + unmap in parent after fork()", CowMemory.SwappedOut, CowFault.SwapEntriesExclusive, CowMoment.Forked),
        ("R/O-mapping a page registered as iouring fixed buffer", CowMemory.BasePage, CowFault.FramesShared, CowMoment.BeforeStore),
        ("fork() with an iouring fixed buffer", CowMemory.BasePage, CowFault.FramesShared, CowMoment.Held),
        ("R/O GUP pin on R/O-mapped shared page", CowMemory.BasePage, CowFault.PinsAreReferences, default),
        ("R/O GUP-fast pin on R/O-mapped shared page", CowMemory.BasePage, CowFault.PinsAreReferences, default),
        ("R/O GUP pin on R/O-mapped previously-shared page", CowMemory.BasePage, CowFault.PinsAreReferences, default),
        ("R/O GUP-fast pin on R/O-mapped previously-shared page", CowMemory.BasePage, CowFault.PinsAreReferences, default),
        ("R/O GUP pin on R/O-mapped exclusive page", CowMemory.BasePage, CowFault.FramesShared, CowMoment.BeforeStore),
        ("R/O GUP-fast pin on R/O-mapped exclusive page", CowMemory.BasePage, CowFault.FramesShared, CowMoment.BeforeStore),
        ("Basic COW", CowMemory.ZeroPage, CowFault.EntriesWritable, CowMoment.BeforeStore),
        ("R/O longterm GUP pin", CowMemory.ZeroPage, CowFault.PinsAreReferences, default),
        ("R/O longterm GUP-fast pin", CowMemory.ZeroPage, CowFault.PinsAreReferences, default),
        ("Basic COW", CowMemory.PrivateView, CowFault.EntriesWritable, CowMoment.BeforeStore),
        ("R/O longterm GUP pin", CowMemory.PrivateView, CowFault.PinsAreReferences, default),
        ("R/O longterm GUP-fast pin", CowMemory.PrivateView, CowFault.PinsAreReferences, default),
        ("Basic COW after fork()", CowMemory.PrivateCopies, CowFault.FramesExclusive, CowMoment.BeforeStore),
        (CowTests<X64FourLevel, Mainline>.ReferenceAcrossSwapOut, CowMemory.BasePage, CowFault.SwapEntriesShared, CowMoment.Held),
        ("Basic COW after fork()", CowMemory.Huge, CowFault.FramesExclusive, CowMoment.BeforeStore),
        ("Basic COW after fork()", CowMemory.HugeSwappedOut, CowFault.SwapEntriesExclusive, CowMoment.Forked),
        ("vmsplice() + unmap in child", CowMemory.HugeByPages, CowFault.FramesExclusive, CowMoment.BeforeStore),
        ("R/O GUP pin on R/O-mapped shared page", CowMemory.Huge, CowFault.PinsAreReferences, default),
        ("fork() with an iouring fixed buffer", CowMemory.HugeByPages, CowFault.FramesShared, CowMoment.Held),
        ("Basic COW after fork() when collapsing before fork()", CowMemory.HugeByPages, CowFault.FramesExclusive, CowMoment.BeforeStore),
    ];

    public static TheoryData<int, string, CowMemory, CowFault> Cases
    {
        get
        {
            var data = new TheoryData<int, string, CowMemory, CowFault>();
            for (int i = 0; i < Failures.Length; i++)
                data.Add(i, Failures[i].Test, Failures[i].Memory, Failures[i].Fault);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AForgottenRule_MakesTheTestFail(int index, string test, CowMemory memory, CowFault fault)
    {
        foreach (CowSetting setting in CowSetting.For(test, OrderOf(memory)).Where(setting => !setting.Reclaim))
        {
            Assert.True(Run(setting, test, memory, CowFault.None, default), $"{setting}: the test fails although nothing is wrong");
            Assert.False(Run(setting, test, memory, fault, Failures[index].Moment), $"{setting}: the test does not notice");
        }
    }

    [Fact]
    public void EveryTest_CanFail_AndEveryRule_IsMissed()
    {
        var tests = CowTests<X64FourLevel, Mainline>.Anonymous.Keys.Concat(CowTests<X64FourLevel, Mainline>.NotAnonymous.Keys)
            .Append("Basic COW after fork() when collapsing before fork()"); // after the others the parent's pages are copies anyway
        Assert.Equal(tests.Order(StringComparer.Ordinal), Failures.Select(one => one.Test).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(Enum.GetValues<CowFault>().Skip(1).Order(), Failures.Select(one => one.Fault).Distinct().Order());
    }

    private static int OrderOf(CowMemory memory) => memory < CowMemory.Huge ? 0 : FolioOrders<X64FourLevel, Mainline>.Huge;

    private static bool Run(CowSetting setting, string test, CowMemory memory, CowFault fault, CowMoment moment)
    {
        using var world = new CowWorld<X64FourLevel, Mainline>(setting, fault, moment, OrderOf(memory));
        return CowTests<X64FourLevel, Mainline>.Run(world, test, memory);
    }
}
