using System.Numerics;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc;

/// <summary>
/// Names of the bits of sparc64 entries. Every leaf is <c>priv</c> or <c>user</c> (P set or clear) and has a size (<c>sz8k</c> to
/// <c>sz16g</c>); <c>protnone</c> is derived from VALID, PRESENT and READ and has no bit of its own.
/// </summary>
/// <typeparam name="TBits">Places of the bits.</typeparam>
/// <seealso cref="Sun4vM7"/>
public static class SparcNames<TBits>
    where TBits : struct, ISparcBits
{
    private static readonly string[] SizeNames = ["sz8k", "sz64k", "sz512k", "sz4m", "sz32m", "sz256m", "sz2g", "sz16g"];

    // In the order in which they are listed; bits that the processor does not have are left out.
    private static readonly (string Name, ulong Bit)[] Named =
        new[]
        {
            ("valid", SparcBits.Valid), ("present", TBits.Present), ("read", TBits.Read), ("write", TBits.Write), ("exec", TBits.Execute),
            ("dirty", TBits.Modified), ("accessed", TBits.Accessed), ("hw_w", TBits.HardwareWrite), ("priv", TBits.Privileged),
            ("cp", TBits.CachePhysical), ("cv", TBits.CacheVirtual), ("mcd", TBits.TagChecked), ("side_effect", TBits.SideEffect),
            ("ie", TBits.InvertEndian), ("nfo", TBits.NoFaultOnly), ("locked", TBits.Locked), ("special", SparcBits.Special),
            ("huge", SparcBits.Huge),
        }.Where(named => named.Item2 != 0).ToArray();

    /// <inheritdoc cref="IEntryNames.FlagNames"/>
    public static IReadOnlyList<string> FlagNames(Pte entry, int level)
    {
        var names = new List<string>();
        if (!SparcLeaf<TBits>.IsLeaf(entry, level))
        {
            EntryFields.AddBitNames(names, entry.Raw & SparcBits.PageOffset);
            return names;
        }

        ulong rest = entry.Raw & ~(TBits.FrameMask | TBits.SizeMask);
        foreach ((string name, ulong bit) in Named)
        {
            if ((rest & bit) != 0)
                names.Add(name);
            else if (name == "priv")
                names.Add("user");
            rest &= ~bit;
        }

        names.Add(SizeNames[TBits.SizeCode(entry.Raw)]);
        if (SparcLeaf<TBits>.IsProtNone(entry))
            names.Add("protnone");
        EntryFields.AddBitNames(names, rest);
        return names;
    }

    /// <inheritdoc cref="IEntryNames.ParseFlags"/>
    public static string? ParseFlags(IEnumerable<string> names, bool table, out Protection flags) =>
        EntryFields.ParseFlags(names, name => BitsOf(name, table), out flags);

    /// <inheritdoc cref="IEntryNames.Fields"/>
    public static IReadOnlyList<EntryField> Fields(Pte entry, int level)
    {
        if (SparcLeaf<TBits>.IsLeaf(entry, level))
            return EntryFields.Partition(LeafFields());
        if (level > 1)
            return EntryFields.Partition([new EntryField("address", SparcBits.PageShift, 64 - SparcBits.PageShift)]);
        return EntryFields.Partition(
        [
            new EntryField("offset", 64 - SparcSwap.OffsetBits, SparcSwap.OffsetBits),
            new EntryField("exclusive", SparcBits.PageShift + SparcSwap.TypeBits, 1),
            new EntryField("type", SparcBits.PageShift, SparcSwap.TypeBits),
            new EntryField("present", BitOperations.TrailingZeroCount(TBits.Present), 1),
        ]);
    }

    private static IEnumerable<EntryField> LeafFields()
    {
        foreach ((string name, ulong bit) in Named)
            yield return new EntryField(name, BitOperations.TrailingZeroCount(bit), 1);
        yield return Run("pfn", TBits.FrameMask);

        // The code of sun4u lies in two places: its low bits on top and its high bit apart.
        ulong lowest = TBits.SizeMask & (~TBits.SizeMask + 1);
        ulong run = TBits.SizeMask & (lowest * 7);
        yield return Run("size", run);
        if (run != TBits.SizeMask)
            yield return Run("size", TBits.SizeMask ^ run);
    }

    private static EntryField Run(string name, ulong mask) =>
        new(name, BitOperations.TrailingZeroCount(mask), BitOperations.PopCount(mask));

    private static ulong? BitsOf(string name, bool table)
    {
        if (EntryFields.TryParseNumbered(name, "bit", 64, out int bit))
            return 1UL << bit;
        if (table)
            return null;
        if (Array.IndexOf(SizeNames, name) is >= 0 and int code)
            return TBits.SizeBits(code);
        if (name is "user" or "protnone")
            return 0;
        foreach ((string known, ulong bits) in Named)
        {
            if (known == name)
                return bits;
        }

        return null;
    }
}
