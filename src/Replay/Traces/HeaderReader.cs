using System.Text.Json;

namespace PageTableEmu.Replay.Traces;

/// <summary>Collects the properties of a header line.</summary>
internal struct HeaderReader
{
    private List<string>? script;
    private string? profile;
    private string? backend;
    private long seed;

    /// <summary>Reads the value of the current property if it belongs to a header.</summary>
    public bool TryRead(ref Utf8JsonReader json)
    {
        if (json.ValueTextEquals("script"u8))
            script = ReadScript(ref json);
        else if (json.ValueTextEquals("profile"u8))
            profile = Text(ref json, "profile");
        else if (json.ValueTextEquals("backend"u8))
            backend = Text(ref json, "backend");
        else if (json.ValueTextEquals("seed"u8))
            seed = TraceReader.Number(ref json, "seed");
        else
            return false;
        return true;
    }

    /// <summary>The header, or null when the line had no script.</summary>
    public readonly TraceHeader? Finish()
    {
        if (script is null)
            return null;
        Backend device = backend switch
        {
            "zram" => Backend.Zram,
            "file" => Backend.File,
            _ => throw new FormatException($"backend {backend ?? "(missing)"} is neither zram nor file"),
        };
        return new TraceHeader(script, profile ?? string.Empty, seed, device);
    }

    private static List<string> ReadScript(ref Utf8JsonReader json)
    {
        List<string> lines = [];
        TraceReader.Expect(ref json, JsonTokenType.StartArray, "script");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            lines.Add(json.TokenType == JsonTokenType.String ? json.GetString()! : throw new FormatException("a line of the script is not a string"));
        return lines;
    }

    private static string Text(ref Utf8JsonReader json, string what)
    {
        TraceReader.Expect(ref json, JsonTokenType.String, what);
        return json.GetString()!;
    }
}
