using PageTableEmu.Mm.Huge;

namespace PageTableEmu.Replay.Scripts;

/// <summary>
/// Reads the script language: one operation a line, <c>#</c> starts a comment, <c>@p</c> in front selects the process (0 without it),
/// numbers as C writes them (decimal, 0x…, 0…), then the arguments that <see cref="OperationKind"/> lists.
/// </summary>
/// <example>
/// <code>
/// IReadOnlyList&lt;PageTableEmu.Replay.ScriptOperation&gt; script = ScriptParser.Parse(new[] { "map A 3", "write A 0 7", "read A 0" });
/// PageTableEmu.Replay.OperationKind second = script[1].Kind;
/// </code>
/// </example>
public static class ScriptParser
{
    private const int MostScans = 1000;

    private static readonly Dictionary<string, OperationKind> Names =
        Enum.GetValues<OperationKind>().ToDictionary(kind => kind.ToString().ToLowerInvariant(), StringComparer.Ordinal);

    /// <summary>Reads a whole script.</summary>
    /// <exception cref="ScriptException">A line is not an operation.</exception>
    public static IReadOnlyList<ScriptOperation> Parse(IEnumerable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        List<ScriptOperation> operations = [];
        int line = 0;
        foreach (string text in lines)
        {
            if (TryParseLine(text, ++line, operations.Count + 1, out ScriptOperation operation))
                operations.Add(operation);
        }

        return operations;
    }

    /// <summary>Reads one line.</summary>
    /// <param name="text">The line, with or without its end.</param>
    /// <param name="line">Its place in the script, for the message of an error.</param>
    /// <param name="number">Number that the operation gets.</param>
    /// <param name="operation">The operation.</param>
    /// <returns>False for a comment or an empty line.</returns>
    /// <exception cref="ScriptException">The line is not an operation.</exception>
    public static bool TryParseLine(string text, int line, int number, out ScriptOperation operation)
    {
        ArgumentNullException.ThrowIfNull(text);
        operation = default;
        int end = text.AsSpan().IndexOfAny('#', '\r', '\n');
        // The text keeps its trailing blanks, because a recording echoes them.
        string echoed = (end < 0 ? text : text[..end]).TrimStart(' ');
        string[] words = echoed.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
            return false;

        Arguments arguments = new(words, line);
        int process = words[0].StartsWith('@') ? arguments.Process() : 0;
        string name = arguments.Name();
        if (!Names.TryGetValue(name, out OperationKind kind))
            throw new ScriptException(line, $"unknown operation {name}");
        operation = ParseArguments(ref arguments, new ScriptOperation { Number = number, Text = echoed, Process = process, Kind = kind, Count = 1 });
        arguments.End();
        return true;
    }

    /// <summary>The name of an operation in a script.</summary>
    public static string NameOf(OperationKind kind) => kind.ToString().ToLowerInvariant();

    private static ScriptOperation ParseArguments(ref Arguments arguments, ScriptOperation operation)
    {
        switch (operation.Kind)
        {
            case OperationKind.Nop or OperationKind.Exit or OperationKind.ClearRefs:
            case OperationKind.Reclaim or OperationKind.Swapoff or OperationKind.Swapon:
            case OperationKind.Unksm or OperationKind.Compact:
                return operation;
            case OperationKind.Ksm:
                return operation with { Count = arguments.WithinOr(ScriptOperation.DefaultScans, 1, MostScans, "number of scans") };
            case OperationKind.Map or OperationKind.MapHuge or OperationKind.MapShm:
                return operation with { Region = arguments.Region(), Count = arguments.Within(1, ScriptOperation.MaxRegionPages, "number of pages") };
            case OperationKind.Read or OperationKind.Write or OperationKind.Poke:
            case OperationKind.VmRead or OperationKind.VmWrite or OperationKind.MemRead or OperationKind.MemWrite:
                return operation with { Region = arguments.Region(), Page = arguments.Number(), Value = arguments.NumberOr(0) };
            case OperationKind.DioRead or OperationKind.DioWrite:
                return operation with { Region = arguments.Region(), Page = arguments.Number(), Value = arguments.Number() };
            case OperationKind.MovePages or OperationKind.Pagemap:
                return operation with { Region = arguments.Region(), Page = arguments.Number() };
            case OperationKind.Fork:
                return operation with { Child = (int)arguments.Within(0, ScriptOperation.ProcessCount - 1, "process") };
            case OperationKind.Mremap:
                return ParseMremap(ref arguments, operation);
            case OperationKind.UffdMove:
                return ParseMove(ref arguments, operation);
            case OperationKind.UffdCopy:
                return ParseRange(ref arguments, operation) with { Value = arguments.Number() };
            case OperationKind.Mprotect:
                return ParseRange(ref arguments, operation) with { Protection = arguments.Protection() };
            case OperationKind.Pin:
                return ParseRange(ref arguments, operation with { Resource = arguments.Resource() });
            case OperationKind.Splice:
                return operation with { Resource = arguments.Resource(), Region = arguments.Region(), Page = arguments.Number() };
            case OperationKind.Orders:
                return operation with { Order = (int)arguments.Within(2, 15, "order"), Policy = arguments.Policy() };
            case OperationKind.Unpin or OperationKind.Unsplice:
                return operation with { Resource = arguments.Resource() };
            default:
                return ParseRange(ref arguments, operation);
        }
    }

    private static ScriptOperation ParseRange(ref Arguments arguments, ScriptOperation operation) =>
        operation with { Region = arguments.Region(), Page = arguments.Number(), Count = arguments.Number() };

    private static ScriptOperation ParseMove(ref Arguments arguments, ScriptOperation operation) =>
        ParseRange(ref arguments, operation) with { TargetRegion = arguments.Region(), TargetPage = arguments.Number() };

    private static ScriptOperation ParseMremap(ref Arguments arguments, ScriptOperation operation)
    {
        operation = ParseMove(ref arguments, operation);
        operation = operation with { DontUnmap = arguments.Flag("dontunmap") };
        if (operation.TargetPage < 0 || operation.Count < 0 || operation.TargetPage + operation.Count > ScriptOperation.MaxRegionPages)
            throw new ScriptException(arguments.Line, $"mremap ends beyond page {ScriptOperation.MaxRegionPages} of its region");
        return operation;
    }

    /// <summary>The words of a line, taken from left to right.</summary>
    private struct Arguments(string[] words, int line)
    {
        private int next;

        public readonly int Line => line;

        public int Process()
        {
            string word = words[next++];
            if (!TryNumber(word.AsSpan(1), out long process) || process is < 0 or >= ScriptOperation.ProcessCount)
                throw new ScriptException(line, $"process {word} is not @0 to @{ScriptOperation.ProcessCount - 1}");
            return (int)process;
        }

        public string Name() => Take("operation");

        public int Region()
        {
            string word = Take("region");
            if (word.Length != 1 || word[0] is < 'A' or > 'H')
                throw new ScriptException(line, $"region {word} is not A to H");
            return word[0] - 'A';
        }

        public long Number()
        {
            string word = Take("number");
            return TryNumber(word, out long value) ? value : throw new ScriptException(line, $"{word} is not a number");
        }

        public long NumberOr(long absent) => next == words.Length ? absent : Number();

        public long Within(long least, long most, string what)
        {
            long value = Number();
            return value >= least && value <= most ? value : throw new ScriptException(line, $"{what} {value} is not {least} to {most}");
        }

        public long WithinOr(long absent, long least, long most, string what) => next == words.Length ? absent : Within(least, most, what);

        public int Resource() => (int)Within(0, ScriptOperation.ResourceCount - 1, "number of a pin or pipe");

        public ScriptProtection Protection() => Take("protection") switch
        {
            "none" => ScriptProtection.None,
            "r" => ScriptProtection.Read,
            "w" => ScriptProtection.Write,
            "rw" => ScriptProtection.Read | ScriptProtection.Write,
            string word => throw new ScriptException(line, $"protection {word} is not r, w, rw or none"),
        };

        public FolioOrderPolicy Policy() => Take("policy") switch
        {
            "never" => FolioOrderPolicy.Never,
            "madvise" => FolioOrderPolicy.Madvise,
            "inherit" => FolioOrderPolicy.Inherit,
            "always" => FolioOrderPolicy.Always,
            string word => throw new ScriptException(line, $"policy {word} is not never, madvise, inherit or always"),
        };

        public bool Flag(string name)
        {
            bool found = next < words.Length && words[next] == name;
            if (found)
                next++;
            return found;
        }

        public readonly void End()
        {
            if (next < words.Length)
                throw new ScriptException(line, $"{words[next]} is one word too many");
        }

        private string Take(string what) =>
            next < words.Length ? words[next++] : throw new ScriptException(line, $"the {what} is missing");

        /// <summary>A number as C's strtol with base 0 reads it.</summary>
        private static bool TryNumber(ReadOnlySpan<char> word, out long value)
        {
            bool negative = word is ['-', ..];
            ReadOnlySpan<char> digits = word is ['-' or '+', ..] ? word[1..] : word;
            int radix = digits switch { ['0', 'x' or 'X', ..] => 16, ['0', _, ..] => 8, _ => 10 };
            if (radix == 16)
                digits = digits[2..];
            value = 0;
            foreach (char c in digits)
            {
                int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : radix;
                if (digit >= radix || value > (long.MaxValue - digit) / radix)
                    return false;
                value = (value * radix) + digit;
            }

            value = negative ? -value : value;
            return digits.Length > 0;
        }
    }
}
