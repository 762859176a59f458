using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Formats;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Architectures of which only the swap entries are known, against the kernel's own macros.</summary>
public sealed class SwapFormatTests
{
    [Fact]
    public void Riscv64() => Check<Riscv64Swap>("riscv64.csv", KernelVersion.Linux72, 455);

    [Fact]
    public void Riscv64_of_Linux_6_12() => Check<Riscv64Swap>("linux-6.12/riscv64.csv", KernelVersion.Linux612, 378);

    [Fact]
    public void S390x() => Check<S390xSwap>("s390x.csv", KernelVersion.Linux72, 375);

    [Fact]
    public void S390x_of_Linux_6_12_which_has_no_device_memory() =>
        Check<S390xSwap>("linux-6.12/s390x.csv", KernelVersion.Linux612, 266, SwapTypeOptions.Migration | SwapTypeOptions.PteMarker);

    [Fact]
    public void Ppc64_with_pages_of_64_KiB() => Check<Ppc64RadixSwap>("ppc64_radix.csv", KernelVersion.Linux72, 365);

    [Fact]
    public void Ppc64_with_pages_of_64_KiB_of_Linux_6_12() => Check<Ppc64RadixSwap>("linux-6.12/ppc64_radix.csv", KernelVersion.Linux612, 388);

    [Fact]
    public void Ppc64_with_pages_of_4_KiB() => Check<Ppc64Radix4kSwap>("ppc64_radix_4k.csv", KernelVersion.Linux72, 393);

    [Fact]
    public void Ppc64_with_pages_of_4_KiB_of_Linux_6_12() => Check<Ppc64Radix4kSwap>("linux-6.12/ppc64_radix_4k.csv", KernelVersion.Linux612, 412);

    [Fact]
    public void LoongArch64() => Check<LoongArch64Swap>("loongarch64.csv", KernelVersion.Linux72, 285);

    [Fact]
    public void LoongArch64_of_Linux_6_12() => Check<LoongArch64Swap>("linux-6.12/loongarch64.csv", KernelVersion.Linux612, 305);

    [Fact]
    public void Migration_age_of_riscv64() => CheckAge<Riscv64Swap>("riscv64_migration_ad.csv", 56, 52);

    [Fact]
    public void Migration_age_of_s390x() => CheckAge<S390xSwap>("s390x_migration_ad.csv", 46, 47);

    [Fact]
    public void Migration_age_of_ppc64_with_pages_of_64_KiB() => CheckAge<Ppc64RadixSwap>("ppc64_radix_migration_ad.csv", 51, 45);

    [Fact]
    public void Migration_age_of_ppc64_with_pages_of_4_KiB() => CheckAge<Ppc64Radix4kSwap>("ppc64_radix_4k_migration_ad.csv", 46, 48);

    [Fact]
    public void Migration_age_of_loongarch64() => CheckAge<LoongArch64Swap>("loongarch64_migration_ad.csv", 48, 43);

    [Fact]
    public void Segments_of_s390x() => CheckPmd<S390xSegmentSwap>("s390x_pmd_swap.csv", 27);

    [Fact]
    public void Pmds_of_loongarch64() => CheckPmd<LoongArch64PmdSwap>("loongarch64_pmd_swap.csv", 33);

    [Fact]
    public void Empty_and_present_words_are_the_kernels()
    {
        Assert.True(S390xSwap.IsNone(new Pte(0x400)) && !S390xSwap.IsNone(default) && S390xSwap.IsPresent(new Pte(1)));
        Assert.True(S390xSegmentSwap.IsNone(new Pte(0x20)) && S390xSegmentSwap.IsPresent(new Pte(0x1000_0001)));
        Assert.True(Riscv64Swap.IsPresent(new Pte(1)) && Riscv64Swap.IsPresent(new Pte(0x20)) && !Riscv64Swap.IsPresent(new Pte(0xfffd8)));
        Assert.True(IsNone<Ppc64RadixSwap>(0x180) && !IsPresent<Ppc64RadixSwap>(1UL << 62));
        Assert.True(IsPresent<Ppc64RadixSwap>(3UL << 62) && IsPresent<Ppc64RadixSwap>(3UL << 61));
        Assert.True(LoongArch64Swap.IsNone(new Pte(0x40)) && LoongArch64Swap.IsPresent(new Pte(0x80)) && LoongArch64Swap.IsPresent(new Pte(0x400)));
        Assert.True(LoongArch64PmdSwap.IsPresent(new Pte(0x9000_0000_0000_4000)) && LoongArch64PmdSwap.IsNone(default));
    }

    [Fact]
    public void Layouts_are_found_by_asking_the_formats()
    {
        Assert.Equal("type 63:59 ~offset 58:9 exclusive 3:3 uffd_wp 2:2 soft_dirty 1:1", Layout<X64FourLevel>());
        Assert.Equal("offset 63:21 exclusive 20:20 type 19:13", Layout<Sun4v>());
        Assert.Equal("offset 61:12 type 10:6 uffd_wp 3:3 exclusive 2:2", Layout<Arm64FourLevel>());
        Assert.Equal("offset 63:12 type 11:7 exclusive 6:6 uffd_wp 4:4 soft_dirty 3:3", Layout<Riscv64Swap>());
        Assert.Equal("offset 63:12 exclusive 11:11 one 10:9 type 6:2 soft_dirty 1:1", Layout<S390xSwap>());
        Assert.Equal("one 62:62 offset 52:16 soft_dirty 9:9 exclusive 5:5 type 4:0", Layout<Ppc64RadixSwap>());
        Assert.Equal("offset 63:24 type 22:16 one 6:6", Layout<LoongArch64PmdSwap>());
    }

    private static string Layout<TFormat>()
        where TFormat : struct, ISwapFormat =>
        string.Join(' ', SwapEntryLayout.Of<TFormat>().Where(field => field.Name.Length > 0)
            .Select(field => $"{field.Name} {field.High}:{field.Low}"));

    private static void Check<TFormat>(string file, KernelVersion version, int rows, SwapTypeOptions? options = null)
        where TFormat : struct, ISwapOnlyFormat
    {
        SwapTypeLayout types = SwapTypeLayout.For(version, options ?? TFormat.UsualSwapTypeOptions);
        VectorFile.Check(file, rows, row =>
        {
            var entry = new Pte(row.Hex("raw_hex"));
            row.Expect("exclusive", row.Flag("exclusive"), TFormat.IsSwapExclusive(entry));
            row.Expect("soft-dirty", row.Flag("soft_dirty"), TFormat.IsSwapSoftDirty(entry));
            row.Expect("uffd-wp", row.Flag("uffd_wp"), TFormat.IsSwapUffdWp(entry));
            Pte encoded = TFormat.EncodeSwap((uint)row.Number("type"), row.Number("offset"));
            encoded = row.Flag("exclusive") ? TFormat.MakeSwapExclusive(encoded) : TFormat.ClearSwapExclusive(encoded);
            encoded = row.Flag("soft_dirty") ? TFormat.MakeSwapSoftDirty(encoded) : TFormat.ClearSwapSoftDirty(encoded);
            encoded = row.Flag("uffd_wp") ? TFormat.MakeSwapUffdWp(encoded) : TFormat.ClearSwapUffdWp(encoded);
            row.Expect("encoded", entry.Raw, encoded.Raw);
            SoftLeaf decoded = CheckFields<TFormat>(row, entry, in types);
            row.Expect("kind", row["kind"], SoftLeafNames.NameOf(decoded));
            row.Expect("frame or offset", row.Number("offset"), decoded.HasFrame ? decoded.Frame : decoded.Offset);
            row.Expect("encoded by kind", entry.Raw, decoded.Encode<TFormat>(in types).Raw);
        });
    }

    private static void CheckAge<TFormat>(string file, int physicalBits, int rows)
        where TFormat : struct, ISwapOnlyFormat
    {
        SwapTypeLayout types = SwapTypeLayout.For(KernelVersion.Linux72, TFormat.UsualSwapTypeOptions);
        Assert.Equal(physicalBits, TFormat.FrameNumberBits + TFormat.PageShift);
        VectorFile.Check(file, rows, row =>
        {
            var entry = new Pte(row.Hex("raw_hex"));
            row.Expect("bits", $"{physicalBits}", row["max_physmem_bits"]);
            row.Expect("encoded", entry.Raw, TFormat.EncodeSwap((uint)row.Number("type"), row.Number("offset")).Raw);
            SoftLeaf decoded = CheckFields<TFormat>(row, entry, in types);
            row.Expect("kind", row["kind"], SoftLeafNames.NameOf(decoded));
            row.Expect("frame", row.Number("pfn"), decoded.Frame);
            row.Expect("young", row.Flag("young"), decoded.IsYoung);
            row.Expect("dirty", row.Flag("dirty"), decoded.IsDirty);
            row.Expect("encoded by kind", entry.Raw, decoded.Encode<TFormat>(in types).Raw);
        });
    }

    private static void CheckPmd<TFormat>(string file, int rows)
        where TFormat : struct, ISwapOnlyFormat
    {
        SwapTypeLayout types = SwapTypeLayout.For(KernelVersion.Linux72, TFormat.UsualSwapTypeOptions);
        Assert.False(TFormat.HasSwapExclusive);
        VectorFile.Check(file, rows, row =>
        {
            var entry = new Pte(row.Hex("raw_hex"));
            CheckFields<TFormat>(row, entry, in types);
            row.Expect("encoded", entry.Raw, TFormat.EncodeSwap((uint)row.Number("type"), row.Number("offset")).Raw);
            row.Expect("no exclusive mark", entry, TFormat.MakeSwapExclusive(entry));
        });
    }

    private static SoftLeaf CheckFields<TFormat>(VectorFile.Row row, Pte entry, in SwapTypeLayout types)
        where TFormat : struct, ISwapOnlyFormat
    {
        row.Expect("none", false, TFormat.IsNone(entry));
        row.Expect("present", false, TFormat.IsPresent(entry));
        row.Expect("type", row.Number("type"), TFormat.SwapType(entry));
        row.Expect("offset", row.Number("offset"), TFormat.SwapOffset(entry));
        return SoftLeaf.DecodeSwapForm<TFormat>(entry, in types, TFormat.Level);
    }

    private static bool IsNone<TFormat>(ulong raw)
        where TFormat : struct, ISwapOnlyFormat => TFormat.IsNone(new Pte(raw));

    private static bool IsPresent<TFormat>(ulong raw)
        where TFormat : struct, ISwapOnlyFormat => TFormat.IsPresent(new Pte(raw));
}
