using System.Runtime.CompilerServices;

namespace PageTableEmu.Paging;

/// <summary>
/// One page-table entry of any level, as the 64-bit integer the processor sees (byte order undone). What its bits mean is said by an
/// <see cref="ILeafFormat"/> and an <see cref="ISwapFormat"/>.
/// </summary>
/// <param name="raw">The entry in processor order.</param>
/// <seealso cref="IPageTagProvider"/>
public readonly struct Pte(ulong raw) : IEquatable<Pte>
{
    /// <summary>The entry in processor order.</summary>
    public ulong Raw { get; } = raw;

    /// <summary>Full 64-bit comparison (the kernel's pte_same).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool operator ==(Pte left, Pte right) => left.Raw == right.Raw;

    /// <summary>Full 64-bit comparison.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool operator !=(Pte left, Pte right) => left.Raw != right.Raw;

    /// <inheritdoc/>
    public bool Equals(Pte other) => Raw == other.Raw;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Pte other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Raw.GetHashCode();

    /// <summary>Sixteen hexadecimal digits.</summary>
    public override string ToString() => $"{Raw:x16}";
}
