using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// The kernel's copy-on-write selftest against this machine: every recorded case on base pages and large folios, and the same tests on
/// other states of base pages, each in every setting.
/// </summary>
public abstract class CowMatrixTests<TArch>
    where TArch : struct, IArchitecture
{
    public static TheoryData<int, string, string> Recorded
    {
        get
        {
            var data = new TheoryData<int, string, string>();
            foreach (CowCase one in CowPlan.Runnable)
                data.Add(one.Number, one.Test, one.Variant);
            return data;
        }
    }

    public static TheoryData<string, CowMemory> Others
    {
        get
        {
            var data = new TheoryData<string, CowMemory>();
            foreach (CowMemory memory in Enum.GetValues<CowMemory>()
                .Where(memory => memory is not (CowMemory.ZeroPage or CowMemory.HugeZeroPage or CowMemory.PrivateView)))
            {
                foreach (string test in CowTests<TArch, CheckedModel>.Anonymous.Keys)
                {
                    bool recorded = memory is CowMemory.BasePage or CowMemory.SwappedOut or >= CowMemory.Huge;
                    if (!recorded || test == CowTests<TArch, CheckedModel>.ReferenceAcrossSwapOut)
                        data.Add(test, memory);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void ARecordedCase_EndsAsTheKernels(int number, string test, string variant)
    {
        CowCase one = CowResultFile.All[number - 1];
        Assert.Equal((test, variant), (one.Test, one.Variant));
        CowMemory memory = CowPlan.MemoryOf(one);
        int order = memory < CowMemory.Huge ? 0 : CowPlan.OrderOf(one) ?? FolioOrders<TArch, CheckedModel>.Huge;
        RunInAllSettings(test, memory, order, CowPlan.Holds(one));
    }

    [Theory]
    [MemberData(nameof(Others))]
    public void TheTestsHold_OnOtherStates(string test, CowMemory memory) =>
        RunInAllSettings(test, memory, memory < CowMemory.Huge ? 0 : FolioOrders<TArch, CheckedModel>.Huge, expected: true);

    private static void RunInAllSettings(string test, CowMemory memory, int order, bool expected)
    {
        foreach (CowSetting setting in CowSetting.For(test, order))
        {
            try
            {
                using var world = new CowWorld<TArch, CheckedModel>(setting, order: order);
                Assert.Equal(expected, CowTests<TArch, CheckedModel>.Run(world, test, memory));
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"{test} on {memory} of order {order} in {setting}: {error.Message}", error);
            }
        }
    }
}

public sealed class X64CowMatrixTests : CowMatrixTests<X64FourLevel>;

public sealed class Sun4vCowMatrixTests : CowMatrixTests<Sun4v>;
