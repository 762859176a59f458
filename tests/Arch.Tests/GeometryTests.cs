using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Indices of the walk and shape of the address space.</summary>
public sealed class GeometryTests
{
    [Fact]
    public void Walk_of_x64_with_4_levels() => Check<X64FourLevel>("x86_64_pagewalk.csv", "x86_64_4level", 68);

    [Fact]
    public void Walk_of_x64_with_5_levels() => Check<X64FiveLevel>("x86_64_pagewalk.csv", "x86_64_5level", 65);

    [Fact]
    public void Walk_of_sun4u() => Check<Sun4u>("sparc64_pagewalk.csv", "sparc64", 67);

    [Fact]
    public void Walk_of_sun4v() => Check<Sun4v>("sparc64_pagewalk.csv", "sparc64", 67);

    [Fact]
    public void Walk_of_M7() => Check<Sun4vM7>("sparc64_pagewalk.csv", "sparc64", 67);

    [Fact]
    public void Canonical_addresses_and_the_end_of_user_space()
    {
        CheckHole<X64FourLevel>(0x0000_8000_0000_0000, 0xffff_8000_0000_0000, 0x0000_7fff_ffff_f000);
        CheckHole<X64FiveLevel>(0x0100_0000_0000_0000, 0xff00_0000_0000_0000, 0x00ff_ffff_ffff_f000);
        CheckHole<Sun4u>(0x0000_0800_0000_0000, 0xffff_f800_0000_0000, 0x0000_07ff_0000_0000);
        CheckHole<Sun4v>(0x0008_0000_0000_0000, 0xfff8_0000_0000_0000, 0x0007_ffff_0000_0000);
        CheckHole<Sun4vM7>(0x0008_0000_0000_0000, 0xfff8_0000_0000_0000, 0x0007_ffff_0000_0000);
    }

    [Fact]
    public void Sizes_of_leaves()
    {
        Assert.Equal([12, 21, 30, 39], Enumerable.Range(1, 4).Select(Shift<X64FourLevel>));
        Assert.Equal([12, 21, 30, 39, 48], Enumerable.Range(1, 5).Select(Shift<X64FiveLevel>));
        Assert.Equal([13, 23, 33, 43], Enumerable.Range(1, 4).Select(Shift<Sun4v>));
        Assert.Equal([true, true, true, false, false], Enumerable.Range(1, 5).Select(Allowed<X64FiveLevel>));
        Assert.Equal([true, true, true, false], Enumerable.Range(1, 4).Select(Allowed<Sun4vM7>));
        Assert.Equal([true, true, false, false], Enumerable.Range(1, 4).Select(Allowed<Sun4u>));

        static int Shift<TArch>(int level)
            where TArch : struct, IArchitecture => TArch.LevelShift(level);

        static bool Allowed<TArch>(int level)
            where TArch : struct, IArchitecture => TArch.LeafAllowed(level);
    }

    [Fact]
    public void Names_and_ids_differ()
    {
        (string, uint)[] all =
        [
            (X64FourLevel.Name, X64FourLevel.Id), (X64FiveLevel.Name, X64FiveLevel.Id), (Sun4u.Name, Sun4u.Id), (Sun4v.Name, Sun4v.Id),
            (Sun4vM7.Name, Sun4vM7.Id), (Arm64FourLevel.Name, Arm64FourLevel.Id),
        ];
        Assert.Equal(all.Length, all.DistinctBy(arch => arch.Item1).Count());
        Assert.Equal(all.Length, all.DistinctBy(arch => arch.Item2).Count());
    }

    private static void CheckHole<TArch>(ulong bottom, ulong top, ulong userEnd)
        where TArch : struct, IArchitecture
    {
        Assert.True(TArch.IsCanonical(bottom - 1));
        Assert.False(TArch.IsCanonical(bottom));
        Assert.False(TArch.IsCanonical(top - 1));
        Assert.True(TArch.IsCanonical(top));
        Assert.True(TArch.IsCanonical(0) && TArch.IsCanonical(ulong.MaxValue));
        Assert.Equal(userEnd, TArch.UserSpaceEnd);
    }

    private static void Check<TArch>(string file, string arch, int rows)
        where TArch : struct, IArchitecture =>
        VectorFile.Check(file, rows, row =>
        {
            ulong address = row.Hex("va");
            row.Expect("pte", row.Number("idx_pte"), Index<TArch>(address, 1));
            row.Expect("pmd", row.Number("idx_pmd"), Index<TArch>(address, 2));
            row.Expect("pud", row.Number("idx_pud"), Index<TArch>(address, 3));
            row.Expect("p4d", row.Number("idx_p4d"), TArch.Levels == 5 ? Index<TArch>(address, 4) : 0);
            row.Expect("pgd", row.Number("idx_pgd"), Index<TArch>(address, TArch.Levels));
            row.Expect("offset", row.Number("offset"), address & ((1UL << TArch.PageShift) - 1));
        }, row => row["arch"] == arch);

    private static ulong Index<TArch>(ulong address, int level)
        where TArch : struct, IArchitecture => (address >> TArch.LevelShift(level)) & ((1UL << TArch.LevelBits(level)) - 1);
}
