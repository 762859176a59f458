using System.Text;

namespace PageTableEmu.Conformance;

/// <summary>
/// Draws two words bit by bit, the differing bits marked and named below; one where they are equal, because then a law is about what an entry says
/// and not about its bits. Assumes nothing about the format, which may be what is wrong.
/// </summary>
internal static class WordDrawing
{
    private const int BitsPerGroup = 8;

    internal static string Draw(ulong expected, ulong actual)
    {
        ulong differs = expected ^ actual;
        var drawing = new StringBuilder();
        drawing.Append("             ").AppendLine(Row(bit => (bit % BitsPerGroup) switch
        {
            BitsPerGroup - 1 => (char)('0' + (bit / 10)),
            BitsPerGroup - 2 => (char)('0' + ((bit + 1) % 10)),
            _ => ' ',
        }));
        if (differs == 0)
            return drawing.Append("    entry    ").Append(Row(bit => Digit(actual, bit))).Append($"  {actual:x16}").ToString();
        drawing.Append("    expected ").Append(Row(bit => Digit(expected, bit))).AppendLine($"  {expected:x16}");
        drawing.Append("    actual   ").Append(Row(bit => Digit(actual, bit))).AppendLine($"  {actual:x16}");
        drawing.Append("             ").Append(Row(bit => (differs >> bit & 1) != 0 ? '^' : ' ').TrimEnd());
        IEnumerable<int> bits = Enumerable.Range(0, 64).Reverse().Where(bit => (differs >> bit & 1) != 0);
        return drawing.Append($"  bits {string.Join(' ', bits)}").ToString();
    }

    private static char Digit(ulong word, int bit) => (word >> bit & 1) != 0 ? '1' : '0';

    private static string Row(Func<int, char> cell)
    {
        var row = new StringBuilder();
        for (int bit = 63; bit >= 0; bit--)
        {
            row.Append(cell(bit));
            if (bit % BitsPerGroup == 0 && bit != 0)
                row.Append(' ');
        }

        return row.ToString();
    }
}
