using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>A flag of a present entry: how it is tested, set and cleared, and which others may change with it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Exists">Whether the format has it.</param>
/// <param name="Is">Tests it.</param>
/// <param name="Set">Sets it.</param>
/// <param name="Clear">Clears it.</param>
/// <param name="SettingTouches">Flags that setting may change too.</param>
internal sealed record Flag(string Name, bool Exists, Func<Pte, bool> Is, Func<Pte, Pte> Set, Func<Pte, Pte> Clear, params string[] SettingTouches);

/// <summary>The flags of an architecture.</summary>
internal static class Flags<TArch>
    where TArch : struct, IArchitecture
{
    internal const int Young = 1;
    internal const int Dirty = 2;
    internal const int Write = 4;
    internal const int SoftDirty = 8;
    internal const int UffdWp = 16;

    /// <summary>In the order of the constants; a subset of them is a number below <see cref="Subsets"/>.</summary>
    internal static Flag[] All { get; } =
    [
        new("young", true, TArch.IsYoung, TArch.MakeYoung, TArch.MakeOld),
        new("dirty", true, TArch.IsDirty, TArch.MakeDirty, TArch.MakeClean, "soft-dirty"), // x86 counts a store as both
        new("write", true, TArch.IsWritable, TArch.MakeWritable, TArch.WriteProtect),
        new("soft-dirty", TArch.HasSoftDirty, TArch.IsSoftDirty, TArch.MakeSoftDirty, TArch.ClearSoftDirty),
        new("uffd-wp", TArch.HasUffdWp, TArch.IsUffdWp, TArch.MakeUffdWp, TArch.ClearUffdWp, "write"), // takes writing away
    ];

    internal static int Subsets => 1 << All.Length;

    /// <summary>Brings every flag into the state that a subset asks for, in order.</summary>
    internal static Pte Apply(Pte entry, int subset)
    {
        for (int index = 0; index < All.Length; index++)
            entry = (subset >> index & 1) != 0 ? All[index].Set(entry) : All[index].Clear(entry);
        return entry;
    }

    /// <summary>The flags of an entry as a subset.</summary>
    internal static int Read(Pte entry)
    {
        int subset = 0;
        for (int index = 0; index < All.Length; index++)
            subset |= All[index].Is(entry) ? 1 << index : 0;
        return subset;
    }

    /// <summary>Names of a subset, for texts.</summary>
    internal static string Describe(int subset) =>
        subset == 0 ? "no flag" : string.Join('+', All.Where((_, index) => (subset >> index & 1) != 0).Select(flag => flag.Name));
}
