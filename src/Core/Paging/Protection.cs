namespace PageTableEmu.Paging;

/// <summary>
/// A protection value (the kernel's pgprot_t): the bits of an entry that say who may do what, without the frame number. Made by
/// <see cref="ILeafFormat.ProtectionOf"/>.
/// </summary>
/// <param name="raw">The bits, in processor order.</param>
/// <seealso cref="PageTable{TArch, TModel}"/>
public readonly struct Protection(ulong raw) : IEquatable<Protection>
{
    /// <summary>The bits, in processor order.</summary>
    public ulong Raw { get; } = raw;

    /// <summary>Equality of all bits.</summary>
    public static bool operator ==(Protection left, Protection right) => left.Raw == right.Raw;

    /// <summary>Inequality of any bit.</summary>
    public static bool operator !=(Protection left, Protection right) => left.Raw != right.Raw;

    /// <inheritdoc/>
    public bool Equals(Protection other) => Raw == other.Raw;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Protection other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Raw.GetHashCode();
}
