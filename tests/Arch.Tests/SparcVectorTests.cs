using PageTableEmu.Arch.Sparc;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Present entries of sparc64 against the kernel's own code.</summary>
public sealed class SparcVectorTests
{
    [Fact]
    public void Present_of_sun4u() => CheckPresent<Sun4u, Sun4uBits>("sparc64_sun4u_present.csv", 0x8000000000001fb6, 161);

    [Fact]
    public void Present_of_sun4v() => CheckPresent<Sun4v, Sun4vBits>("sparc64_sun4v_present.csv", 0xbc000000000007d0, 174);

    [Fact]
    public void Present_of_M7() => CheckPresent<Sun4vM7, Sun4vM7Bits>("sparc64_sun4v_m7_present.csv", 0xbc000000000005d0, 182);

    [Fact]
    public void Operations_of_sun4u() => CheckOperations<Sun4uBits>("sparc64_sun4u_pte_ops.csv", 252);

    [Fact]
    public void Operations_of_sun4v() => CheckOperations<Sun4vBits>("sparc64_sun4v_pte_ops.csv", 260);

    [Fact]
    public void Operations_of_M7() => CheckOperations<Sun4vM7Bits>("sparc64_sun4v_m7_pte_ops.csv", 272);

    [Fact]
    public void Masks_of_pte_modify_are_the_kernels()
    {
        Assert.Equal(0x630107ffffffec38UL, KeepMask<Sun4uBits>());
        Assert.Equal(0x33ffffffffffee07UL, KeepMask<Sun4vBits>());
        Assert.Equal(0x33ffffffffffec07UL, KeepMask<Sun4vM7Bits>());
    }

    private static ulong KeepMask<TBits>()
        where TBits : struct, ISparcBits => TBits.KeepMask;

    private static void CheckPresent<TArch, TBits>(string file, ulong kernel, int rows)
        where TArch : struct, ISparc<TBits>
        where TBits : struct, ISparcBits =>
        VectorFile.Check(file, rows, row =>
        {
            var entry = new Pte(row.Hex("raw_hex"));
            ulong frame = row.Number("pfn");
            string[] flags = row["flags"].Split('+');
            int level = LevelOf(row["prot"]);
            bool leafHere = TArch.LeafAllowed(level);
            row.Expect("none", false, TArch.IsNone(entry, level));
            row.Expect("present", true, TArch.IsPresent(entry, level));
            row.Expect("leaf", leafHere, TArch.IsLeaf(entry, level));
            row.Expect("table", false, TArch.IsTable(entry, level));
            row.Expect("frame", frame, TArch.FrameOf(entry, level));
            row.Expect("flags", row["flags"], string.Join('+', TArch.FlagNames(entry, level)));
            row.Expect("unknown flag", null, TArch.ParseFlags(flags, level, false, out Protection parsed));
            row.Expect("placed", entry.Raw, TArch.Place(frame, parsed, level, false).Raw);
            row.Expect("built", entry.Raw, Build<TBits>(frame, row["prot"], flags, kernel).Raw);
            CheckPredicates<TArch>(row, entry, flags);
        });

    private static void CheckPredicates<TArch>(VectorFile.Row row, Pte entry, string[] flags)
        where TArch : struct, IArchitecture
    {
        row.Expect("young", flags.Contains("accessed"), TArch.IsYoung(entry));
        row.Expect("dirty", flags.Contains("dirty"), TArch.IsDirty(entry));
        row.Expect("writable", flags.Contains("write"), TArch.IsWritable(entry));
        row.Expect("executable", flags.Contains("exec"), TArch.IsExecutable(entry));
        row.Expect("user", flags.Contains("user"), TArch.IsUser(entry));
        row.Expect("special", flags.Contains("special"), TArch.IsSpecial(entry));
        row.Expect("protnone", flags.Contains("protnone"), TArch.IsProtNone(entry));
    }

    private static int LevelOf(string protection) => protection switch
    {
        "hugetlb_shift23" or "hugetlb_shift28" or "hugetlb_shift31" => 2,
        "hugetlb_shift34" => 3,
        _ => 1,
    };

    private static Pte Build<TBits>(ulong frame, string name, string[] flags, ulong kernel)
        where TBits : struct, ISparcBits
    {
        if (name == "PAGE_KERNEL")
            return SparcLeaf<TBits>.MakeLeaf(frame, new Protection(kernel), 1);
        if (name.StartsWith("hugetlb_shift", StringComparison.Ordinal))
            return SparcLeaf<TBits>.MakeHugeTlb(frame, SparcLeaf<TBits>.ProtectionOf(RightsOf(flags)), int.Parse(name["hugetlb_shift".Length..]));

        Protection protection = SparcLeaf<TBits>.ProtectionOf(RightsNamed(name));
        if (flags.Contains("mcd"))
            protection = SparcLeaf<TBits>.WithTagCheck(protection);
        Pte entry = SparcLeaf<TBits>.MakeLeaf(frame, protection, 1);
        if (flags.Contains("dirty"))
            entry = SparcLeaf<TBits>.MakeDirty(entry);
        entry = flags.Contains("write") ? SparcLeaf<TBits>.MakeWritable(entry) : SparcLeaf<TBits>.WriteProtect(entry);
        if (flags.Contains("special"))
            entry = SparcLeaf<TBits>.MakeSpecial(entry);
        if (!flags.Contains("accessed"))
            entry = SparcLeaf<TBits>.MakeOld(entry);
        else if (flags.Contains("valid"))
            entry = SparcLeaf<TBits>.MakeYoung(entry);
        return entry;
    }

    private static void CheckOperations<TBits>(string file, int rows)
        where TBits : struct, ISparcBits =>
        VectorFile.Check(file, rows, row =>
        {
            var old = new Pte(row.Hex("old_raw"));
            row.Expect(row["op"], row.Hex("new_raw"), Operate<TBits>(old, row["op"], row["arg"]).Raw);
        });

    private static Pte Operate<TBits>(Pte entry, string operation, string argument)
        where TBits : struct, ISparcBits => operation switch
        {
            "modify" => SparcLeaf<TBits>.Modify(entry, ArgumentProtection<TBits>(argument)),
            "mkyoung" => SparcLeaf<TBits>.MakeYoung(entry),
            "mkold" => SparcLeaf<TBits>.MakeOld(entry),
            "mkdirty" => SparcLeaf<TBits>.MakeDirty(entry),
            "mkclean" => SparcLeaf<TBits>.MakeClean(entry),
            "mkwrite" => SparcLeaf<TBits>.MakeWritable(entry),
            "wrprotect" => SparcLeaf<TBits>.WriteProtect(entry),
            "mkspecial" => SparcLeaf<TBits>.MakeSpecial(entry),
            "mkmcd" => SparcLeaf<TBits>.MakeTagChecked(entry),
            "mknotmcd" => SparcLeaf<TBits>.ClearTagChecked(entry),
            _ => throw new ArgumentException($"Unknown operation {operation}."),
        };

    private static Protection ArgumentProtection<TBits>(string argument)
        where TBits : struct, ISparcBits
    {
        string[] parts = argument.Split('|');
        Protection protection = SparcLeaf<TBits>.ProtectionOf(RightsNamed(parts[0]));
        return parts.Contains("mcd") ? SparcLeaf<TBits>.WithTagCheck(protection) : protection;
    }

    // P or S, then x, w, r as digits.
    private static AccessRights RightsNamed(string name) =>
        (name[0] == 'S' ? AccessRights.Shared : 0) | (name[1] == '1' ? AccessRights.Execute : 0)
        | (name[2] == '1' ? AccessRights.Write : 0) | (name[3] == '1' ? AccessRights.Read : 0);

    private static AccessRights RightsOf(string[] flags) =>
        (flags.Contains("read") ? AccessRights.Read : 0) | (flags.Contains("exec") ? AccessRights.Execute : 0)
        | (flags.Contains("write") ? AccessRights.Write | AccessRights.Shared : 0);
}
