namespace PageTableEmu.Paging;

/// <summary>
/// How an architecture keeps (type, offset) and its marks in a non-present entry (__swp_entry, pte_swp_*). What the type numbers mean is a
/// value, <see cref="SwapTypeLayout"/>, because it depends on kernel version and configuration.
/// </summary>
/// <remarks>
/// Members that are used entry by entry want <c>[MethodImpl(MethodImplOptions.AggressiveInlining)]</c>, as those of <see cref="IFieldSwap{TFields}"/>
/// have it: a member of a few shifts may otherwise stay a call, which costs several times what it does. <c>ptemu bench encodings --assembly</c>
/// measures a format of your own beside ours; <c>SwapFormatConformance.RunFields</c> of the Conformance package tells whether it holds what is
/// put into it.
/// </remarks>
/// <seealso cref="ISwapOnlyFormat"/>
public interface ISwapFormat
{
    /// <summary>Bits of the type field.</summary>
    static abstract int SwapTypeBits { get; }

    /// <summary>Bits of the offset field.</summary>
    static abstract int SwapOffsetBits { get; }

    /// <summary>
    /// Bits of a frame number that an offset field must hold (MAX_PHYSMEM_BITS - PAGE_SHIFT); the migration A and D bits lie above.
    /// </summary>
    static abstract int FrameNumberBits { get; }

    /// <summary>Whether non-present entries have an exclusive mark: only some huge forms lack it.</summary>
    static virtual bool HasSwapExclusive => true;

    /// <summary>Whether non-present entries have a soft-dirty mark.</summary>
    static abstract bool HasSwapSoftDirty { get; }

    /// <summary>Whether non-present entries have a userfaultfd write-protect mark.</summary>
    static abstract bool HasSwapUffdWp { get; }

    /// <summary>Makes a non-present entry without marks. Bits beyond the fields are dropped, as the kernel's macro does.</summary>
    static abstract Pte EncodeSwap(uint type, ulong offset);

    /// <summary>Type field of a non-present entry.</summary>
    static abstract uint SwapType(Pte entry);

    /// <summary>Offset field of a non-present entry.</summary>
    static abstract ulong SwapOffset(Pte entry);

    /// <summary>The exclusive mark: the page belonged to this entry alone when it was swapped out; false where the format has none.</summary>
    static abstract bool IsSwapExclusive(Pte entry);

    /// <summary>Sets the exclusive mark; the entry itself where the format has none.</summary>
    static abstract Pte MakeSwapExclusive(Pte entry);

    /// <summary>Clears the exclusive mark.</summary>
    static abstract Pte ClearSwapExclusive(Pte entry);

    /// <summary>The soft-dirty mark; false where the format has none.</summary>
    static abstract bool IsSwapSoftDirty(Pte entry);

    /// <summary>Sets the soft-dirty mark; the entry itself where the format has none.</summary>
    static abstract Pte MakeSwapSoftDirty(Pte entry);

    /// <summary>Clears the soft-dirty mark.</summary>
    static abstract Pte ClearSwapSoftDirty(Pte entry);

    /// <summary>The userfaultfd write-protect mark; false where the format has none.</summary>
    static abstract bool IsSwapUffdWp(Pte entry);

    /// <summary>Sets the userfaultfd write-protect mark; the entry itself where the format has none.</summary>
    static abstract Pte MakeSwapUffdWp(Pte entry);

    /// <summary>Clears the userfaultfd write-protect mark.</summary>
    static abstract Pte ClearSwapUffdWp(Pte entry);
}
