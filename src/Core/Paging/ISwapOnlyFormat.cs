namespace PageTableEmu.Paging;

/// <summary>
/// Non-present entries of an architecture whose present entries are not modelled: enough to read and write swap entries of a dump, to draw
/// them and to check their laws. One struct describes one level; most architectures use the same form at all levels.
/// </summary>
/// <example>
/// <code>
/// Draw&lt;Riscv64Swap&gt;();
///
/// static void Draw&lt;TFormat&gt;()
///     where TFormat : struct, ISwapOnlyFormat
/// {
///     Pte entry = TFormat.EncodeSwap(type: 1, offset: 0x41);
///     bool isSwap = !TFormat.IsNone(entry) &amp;&amp; !TFormat.IsPresent(entry);
///     Console.WriteLine($"{TFormat.Name}: {entry.Raw:x16} type {TFormat.SwapType(entry)} offset {TFormat.SwapOffset(entry):x} {isSwap}");
/// }
/// </code>
/// </example>
public interface ISwapOnlyFormat : ISwapFormat
{
    /// <summary>Name of the architecture, as in the vector files.</summary>
    static abstract string Name { get; }

    /// <summary>Level of the table: 1 PTE, 2 PMD.</summary>
    static abstract int Level { get; }

    /// <summary>log2 of the base page size.</summary>
    static abstract int PageShift { get; }

    /// <summary>Whether entries lie in memory with the most significant byte first.</summary>
    static abstract bool BigEndian { get; }

    /// <summary>The configuration options that a usual kernel of this architecture has on.</summary>
    static abstract SwapTypeOptions UsualSwapTypeOptions { get; }

    /// <summary>Nothing is mapped and nothing is remembered.</summary>
    static abstract bool IsNone(Pte entry);

    /// <summary>Linux's notion of present.</summary>
    static abstract bool IsPresent(Pte entry);
}
