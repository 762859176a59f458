using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Entries;

/// <summary>Descriptions of entries as JSON objects of one line. Written and read by hand, so that no reflection is needed.</summary>
internal static class EntryJson
{
    /// <summary>One object.</summary>
    public static string Write(Pte entry, EntryDescription description) => WriteObject(json =>
    {
        json.WriteString("raw", entry.ToString());
        json.WriteString("kind", description.Kind);
        WriteNumber(json, "type", description.Type);
        WriteNumber(json, "offset", description.Offset);
        json.WriteBoolean("exclusive", description.Exclusive);
        json.WriteBoolean("soft_dirty", description.SoftDirty);
        json.WriteBoolean("uffd_wp", description.UffdWp);
        WriteNumber(json, "pfn", description.Pfn);
        json.WriteStartArray("flags");
        foreach (string flag in description.Flags ?? [])
            json.WriteStringValue(flag);
        json.WriteEndArray();
    });

    /// <summary>Writes an object of one line.</summary>
    public static string WriteObject(Action<Utf8JsonWriter> properties)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            properties(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Reads an object. <c>raw</c> is not read: the word follows from the other keys.</summary>
    /// <exception cref="InputException">The text is no such object.</exception>
    public static EntryDescription Read(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                throw new InputException("a JSON object is expected");
            ulong? type = Number(root, "type");
            if (type > uint.MaxValue)
                throw new InputException($"type {type} is too large");
            return new EntryDescription
            {
                Kind = Find(root, "kind") is { ValueKind: JsonValueKind.String } kind ? kind.GetString()!
                    : throw new InputException("'kind' is missing"),
                Type = (uint?)type,
                Offset = Number(root, "offset"),
                Exclusive = Flag(root, "exclusive"),
                SoftDirty = Flag(root, "soft_dirty"),
                UffdWp = Flag(root, "uffd_wp"),
                Pfn = Number(root, "pfn"),
                Flags = Flags(root),
            };
        }
        catch (JsonException error)
        {
            throw new InputException($"not JSON: {error.Message}");
        }
    }

    /// <summary>Writes a number or null.</summary>
    public static void WriteNumber(Utf8JsonWriter json, string name, ulong? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }

    private static JsonElement? Find(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement element) && element.ValueKind != JsonValueKind.Null ? element : null;

    private static ulong? Number(JsonElement root, string name) => Find(root, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } element when element.TryGetUInt64(out ulong number) => number,
        { ValueKind: JsonValueKind.String } element
            when ulong.TryParse(element.GetString(), CultureInfo.InvariantCulture, out ulong number) => number,
        _ => throw new InputException($"'{name}' is not a number of 64 bits"),
    };

    private static bool Flag(JsonElement root, string name) => Find(root, name) switch
    {
        null => false,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.Number } element when element.TryGetInt32(out int number) && number is 0 or 1 => number == 1,
        _ => throw new InputException($"'{name}' is neither true nor false"),
    };

    private static List<string>? Flags(JsonElement root)
    {
        if (Find(root, "flags") is not { } flags)
            return null;
        if (flags.ValueKind != JsonValueKind.Array || flags.EnumerateArray().Any(flag => flag.ValueKind != JsonValueKind.String))
            throw new InputException("'flags' is not an array of names");
        return [.. flags.EnumerateArray().Select(flag => flag.GetString()!)];
    }
}
