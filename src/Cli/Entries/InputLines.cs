using System.Globalization;

namespace PageTableEmu.Cli.Entries;

/// <summary>
/// Inputs of a command: its arguments, or the lines of standard input when there are none. Every bad one is reported, none stops the rest.
/// </summary>
internal static class InputLines
{
    /// <summary>Handles every input.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="standardInput">Read when there are no arguments, a non-empty line an input.</param>
    /// <param name="error">Where bad inputs are reported.</param>
    /// <param name="handle">Handles one input; throws <see cref="InputException"/> if it is bad.</param>
    /// <returns><see cref="ExitCode.Usage"/> if any input was bad.</returns>
    public static int ForEach(IReadOnlyList<string> arguments, TextReader standardInput, TextWriter error, Action<string> handle)
    {
        int result = ExitCode.Ok;
        foreach (string input in arguments.Count > 0 ? arguments : Lines(standardInput))
        {
            try
            {
                handle(input);
            }
            catch (InputException bad)
            {
                error.WriteLine($"ptemu: '{input}': {bad.Message}");
                result = ExitCode.Usage;
            }
        }

        return result;
    }

    /// <summary>Reads a word: up to sixteen hexadecimal digits, with or without 0x.</summary>
    /// <exception cref="InputException">It is none.</exception>
    public static ulong ParseWord(string text)
    {
        ReadOnlySpan<char> digits = text.AsSpan().Trim();
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            digits = digits[2..];
        return ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong word)
            ? word
            : throw new InputException("not a word of up to 16 hexadecimal digits");
    }

    private static IEnumerable<string> Lines(TextReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            if (!string.IsNullOrWhiteSpace(line))
                yield return line.Trim();
        }
    }
}
