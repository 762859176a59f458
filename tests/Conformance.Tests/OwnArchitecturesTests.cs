using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Formats;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Conformance.Xunit;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests;

/// <summary>Every architecture of ours obeys every law.</summary>
public sealed class OwnArchitecturesTests
{
    private const int ArchitectureLaws = 51;
    private const int SwapLaws = 10;

    [Fact]
    public void X64_with_4_levels() => Check<X64FourLevel>();

    [Fact]
    public void X64_with_5_levels() => Check<X64FiveLevel>();

    [Fact]
    public void Sun4u() => Check<Sun4u>();

    [Fact]
    public void Sun4v() => Check<Sun4v>();

    [Fact]
    public void Sun4v_M7() => Check<Sun4vM7>();

    [Fact]
    public void Riscv64() => CheckFormat<Riscv64Swap>();

    [Fact]
    public void S390x() => CheckFormat<S390xSwap>();

    [Fact]
    public void S390x_segments() => CheckFormat<S390xSegmentSwap>();

    [Fact]
    public void Ppc64_with_pages_of_64_KiB() => CheckFormat<Ppc64RadixSwap>();

    [Fact]
    public void Ppc64_with_pages_of_4_KiB() => CheckFormat<Ppc64Radix4kSwap>();

    [Fact]
    public void LoongArch64() => CheckFormat<LoongArch64Swap>();

    [Fact]
    public void LoongArch64_pmds() => CheckFormat<LoongArch64PmdSwap>();

    private static void Check<TArch>()
        where TArch : struct, IArchitecture => Check(ArchitectureConformance.Run<TArch>(), ArchitectureLaws);

    private static void CheckFormat<TFormat>()
        where TFormat : struct, ISwapOnlyFormat => Check(SwapFormatConformance.Run<TFormat>(), SwapLaws);

    private static void Check(ConformanceReport report, int laws)
    {
        Assert.True(report.Conforms, report.ToString());
        Assert.Equal(laws, report.Results.Count);
        Assert.Equal(laws, report.Results.DistinctBy(result => result.Law).Count());

        // A law that compared nothing has shown nothing, unless it is about what the format lacks.
        Assert.All(report.Results, result => Assert.True(result.Cases > 0 || result.Law.EndsWith("absent", StringComparison.Ordinal),
            result.ToString()));
    }
}

/// <summary>arm64 law by law, through the adapter.</summary>
public sealed class Arm64Conformance : ArchitectureConformanceTests<Arm64FourLevel>;
