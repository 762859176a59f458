using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Running;

namespace PageTableEmu.Cli.Replaying;

/// <summary>What a program reads after a replay: one object a trace in the order of the command line, then one with the sums.</summary>
internal static class ReplayJson
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the lines.</summary>
    public static void Write(ReplayOutput output, IReadOnlyList<TraceResult> results)
    {
        foreach (TraceResult result in results)
            WriteLine(output.Out, json => Write(json, result));
        WriteLine(output.Out, json => Write(json, ReplayRunner.Summarise(results)));
    }

    /// <summary>Writes one object as a line.</summary>
    internal static void WriteLine(TextWriter writer, Action<Utf8JsonWriter> content)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, Relaxed))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }

        writer.WriteLine(Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length));
    }

    private static void Write(Utf8JsonWriter json, TraceResult result)
    {
        json.WriteString("trace", result.Path);
        json.WriteString("verdict", VerdictName(result.Verdict));
        if (result.Header is { } header)
        {
            json.WriteString("profile", header.Profile);
            json.WriteString("backend", header.Backend == PageTableEmu.Replay.Backend.Zram ? "zram" : "file");
        }

        json.WriteNumber("operations", result.Operations);
        json.WriteNumber("equal", result.Equal);
        if (result.Message is { } message)
            json.WriteString("message", message);
        if (result.Difference is { } difference)
            Write(json, difference, result.Entry);
    }

    private static void Write(Utf8JsonWriter json, Difference difference, ulong? entry)
    {
        json.WriteStartObject("difference");
        json.WriteNumber("n", difference.Number);
        json.WriteString("op", difference.Operation);
        json.WriteString("field", difference.Field);
        if (difference.Process is { } process)
            json.WriteNumber("process", process);
        if (difference.Page is { } page)
            json.WriteString("page", page);
        json.WriteString("recorded", difference.Expected);
        json.WriteString("here", difference.Actual);
        if (entry is { } raw)
            json.WriteString("entry", $"0x{raw:x16}");
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyList<ReplaySummary> sums)
    {
        json.WriteStartArray("summary");
        foreach (ReplaySummary sum in sums)
        {
            json.WriteStartObject();
            json.WriteString("profile", sum.Profile);
            json.WriteString("backend", sum.Backend);
            json.WriteNumber("traces", sum.Traces);
            json.WriteNumber("equal", sum.Equal);
            json.WriteNumber("different", sum.Different);
            json.WriteNumber("unknown", sum.Unknown);
            json.WriteNumber("broken", sum.Broken);
            if (sum.Excepted != 0)
                json.WriteNumber("excepted", sum.Excepted);
            json.WriteNumber("operations", sum.Operations);
            json.WriteNumber("equal_operations", sum.EqualOperations);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static string VerdictName(TraceVerdict verdict) => verdict switch
    {
        TraceVerdict.Equal => "equal",
        TraceVerdict.Difference => "difference",
        TraceVerdict.Excepted => "excepted",
        TraceVerdict.UnknownOperation => "unknown_operation",
        TraceVerdict.Violation => "violation",
        TraceVerdict.Failure => "failure",
        _ => "input_error",
    };
}
