namespace PageTableEmu.Paging;

/// <summary>
/// What makes walks fast: the usual forms of entries as constants, so that one comparison tells that an entry has its usual form <i>and</i> that
/// what it points to lies inside RAM. Every member has a default that says "no usual form": walks then ask <see cref="ILeafFormat"/>, which
/// is always right and slower. A walk that meets anything unusual asks it too.
/// </summary>
/// <remarks>
/// The contract, which the laws of conformance try: where <c>(raw &amp; ~TableIgnores) - TableMarks</c> is the address of a page other than the
/// first, and below 2^52, the entry is a table (<see cref="ILeafFormat.IsTable"/>) at that address. Where <see cref="IsPlainLeaf"/>, the entry is
/// a leaf of level 1 whose frame number is <c>raw &amp; PlainLeafFrame</c>, shifted right by the page shift.
/// A leaf that has all of <see cref="SettledLeaf"/> is left as it is by every access (<see cref="ILeafFormat.TryAccess"/>).
/// </remarks>
/// <example>
/// <code>
/// Show&lt;X64FourLevel&gt;();
///
/// static void Show&lt;TArch&gt;()
///     where TArch : IQuickWalk =&gt;
///     Console.WriteLine($"a pointer of level 2 ignores {TArch.TableIgnores(2):x}, has {TArch.TableMarks(2):x}");
/// </code>
/// </example>
public interface IQuickWalk
{
    /// <summary>Bits of a pointer to a table that may have any value.</summary>
    /// <param name="level">Level of the entry.</param>
    static virtual ulong TableIgnores(int level) => ulong.MaxValue;

    /// <summary>Bits that every pointer to a table of the usual form has set, besides its address.</summary>
    /// <inheritdoc cref="TableIgnores"/>
    static virtual ulong TableMarks(int level) => 1;

    /// <summary>Whether an entry of level 1 is a leaf that holds its frame number as it is.</summary>
    static virtual bool IsPlainLeaf(Pte entry) => false;

    /// <summary>Bits of a plain leaf that hold its frame number, in their place.</summary>
    static virtual ulong PlainLeafFrame => 0;

    /// <summary>
    /// Bits that make a leaf of level 1 one that no access changes when all are set (on x86 accessed and dirty): it can be taken away by a plain
    /// store. All ones when no bits tell that.
    /// </summary>
    static virtual ulong SettledLeaf => ulong.MaxValue;

    /// <summary>
    /// Whether canonical addresses are those whose bits above the index of the root repeat the highest bit of it: a walk then takes that index and
    /// looks whether the address is canonical at once.
    /// </summary>
    static virtual bool RootIndexIsSigned => false;
}
