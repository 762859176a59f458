namespace PageTableEmu.Swap;

/// <summary>
/// A slot of a swap area, independent of any architecture (swp_entry_t): <c>[ 0 : 1 | type : 5 | offset : 58 ]</c>. 0 means none: offset 0
/// of an area is its header and never handed out.
/// </summary>
/// <param name="value">The packed value.</param>
/// <seealso cref="Mm.Readahead.SwapReadahead{TArch, TModel}"/>
public readonly struct SwapEntry(ulong value) : IEquatable<SwapEntry>
{
    internal const int TypeShift = 58;

    private const ulong OffsetMask = (1UL << TypeShift) - 1;

    /// <summary>Makes an entry.</summary>
    public SwapEntry(uint type, ulong offset)
        : this(((ulong)type << TypeShift) | (offset & OffsetMask))
    {
    }

    /// <summary>The packed value.</summary>
    public ulong Value { get; } = value;

    /// <summary>Number of the swap area.</summary>
    public uint Type => (uint)(Value >> TypeShift);

    /// <summary>Slot in the area.</summary>
    public ulong Offset => Value & OffsetMask;

    /// <summary>Whether this is no entry.</summary>
    public bool IsNone => Value == 0;

    /// <summary>Equality of type and offset.</summary>
    public static bool operator ==(SwapEntry left, SwapEntry right) => left.Value == right.Value;

    /// <summary>Inequality.</summary>
    public static bool operator !=(SwapEntry left, SwapEntry right) => left.Value != right.Value;

    /// <inheritdoc/>
    public bool Equals(SwapEntry other) => Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SwapEntry other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode();

    /// <summary>Type and offset, as <c>type:offset</c>.</summary>
    public override string ToString() => $"{Type}:{Offset}";
}
