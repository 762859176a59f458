using PageTableEmu.Conformance.Laws;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tags;

/// <summary>Constants of a provider, pointers, and which entries check.</summary>
internal static class TagShapeLaws<TArch>
    where TArch : struct, IArchitecture
{
    private const AccessRights All3 = AccessRights.Read | AccessRights.Write | AccessRights.Execute;

    internal static IEnumerable<Law> All() =>
    [
        new("tags/shape", "metadata is a multiple of 8 bytes, less than a page, and the provider has a number from 1 to 255", Shape),
        new("tags/untag", "a pointer without a tag is an address; taking a tag off twice is taking it off once", Untag),
        new("tags/checks", "an entry checks exactly if its protection says so, whatever else is changed of it", Checks),
    ];

    private static void Shape(Check check)
    {
        check.Equal(0, (ulong)TArch.TagBytesPerPage % 8, "is no multiple of 8", $"{TArch.TagBytesPerPage} bytes of metadata");
        check.That(TArch.TagBytesPerPage < 1 << TArch.PageShift, "is as large as a page", default, $"{TArch.TagBytesPerPage} bytes of metadata");
        check.That(TArch.TagProviderId is >= 1 and <= 255, "is not from 1 to 255", default, $"provider number {TArch.TagProviderId}");
    }

    private static void Untag(Check check)
    {
        for (int bit = 0; bit < 64; bit++)
        {
            ulong pointer = 1UL << bit;
            check.Equal(TArch.Untag(pointer), TArch.Untag(TArch.Untag(pointer)), "untagging twice gives something else", $"pointer {pointer:x}");
            if (pointer < TArch.UserSpaceEnd)
                check.Equal(pointer, TArch.Untag(pointer), "loses a bit of the address", $"address {pointer:x}");
        }

        check.Equal(TArch.UserSpaceEnd - 1, TArch.Untag(TArch.UserSpaceEnd - 1), "loses a bit of the address", $"the last address of user space");
    }

    private static void Checks(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            for (int rights = 1; rights <= (int)All3; rights++)
            {
                Protection plain = TArch.ProtectionOf((AccessRights)rights);
                Protection tagged = TArch.ProtectionOf((AccessRights)rights | AccessRights.TagChecked);
                Pte off = TArch.MakeLeaf(0, plain, level);
                Pte on = TArch.MakeLeaf(0, tagged, level);
                Is(check, off, false, $"level {level}, rights {rights}");
                Is(check, on, true, $"level {level}, rights {rights} and checking");
                Is(check, TArch.Modify(off, tagged, level), true, $"level {level}, rights {rights}, checking switched on");
                Is(check, TArch.Modify(on, plain, level), false, $"level {level}, rights {rights}, checking switched off");
                foreach ((string name, Func<Pte, Pte> change) in Changes)
                {
                    Is(check, change(off), false, $"level {level}, rights {rights}, {name}");
                    Is(check, change(on), true, $"level {level}, rights {rights} and checking, {name}");
                }
            }
        }
    }

    private static (string Name, Func<Pte, Pte> Change)[] Changes =>
    [
        ("made young", TArch.MakeYoung), ("made old", TArch.MakeOld), ("made dirty", TArch.MakeDirty), ("made clean", TArch.MakeClean),
        ("made writable", TArch.MakeWritable), ("write-protected", TArch.WriteProtect), ("made soft-dirty", TArch.MakeSoftDirty),
        ("soft-dirty cleared", TArch.ClearSoftDirty), ("made uffd-wp", TArch.MakeUffdWp), ("uffd-wp cleared", TArch.ClearUffdWp),
    ];

    private static void Is(Check check, Pte entry, bool expected, string inputs) =>
        check.That(TArch.ChecksTags(entry) == expected, expected ? "does not check" : "checks", entry, $"{inputs}");
}
