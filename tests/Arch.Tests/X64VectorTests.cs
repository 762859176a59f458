using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Present entries of x86-64 against the kernel's own macros.</summary>
public sealed class X64VectorTests
{
    private static readonly Dictionary<string, AccessRights> UserProtections = new()
    {
        ["PAGE_NONE"] = AccessRights.None,
        ["PAGE_READONLY"] = AccessRights.Read,
        ["PAGE_COPY"] = AccessRights.Read | AccessRights.Write,
        ["PAGE_READONLY_EXEC"] = AccessRights.Read | AccessRights.Execute,
        ["PAGE_COPY_EXEC"] = AccessRights.Read | AccessRights.Write | AccessRights.Execute,
        ["PAGE_SHARED"] = AccessRights.Read | AccessRights.Write | AccessRights.Shared,
        ["PAGE_SHARED_EXEC"] = AccessRights.Read | AccessRights.Write | AccessRights.Execute | AccessRights.Shared,
    };

    private static readonly Dictionary<string, ulong> KernelProtections = new()
    {
        ["__PAGE_KERNEL"] = 0x8000000000000163,
        ["__PAGE_KERNEL_EXEC"] = 0x163,
        ["__PAGE_KERNEL_RO"] = 0x8000000000000121,
    };

    [Fact]
    public void Present_ptes_are_parsed_and_built() => Check("x86_64", 1, 217);

    [Fact]
    public void Present_pmds_are_parsed_and_built() => Check("x86_64_pmd", 2, 43);

    [Fact]
    public void Operations() => VectorFile.Check("x86_64_pte_ops.csv", 240, row =>
    {
        var old = new Pte(row.Hex("old_raw"));
        row.Expect(row["op"], row.Hex("new_raw"), Operate(old, row["op"], row["arg"]).Raw);
    });

    private static void Check(string arch, int level, int rows) => VectorFile.Check("x86_64_present.csv", rows, row =>
    {
        var entry = new Pte(row.Hex("raw_hex"));
        ulong frame = row.Number("pfn");
        string[] flags = row["flags"].Split('+');
        row.Expect("none", false, X64Leaf.IsNone(entry));
        row.Expect("present", true, X64Leaf.IsPresent(entry, level));
        row.Expect("leaf", true, X64Leaf.IsLeaf(entry, level));
        row.Expect("table", false, X64Leaf.IsTable(entry, level));
        row.Expect("frame", frame, X64Leaf.FrameOf(entry, level));
        row.Expect("flags", row["flags"], string.Join('+', X64Names.FlagNames(entry, level)));
        row.Expect("unknown flag", null, X64Names.ParseFlags(flags, level, table: false, out Protection parsed));
        row.Expect("placed", entry.Raw, X64Leaf.Place(frame, parsed, level).Raw);
        CheckPredicates(row, entry, flags);
        row.Expect("built", entry.Raw, Build(frame, row["prot"], flags, level).Raw);
    }, row => row["arch"] == arch);

    private static void CheckPredicates(VectorFile.Row row, Pte entry, string[] flags)
    {
        row.Expect("young", flags.Contains("accessed"), X64Leaf.IsYoung(entry));
        row.Expect("dirty", flags.Contains("dirty") || flags.Contains("saved_dirty"), X64Leaf.IsDirty(entry));
        row.Expect("writable", flags.Contains("write"), X64Leaf.IsWritable(entry));
        row.Expect("executable", flags.Contains("exec"), X64Leaf.IsExecutable(entry));
        row.Expect("user", flags.Contains("user"), X64Leaf.IsUser(entry));
        row.Expect("protnone", flags.Contains("protnone"), X64Leaf.IsProtNone(entry));
        row.Expect("special", flags.Contains("special"), X64Leaf.IsSpecial(entry));
        row.Expect("soft-dirty", flags.Contains("softdirty"), X64Leaf.IsSoftDirty(entry));
        row.Expect("uffd-wp", flags.Contains("uffd_wp"), X64Leaf.IsUffdWp(entry));
    }

    // The way the kernel comes to such an entry: protection value and frame, then one operation after another.
    private static Pte Build(ulong frame, string protection, string[] flags, int level)
    {
        Pte entry = X64Leaf.MakeLeaf(frame, WithPkeyOf(flags, ProtectionNamed(protection)), level);
        bool written = flags.Contains("dirty") && flags.Contains("write") && !KernelProtections.ContainsKey(protection);
        if (written || flags.Contains("saved_dirty"))
            entry = X64Leaf.MakeDirty(entry);
        if (flags.Contains("uffd_wp"))
            entry = X64Leaf.MakeUffdWp(entry);
        entry = flags.Contains("write") ? X64Leaf.MakeWritable(entry) : X64Leaf.WriteProtect(entry);

        // Dirty without write is how a page of a shadow stack becomes writable.
        if (flags.Contains("dirty") && !flags.Contains("write"))
            entry = X64Leaf.MakeShadowStack(entry);
        entry = flags.Contains("softdirty") ? X64Leaf.MakeSoftDirty(entry) : X64Leaf.ClearSoftDirty(entry);
        if (flags.Contains("special"))
            entry = X64Leaf.MakeSpecial(entry);
        entry = flags.Contains("accessed") ? X64Leaf.MakeYoung(entry) : X64Leaf.MakeOld(entry);
        return flags.Contains("invalid") ? X64Leaf.MakeInvalid(entry, level) : entry;
    }

    private static Pte Operate(Pte entry, string operation, string argument) => operation switch
    {
        "modify" => X64Leaf.Modify(entry, ArgumentProtection(argument), 1),
        "advance_pfn" => X64Leaf.Advance(entry, ulong.Parse(argument)),
        "mkyoung" => X64Leaf.MakeYoung(entry),
        "mkold" => X64Leaf.MakeOld(entry),
        "mkdirty" => X64Leaf.MakeDirty(entry),
        "mkclean" => X64Leaf.MakeClean(entry),
        "mkwrite_vma_normal" => X64Leaf.MakeWritable(entry),
        "mkwrite_vma_shadow_stack" => X64Leaf.MakeShadowStack(entry),
        "mkwrite_novma" => X64Leaf.MakeWritableKeepingSavedDirty(entry),
        "wrprotect" => X64Leaf.WriteProtect(entry),
        "mkspecial" => X64Leaf.MakeSpecial(entry),
        "mksoft_dirty" => X64Leaf.MakeSoftDirty(entry),
        "clear_soft_dirty" => X64Leaf.ClearSoftDirty(entry),
        "mkuffd_wp" => X64Leaf.MakeUffdWp(entry),
        "clear_uffd_wp" => X64Leaf.ClearUffdWp(entry),
        _ => throw new ArgumentException($"Unknown operation {operation}."),
    };

    private static Protection ArgumentProtection(string argument)
    {
        string[] parts = argument.Split('|');
        return WithPkeyOf(parts, ProtectionNamed(parts[0]));
    }

    private static Protection WithPkeyOf(string[] names, Protection protection)
    {
        string? key = names.FirstOrDefault(name => name.StartsWith("pkey", StringComparison.Ordinal));
        return key is null ? protection : X64Leaf.WithPkey(protection, int.Parse(key[4..]));
    }

    private static Protection ProtectionNamed(string name) =>
        KernelProtections.TryGetValue(name, out ulong raw) ? new Protection(raw) : X64Leaf.ProtectionOf(UserProtections[name]);
}
