using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>
/// A swap entry made of plain bit fields: type, offset, one bit a mark, and bits that are always set. Everything of
/// <see cref="ISwapFormat"/> follows from where they lie.
/// </summary>
/// <example>
/// <code>
/// Draw&lt;Riscv64Swap&gt;();
/// Draw&lt;S390xSwap&gt;();
/// Draw&lt;S390xSegmentSwap&gt;();
/// Draw&lt;Ppc64RadixSwap&gt;();
/// Draw&lt;Ppc64Radix4kSwap&gt;();
/// Draw&lt;LoongArch64Swap&gt;();
/// Draw&lt;LoongArch64PmdSwap&gt;();
///
/// static void Draw&lt;TFormat&gt;()
///     where TFormat : struct, IFieldSwapFormat =&gt;
///     Console.WriteLine($"{TFormat.Name}: {TFormat.EncodeSwap(type: 1, offset: 0x41).Raw:x16}, type from bit {TFormat.TypeShift} on");
/// </code>
/// </example>
public interface IFieldSwapFormat : ISwapOnlyFormat
{
    /// <summary>Lowest bit of the type.</summary>
    static abstract int TypeShift { get; }

    /// <summary>Lowest bit of the offset.</summary>
    static abstract int OffsetShift { get; }

    /// <summary>Bits that every non-present entry has set.</summary>
    static abstract ulong FixedBits { get; }

    /// <summary>The exclusive mark; 0 where there is none.</summary>
    static abstract ulong ExclusiveBit { get; }

    /// <summary>The soft-dirty mark; 0 where there is none.</summary>
    static abstract ulong SoftDirtyBit { get; }

    /// <summary>The userfaultfd write-protect mark; 0 where there is none.</summary>
    static abstract ulong UffdWpBit { get; }
}
