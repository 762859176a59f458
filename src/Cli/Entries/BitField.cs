using System.Text;
using PageTableEmu.Paging;
using Spectre.Console;

namespace PageTableEmu.Cli.Entries;

/// <summary>
/// Draws an entry as a bit field of three lines: positions, contents and names. Wide fields show hexadecimal digits, narrow ones their bits.
/// <code>
///    63   62..59     58         51..12       11 ...
///   | 1 |  0000  |    0      | 0000012345 |   0 ...
///    nx   pkey   saved_dirty     pfn       softdirty ...
/// </code>
/// </summary>
internal static class BitField
{
    private const int WidestInBits = 5;
    private const int Margin = 3; // of a line, with the first edge
    private const int Between = 3; // two spaces and an edge

    /// <summary>One line that says what the entry is.</summary>
    public static string Summary(Pte entry, EntryDescription description)
    {
        var text = new StringBuilder($"{entry}  {description.Kind}");
        if (description.Type is { } type)
            text.Append($"  type {type}  offset 0x{description.Offset:x}");
        if (description.Pfn is { } pfn)
            text.Append($"  pfn 0x{pfn:x}");
        if (description.Exclusive)
            text.Append("  exclusive");
        if (description.Type is not null && description.SoftDirty)
            text.Append("  soft_dirty");
        if (description.Type is not null && description.UffdWp)
            text.Append("  uffd_wp");
        if (description.Flags is { Count: > 0 } flags)
            text.Append("  ").AppendJoin('+', flags);
        return text.ToString();
    }

    /// <summary>The drawing, without colour.</summary>
    public static string Draw(Pte entry, IReadOnlyList<EntryField> fields) => string.Join('\n', Rows(entry, fields, (text, _) => text));

    /// <summary>The drawing with the fields that are not zero in colour, as Spectre markup.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="fields">Its fields, from the top.</param>
    /// <param name="columns">Of the terminal. What does not fit comes in strips below each other: broken lines could not be read.</param>
    public static string DrawMarkup(Pte entry, IReadOnlyList<EntryField> fields, int columns) =>
        string.Join('\n', Strips(entry, fields, columns).SelectMany(strip => Rows(entry, strip, Colour)));

    private static string Colour(string text, EntryField? painted) =>
        painted is null ? Markup.Escape(text) : $"[{(painted.Value.Width > 1 ? "aqua" : "lime")}]{Markup.Escape(text)}[/]";

    private static IEnumerable<string> Rows(Pte entry, IReadOnlyList<EntryField> fields, Func<string, EntryField?, string> paint)
    {
        yield return Row(entry, fields, Position, ' ', paint);
        yield return Row(entry, fields, field => Content(entry, field), '|', paint);
        yield return Row(entry, fields, field => field.Name, ' ', paint).TrimEnd();
    }

    private static IEnumerable<IReadOnlyList<EntryField>> Strips(Pte entry, IReadOnlyList<EntryField> fields, int columns)
    {
        List<EntryField> strip = [];
        int used = Margin;
        foreach (EntryField field in fields)
        {
            int width = Width(entry, field) + Between;
            if (strip.Count != 0 && used + width >= columns)
            {
                yield return strip;
                strip = [];
                used = Margin;
            }

            strip.Add(field);
            used += width;
        }

        yield return strip;
    }

    private static string Row(
        Pte entry, IReadOnlyList<EntryField> fields, Func<EntryField, string> cell, char edge, Func<string, EntryField?, string> paint)
    {
        var row = new StringBuilder().Append("  ").Append(edge);
        foreach (EntryField field in fields)
        {
            int width = Width(entry, field);
            string text = cell(field);
            int left = (width - text.Length) / 2;
            EntryField? painted = field.Of(entry) != 0 && field.Name.Length > 0 ? field : null;
            row.Append(' ').Append(' ', left).Append(paint(text, painted)).Append(' ', width - text.Length - left).Append(' ').Append(edge);
        }

        return row.ToString();
    }

    private static int Width(Pte entry, EntryField field) =>
        new[] { Position(field), Content(entry, field), field.Name }.Max(text => text.Length);

    private static string Position(EntryField field) => field.Width == 1 ? $"{field.Low}" : $"{field.High}..{field.Low}";

    private static string Content(Pte entry, EntryField field)
    {
        ulong value = field.Of(entry);
        return field.Width <= WidestInBits
            ? value.ToString($"b{field.Width}")
            : value.ToString($"x{(field.Width + 3) / 4}");
    }
}
