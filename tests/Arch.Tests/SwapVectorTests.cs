using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Non-present entries against the kernel's own macros.</summary>
public sealed class SwapVectorTests
{
    [Fact]
    public void X64_of_4_levels() => Check<X64FourLevel>("x86_64.csv", KernelVersion.Linux72, 800);

    [Fact]
    public void X64_of_5_levels() => Check<X64FiveLevel>("x86_64.csv", KernelVersion.Linux72, 800);

    [Fact]
    public void X64_of_Linux_6_12() => Check<X64FourLevel>("linux-6.12/x86_64.csv", KernelVersion.Linux612, 505);

    [Fact]
    public void Sun4u() => Check<Sun4u>("sparc64.csv", KernelVersion.Linux72, 349);

    [Fact]
    public void Sun4v() => Check<Sun4v>("sparc64.csv", KernelVersion.Linux72, 349);

    [Fact]
    public void Sun4vM7() => Check<Sun4vM7>("sparc64.csv", KernelVersion.Linux72, 349);

    [Fact]
    public void Sparc_of_Linux_6_12() => Check<Sun4v>("linux-6.12/sparc64.csv", KernelVersion.Linux612, 234);

    [Fact]
    public void Arm64() => Check<Arm64FourLevel>("arm64.csv", KernelVersion.Linux72, 600);

    [Fact]
    public void Arm64_of_Linux_6_12() => Check<Arm64FourLevel>("linux-6.12/arm64.csv", KernelVersion.Linux612, 394);

    [Fact]
    public void Migration_age_of_x64_with_4_levels() => CheckAge<X64FourLevel>("x86_64_migration_ad.csv", 46, 44);

    [Fact]
    public void Migration_age_of_x64_with_5_levels() => CheckAge<X64FiveLevel>("x86_64_migration_ad.csv", 52, 45);

    [Fact]
    public void Migration_age_of_sun4u() => CheckAge<Sun4u>("sparc64_migration_ad.csv", 53, 47);

    [Fact]
    public void Migration_age_of_sun4v() => CheckAge<Sun4v>("sparc64_migration_ad.csv", 53, 47);

    [Fact]
    public void Migration_age_of_M7() => CheckAge<Sun4vM7>("sparc64_migration_ad.csv", 53, 47);

    [Fact]
    public void Migration_age_of_arm64() => CheckAge<Arm64FourLevel>("arm64_migration_ad.csv", 48, 50);

    private static void Check<TArch>(string file, KernelVersion version, int rows)
        where TArch : struct, IArchitecture
    {
        SwapTypeLayout types = SwapTypeLayout.For(version, TArch.UsualSwapTypeOptions);
        VectorFile.Check(file, rows, row =>
        {
            var entry = new Pte(row.Hex("raw_hex"));
            row.Expect("none", false, TArch.IsNone(entry, 1));
            row.Expect("present", false, TArch.IsPresent(entry, 1));
            row.Expect("type", row.Number("type"), TArch.SwapType(entry));
            row.Expect("offset", row.Number("offset"), TArch.SwapOffset(entry));
            row.Expect("exclusive", row.Flag("exclusive"), TArch.IsSwapExclusive(entry));
            row.Expect("soft-dirty", row.Flag("soft_dirty"), TArch.IsSwapSoftDirty(entry));
            row.Expect("uffd-wp", row.Flag("uffd_wp"), TArch.IsSwapUffdWp(entry));
            row.Expect("encoded", entry.Raw, EncodeByFields<TArch>(row).Raw);

            SoftLeaf built = Build(row, young: false, dirty: false);
            SoftLeaf decoded = SoftLeaf.Decode<TArch>(entry, in types);
            row.Expect("kind", row["kind"], SoftLeafNames.NameOf(decoded));
            row.Expect("classified", built, decoded);
            row.Expect("encoded by kind", entry.Raw, built.Encode<TArch>(in types).Raw);
        });
    }

    private static void CheckAge<TArch>(string file, int physicalBits, int rows)
        where TArch : struct, IArchitecture
    {
        SwapTypeLayout types = TArch.DefaultSwapTypes;
        Assert.Equal(physicalBits, TArch.FrameNumberBits + TArch.PageShift);
        VectorFile.Check(file, rows, row =>
        {
            var entry = new Pte(row.Hex("raw_hex"));
            row.Expect("type", row.Number("type"), TArch.SwapType(entry));
            row.Expect("offset", row.Number("offset"), TArch.SwapOffset(entry));
            row.Expect("encoded", entry.Raw, TArch.EncodeSwap((uint)row.Number("type"), row.Number("offset")).Raw);

            SoftLeaf built = Build(row, row.Flag("young"), row.Flag("dirty"));
            SoftLeaf decoded = SoftLeaf.Decode<TArch>(entry, in types);
            row.Expect("kind", row["kind"], SoftLeafNames.NameOf(decoded));
            row.Expect("frame", row.Number("pfn"), decoded.Frame);
            row.Expect("young", row.Flag("young"), decoded.IsYoung);
            row.Expect("dirty", row.Flag("dirty"), decoded.IsDirty);
            row.Expect("classified", built, decoded);
            row.Expect("encoded by kind", entry.Raw, built.Encode<TArch>(in types).Raw);
        }, row => row["max_physmem_bits"] == $"{physicalBits}");
    }

    private static Pte EncodeByFields<TArch>(VectorFile.Row row)
        where TArch : struct, IArchitecture
    {
        Pte entry = TArch.EncodeSwap((uint)row.Number("type"), row.Number("offset"));
        entry = row.Flag("exclusive") ? TArch.MakeSwapExclusive(entry) : TArch.ClearSwapExclusive(entry);
        entry = row.Flag("soft_dirty") ? TArch.MakeSwapSoftDirty(entry) : TArch.ClearSwapSoftDirty(entry);
        return row.Flag("uffd_wp") ? TArch.MakeSwapUffdWp(entry) : TArch.ClearSwapUffdWp(entry);
    }

    private static SoftLeaf Build(VectorFile.Row row, bool young, bool dirty)
    {
        Assert.True(SoftLeafNames.TryParse(row["kind"], out SoftLeafKind kind, out PteMarkers markers), $"unknown kind {row["kind"]}");
        bool marked = row.Has("exclusive");
        SoftLeafMarks marks = !marked ? 0 : (row.Flag("exclusive") ? SoftLeafMarks.Exclusive : 0)
            | (row.Flag("soft_dirty") ? SoftLeafMarks.SoftDirty : 0) | (row.Flag("uffd_wp") ? SoftLeafMarks.UffdWp : 0);
        return kind switch
        {
            SoftLeafKind.Swap => SoftLeaf.OfSwap((uint)row.Number("type"), row.Number("offset"), marks),
            SoftLeafKind.Marker => SoftLeaf.OfMarker(markers, marks),
            _ => SoftLeaf.OfFrame(kind, row.Number(marked ? "offset" : "pfn"), marks, young, dirty),
        };
    }
}
