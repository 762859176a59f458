namespace PageTableEmu.Paging;

/// <summary>Helpers for implementing <see cref="IEntryNames"/>.</summary>
public static class EntryFields
{
    /// <summary>Completes named fields to a partition of the 64 bits, from bit 63 down; gaps get fields without a name.</summary>
    /// <param name="named">Fields that do not overlap, in any order.</param>
    /// <exception cref="ArgumentException">Two fields overlap or one does not fit.</exception>
    public static IReadOnlyList<EntryField> Partition(IEnumerable<EntryField> named)
    {
        var fields = new List<EntryField>();
        int next = 63;
        foreach (EntryField field in named.OrderByDescending(field => field.Low))
        {
            if (field.High > next || field.Low < 0 || field.Width <= 0)
                throw new ArgumentException($"Field {field.Name} ({field.High}:{field.Low}) does not fit in between.", nameof(named));
            if (field.High < next)
                fields.Add(new EntryField("", field.High + 1, next - field.High));
            fields.Add(field);
            next = field.Low - 1;
        }

        if (next >= 0)
            fields.Add(new EntryField("", 0, next + 1));
        return fields;
    }

    /// <summary>Adds <c>bitN</c> for every bit that is set.</summary>
    public static void AddBitNames(ICollection<string> names, ulong bits)
    {
        for (int bit = 0; bit < 64; bit++)
        {
            if ((bits >> bit & 1) != 0)
                names.Add($"bit{bit}");
        }
    }

    /// <summary>Reads a name of the form prefix and decimal number below a limit, such as <c>bit63</c>.</summary>
    public static bool TryParseNumbered(string name, string prefix, int limit, out int number)
    {
        number = 0;
        return name.StartsWith(prefix, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(prefix.Length), System.Globalization.NumberStyles.None, null, out number)
            && number < limit;
    }

    /// <summary>The bits of names that each stand for some of them, for <see cref="IEntryNames.ParseFlags"/>.</summary>
    /// <param name="names">The names.</param>
    /// <param name="bitsOf">The bits of a name; null for one that is not known.</param>
    /// <param name="flags">All of them.</param>
    /// <returns>The first name that is not known, or null.</returns>
    public static string? ParseFlags(IEnumerable<string> names, Func<string, ulong?> bitsOf, out Protection flags)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(bitsOf);
        ulong raw = 0;
        flags = default;
        foreach (string name in names)
        {
            if (bitsOf(name) is not { } bits)
                return name;
            raw |= bits;
        }

        flags = new Protection(raw);
        return null;
    }
}
