using System.Numerics;

namespace PageTableEmu.Paging;

/// <summary>
/// Where the parts of a swap entry lie, found by asking its format about single bits: nothing is written down twice. Serves drawings and
/// reports; the bulk codec has a faster description of the formats that it can serve.
/// </summary>
/// <example>
/// <code>
/// foreach (EntryField field in SwapEntryLayout.Of&lt;Riscv64Swap&gt;())
///     Console.WriteLine(field);
/// </code>
/// </example>
public static class SwapEntryLayout
{
    /// <summary>
    /// The 64 bits as fields, from bit 63 down: <c>type</c>, <c>offset</c> (<c>~offset</c> where it is stored complemented; several runs where
    /// it is not in one piece), the marks, <c>one</c> for bits that are always set. Bits without a name are always clear.
    /// </summary>
    public static IReadOnlyList<EntryField> Of<TFormat>()
        where TFormat : struct, ISwapFormat
    {
        ulong empty = TFormat.EncodeSwap(0, 0).Raw;
        var owners = new (string Name, int Index)?[64];
        for (int bit = 0; bit < TFormat.SwapTypeBits; bit++)
            Claim(owners, "type", bit, TFormat.EncodeSwap(1u << bit, 0).Raw ^ empty, empty);
        for (int bit = 0; bit < TFormat.SwapOffsetBits; bit++)
            Claim(owners, "offset", bit, TFormat.EncodeSwap(0, 1UL << bit).Raw ^ empty, empty);
        Claim(owners, "exclusive", 0, TFormat.MakeSwapExclusive(new Pte(empty)).Raw ^ empty, empty);
        Claim(owners, "soft_dirty", 0, TFormat.MakeSwapSoftDirty(new Pte(empty)).Raw ^ empty, empty);
        Claim(owners, "uffd_wp", 0, TFormat.MakeSwapUffdWp(new Pte(empty)).Raw ^ empty, empty);
        for (int bit = 0; bit < owners.Length; bit++)
        {
            if (owners[bit] is null && (empty >> bit & 1) != 0)
                owners[bit] = ("one", bit);
        }

        return EntryFields.Partition(Runs(owners));
    }

    private static void Claim((string Name, int Index)?[] owners, string name, int index, ulong changed, ulong empty)
    {
        bool complemented = (changed & empty) != 0;
        for (; changed != 0; changed &= changed - 1)
            owners[BitOperations.TrailingZeroCount(changed)] = (complemented ? "~" + name : name, index);
    }

    private static IEnumerable<EntryField> Runs((string Name, int Index)?[] owners)
    {
        for (int low = 0; low < owners.Length;)
        {
            if (owners[low] is not { } owner)
            {
                low++;
                continue;
            }

            int width = 1;
            while (low + width < owners.Length && owners[low + width] == (owner.Name, owner.Index + width))
                width++;
            yield return new EntryField(owner.Name, low, width);
            low += width;
        }
    }
}
