using System.Text.Json;

namespace PageTableEmu.Replay.Traces;

/// <summary>
/// Reads a trace: a header line, one observation a line, a line of unstable notes; header and notes may be absent. Reads tokens, builds no
/// document: a folder of traces costs less than its replay.
/// </summary>
public static class TraceReader
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="TraceFormatException">It is not a trace.</exception>
    public static Trace Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Parse(File.ReadAllBytes(path), path);
    }

    /// <summary>Reads bytes.</summary>
    /// <param name="utf8">The whole file.</param>
    /// <param name="name">Name of the source, for messages.</param>
    /// <exception cref="TraceFormatException">They are not a trace.</exception>
    public static Trace Parse(ReadOnlySpan<byte> utf8, string name)
    {
        TraceHeader? header = null;
        List<TraceRow> rows = [];
        List<UnstableNote> unstable = [];
        int number = 0;
        while (!utf8.IsEmpty)
        {
            int end = utf8.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? utf8 : utf8[..end];
            utf8 = end < 0 ? default : utf8[(end + 1)..];
            number++;
            if (line.Trim(" \t\r"u8).IsEmpty)
                continue;
            try
            {
                Line read = ReadLine(line, unstable);
                if (read.Row is not null)
                    rows.Add(read.Row);
                header ??= read.Header;
            }
            catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or OverflowException)
            {
                throw new TraceFormatException($"{name}, line {number}: {e.Message}", e);
            }
        }

        return new Trace(header, rows, unstable);
    }

    private static Line ReadLine(ReadOnlySpan<byte> utf8, List<UnstableNote> unstable)
    {
        Utf8JsonReader json = new(utf8);
        Expect(ref json, JsonTokenType.StartObject, "a line");
        RowReader row = default;
        HeaderReader header = default;
        while (NextProperty(ref json))
        {
            if (json.ValueTextEquals("unstable"u8))
                ReadUnstable(ref json, unstable);
            else if (!row.TryRead(ref json) && !header.TryRead(ref json))
                json.Skip();
        }

        return json.Read() ? throw new FormatException("something follows the object") : new Line(row.Finish(), header.Finish());
    }

    private static void ReadUnstable(ref Utf8JsonReader json, List<UnstableNote> unstable)
    {
        Expect(ref json, JsonTokenType.StartArray, "unstable");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.StartArray)
                throw new FormatException("an unstable note is not an array");
            long number = Number(ref json, "the number of an unstable note");
            json.Read();
            // Anything that is not one of the three words cuts the comparison off, whatever it is.
            string what = json.TokenType == JsonTokenType.String ? json.GetString()! : "?";
            json.Skip();
            Expect(ref json, JsonTokenType.EndArray, "the end of an unstable note");
            unstable.Add(new UnstableNote(number, what));
        }
    }

    internal static bool NextProperty(ref Utf8JsonReader json)
    {
        json.Read();
        return json.TokenType == JsonTokenType.PropertyName;
    }

    internal static void Expect(ref Utf8JsonReader json, JsonTokenType type, string what)
    {
        if (!json.Read() || json.TokenType != type)
            throw new FormatException($"{what} is {json.TokenType}, not {type}");
    }

    internal static long Number(ref Utf8JsonReader json, string what)
    {
        Expect(ref json, JsonTokenType.Number, what);
        return json.TryGetInt64(out long value) ? value : throw new FormatException($"{what} is not a whole number");
    }

    private readonly record struct Line(TraceRow? Row, TraceHeader? Header);
}
