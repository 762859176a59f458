namespace PageTableEmu.Paging;

/// <summary>
/// Where the fields of a swap entry lie: type, offset, one bit a mark, and bits that are always set. All are constants, and everything of
/// <see cref="ISwapFormat"/> but the size of frame numbers follows from them (<see cref="IFieldSwap{TFields}"/>).
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
/// Draw&lt;Arm64Swap&gt;();
/// Draw&lt;SparcSwap&gt;();
///
/// static void Draw&lt;TFields&gt;()
///     where TFields : struct, ISwapFields =&gt;
///     Console.WriteLine($"{FieldSwap&lt;TFields&gt;.Encode(type: 1, offset: 0x41).Raw:x16}, type from bit {TFields.TypeShift} on");
/// </code>
/// </example>
public interface ISwapFields
{
    /// <summary>Lowest bit of the type.</summary>
    static abstract int TypeShift { get; }

    /// <summary>Bits of the type.</summary>
    static abstract int TypeBits { get; }

    /// <summary>Lowest bit of the offset.</summary>
    static abstract int OffsetShift { get; }

    /// <summary>Bits of the offset.</summary>
    static abstract int OffsetBits { get; }

    /// <summary>Bits that every non-present entry has set.</summary>
    static virtual ulong FixedBits => 0;

    /// <summary>The exclusive mark; 0 where there is none.</summary>
    static virtual ulong ExclusiveBit => 0;

    /// <summary>The soft-dirty mark; 0 where there is none.</summary>
    static virtual ulong SoftDirtyBit => 0;

    /// <summary>The userfaultfd write-protect mark; 0 where there is none.</summary>
    static virtual ulong UffdWpBit => 0;
}
