using PageTableEmu.Arch.Formats;

namespace PageTableEmu.Cli.Entries;

/// <summary>The one place where the name of an architecture of which only the swap entries are known becomes a type argument.</summary>
internal static class SwapFormats
{
    private const int Pte = 1;
    private const int Pmd = 2;

    /// <summary>All names.</summary>
    public static string[] Names { get; } =
        [Riscv64Swap.Name, S390xSwap.Name, Ppc64RadixSwap.Name, Ppc64Radix4kSwap.Name, LoongArch64Swap.Name];

    /// <summary>Whether entries of a level are known.</summary>
    public static bool HasLevel(string name, int level) =>
        level == Pte || (level == Pmd && (name == S390xSegmentSwap.Name || name == LoongArch64PmdSwap.Name));

    /// <summary>Does something for the format of a name and level.</summary>
    /// <exception cref="ArgumentException">There is no such format.</exception>
    public static TResult Invoke<TResult>(string name, int level, ISwapFormatAction<TResult> action)
    {
        if (name == S390xSegmentSwap.Name && level == Pmd)
            return action.InvokeFormat<S390xSegmentSwap>();
        if (name == LoongArch64PmdSwap.Name && level == Pmd)
            return action.InvokeFormat<LoongArch64PmdSwap>();
        if (level != Pte)
            throw new ArgumentException($"Of {name} no entries of level {level} are known.", nameof(level));
        if (name == Riscv64Swap.Name)
            return action.InvokeFormat<Riscv64Swap>();
        if (name == S390xSwap.Name)
            return action.InvokeFormat<S390xSwap>();
        if (name == Ppc64RadixSwap.Name)
            return action.InvokeFormat<Ppc64RadixSwap>();
        if (name == Ppc64Radix4kSwap.Name)
            return action.InvokeFormat<Ppc64Radix4kSwap>();
        if (name == LoongArch64Swap.Name)
            return action.InvokeFormat<LoongArch64Swap>();
        throw new ArgumentException($"Architecture '{name}' is none of {string.Join(", ", Names)}.", nameof(name));
    }
}
