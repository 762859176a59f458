using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Numbers of the special types against those that kernels were seen to use.</summary>
public sealed class SwapTypeLayoutTests
{
    private const uint None = SwapTypeLayout.Absent;
    private const SwapTypeOptions MigrationOnly = SwapTypeOptions.Migration | SwapTypeOptions.PteMarker;

    [Fact]
    public void Linux_7_2_with_everything() =>
        Check(KernelVersion.Linux72, SwapTypeOptions.All, 24, poison: 24, migration: 25, device: 28, exclusive: 30, None, None, marker: 31, None);

    [Fact]
    public void Linux_7_2_without_memory_failure() =>
        Check(KernelVersion.Linux72, SwapTypeOptions.All & ~SwapTypeOptions.MemoryFailure, 25, None, 25, 28, 30, None, None, 31, None);

    [Fact]
    public void Linux_7_2_without_device_memory() =>
        Check(KernelVersion.Linux72, SwapTypeOptions.All & ~SwapTypeOptions.DevicePrivate, 27, 27, 28, None, None, None, None, 31, None);

    [Fact]
    public void Linux_6_12_with_everything() =>
        Check(KernelVersion.Linux612, SwapTypeOptions.All, 23, 23, 24, 27, None, exclusiveWrite: 29, exclusiveRead: 30, 31, None);

    [Fact]
    public void Sparc_with_migration_only_since_6_12()
    {
        Check(KernelVersion.Linux612, SwapTypeOptions.Migration, 28, None, 28, None, None, None, None, 31, None);
        Check(KernelVersion.Linux72, SwapTypeOptions.Migration, 28, None, 28, None, None, None, None, 31, None);
    }

    [Fact]
    public void Linux_6_1_as_captured_without_poison_and_device() =>
        Check(KernelVersion.Linux61, MigrationOnly, 27, None, 27, None, None, None, None, 30, swapinError: 31);

    [Fact]
    public void Linux_6_1_with_everything() =>
        Check(KernelVersion.Linux61, SwapTypeOptions.All, 22, 22, 23, 26, None, 28, 29, 30, 31);

    [Fact]
    public void Linux_6_1_could_leave_out_the_marker() =>
        Check(KernelVersion.Linux61, SwapTypeOptions.Migration, 28, None, 28, None, None, None, None, None, 31);

    [Fact]
    public void Markers_grew_with_the_kernels()
    {
        Assert.Equal(PteMarkers.UffdWp, SwapTypeLayout.For(KernelVersion.Linux61, SwapTypeOptions.All).Markers);
        Assert.Equal(PteMarkers.None, SwapTypeLayout.For(KernelVersion.Linux61, SwapTypeOptions.None).Markers);
        Assert.Equal(PteMarkers.UffdWp | PteMarkers.Poisoned, SwapTypeLayout.For(KernelVersion.Linux612, SwapTypeOptions.None).Markers);
        Assert.Equal((PteMarkers)7, SwapTypeLayout.For(KernelVersion.Linux72, SwapTypeOptions.None).Markers);
    }

    [Fact]
    public void Special_types_fill_the_top_without_gap_or_overlap()
    {
        foreach (KernelVersion version in Enum.GetValues<KernelVersion>())
        {
            for (int options = 0; options <= (int)SwapTypeOptions.All; options++)
            {
                SwapTypeLayout types = SwapTypeLayout.For(version, (SwapTypeOptions)options);
                uint[] numbers = [.. Enum.GetValues<SoftLeafKind>().Select(kind => SoftLeaf.NumberOf(kind, in types))
                    .Where(number => number != None).Order()];
                Assert.Equal(Enumerable.Range((int)types.MaxSwapFiles, 32 - (int)types.MaxSwapFiles).Select(number => (uint)number), numbers);
                for (uint type = 0; type < 32; type++)
                    Assert.NotEqual(SoftLeafKind.Invalid, SoftLeaf.KindOf(type, in types));
            }
        }
    }

    [Fact]
    public void Unknown_kernels_and_options_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => SwapTypeLayout.For((KernelVersion)3, SwapTypeOptions.All));
        Assert.Throws<ArgumentOutOfRangeException>(() => SwapTypeLayout.For(KernelVersion.Linux72, (SwapTypeOptions)16));
    }

    private static void Check(KernelVersion version, SwapTypeOptions options, uint max, uint poison, uint migration, uint device, uint exclusive,
        uint exclusiveWrite, uint exclusiveRead, uint marker, uint swapinError)
    {
        SwapTypeLayout types = SwapTypeLayout.For(version, options);
        Assert.Equal(
            [max, poison, migration, migration + 1, migration + 2],
            [types.MaxSwapFiles, types.HwPoison, types.MigrationRead, types.MigrationReadExclusive, types.MigrationWrite]);
        Assert.Equal([device, device == None ? None : device + 1], [types.DevicePrivateWrite, types.DevicePrivateRead]);
        Assert.Equal([exclusive, exclusiveWrite, exclusiveRead], [types.DeviceExclusive, types.DeviceExclusiveWrite, types.DeviceExclusiveRead]);
        Assert.Equal([marker, swapinError], [types.PteMarker, types.SwapinError]);
    }
}
