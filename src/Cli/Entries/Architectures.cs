using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Arch.X64;

namespace PageTableEmu.Cli.Entries;

/// <summary>The one place where the name of an architecture becomes a type argument.</summary>
internal static class Architectures
{
    /// <summary>All names.</summary>
    public static string[] Names { get; } =
        [X64FourLevel.Name, X64FiveLevel.Name, Sun4u.Name, Sun4v.Name, Sun4vM7.Name, Arm64FourLevel.Name];

    /// <summary>Names of those that have tags.</summary>
    public static string[] Tagged { get; } = [Sun4vM7.Name, Arm64FourLevel.Name];

    /// <summary>Does something for the architecture of a name.</summary>
    /// <exception cref="ArgumentException">There is no such architecture.</exception>
    public static TResult Invoke<TResult>(string name, IArchitectureAction<TResult> action)
    {
        if (name == X64FourLevel.Name)
            return action.Invoke<X64FourLevel>();
        if (name == X64FiveLevel.Name)
            return action.Invoke<X64FiveLevel>();
        if (name == Sun4u.Name)
            return action.Invoke<Sun4u>();
        if (name == Sun4v.Name)
            return action.Invoke<Sun4v>();
        if (name == Sun4vM7.Name)
            return action.Invoke<Sun4vM7>();
        if (name == Arm64FourLevel.Name)
            return action.Invoke<Arm64FourLevel>();
        throw Unknown(name);
    }

    /// <summary>
    /// Does something for the architecture of a name with the tag provider that is ours for it; false when it has no tags.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such architecture.</exception>
    public static bool TryInvokeWithTags<TResult>(string name, ITaggedArchitectureAction<TResult> action, out TResult result)
    {
        if (!Names.Contains(name))
            throw Unknown(name);
        bool has = Tagged.Contains(name);
        result = !has ? default!
            : name == Sun4vM7.Name ? action.Invoke<Sun4vM7<AdiFrameSlot>, AdiFormat>() : action.Invoke<Arm64FourLevel<MteFrameSlot>, MteFormat>();
        return has;
    }

    private static ArgumentException Unknown(string name) =>
        new($"Architecture '{name}' is none of {string.Join(", ", Names)}.", nameof(name));
}
