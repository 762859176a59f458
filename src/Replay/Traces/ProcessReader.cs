using System.Text.Json;

namespace PageTableEmu.Replay.Traces;

/// <summary>Reads one process of an observation line.</summary>
internal static class ProcessReader
{
    private const int FieldsOfPage = 9;

    /// <summary>Reads an object into a process.</summary>
    public static void Read(ref Utf8JsonReader json, TraceProcess process)
    {
        TraceReader.Expect(ref json, JsonTokenType.StartObject, "a process");
        int seen = 0;
        while (TraceReader.NextProperty(ref json))
        {
            if (json.ValueTextEquals("pages"u8))
                seen |= ReadPages(ref json, process);
            else if (json.ValueTextEquals("merged"u8))
                seen |= ReadMerged(ref json, process);
            else if (json.ValueTextEquals("smaps"u8))
                seen |= ReadSmaps(ref json, process);
            else if (json.ValueTextEquals("vma"u8))
                seen |= ReadVmas(ref json, process);
            else
                json.Skip();
        }

        if (seen != 15)
            throw new FormatException("a process lacks one of pages, merged, smaps, vma");
    }

    private static int ReadPages(ref Utf8JsonReader json, TraceProcess process)
    {
        TraceReader.Expect(ref json, JsonTokenType.StartObject, "pages");
        List<PageRun> runs = process.Runs;
        while (TraceReader.NextProperty(ref json))
            runs.Add(ReadPage(ref json));
        if (!IsAscending(runs))
        {
            runs.Sort((a, b) => (a.Region, a.First).CompareTo((b.Region, b.First)));
            if (!IsAscending(runs))
                throw new FormatException("two entries of pages overlap");
        }

        return 1;
    }

    private static bool IsAscending(List<PageRun> runs)
    {
        for (int k = 1; k < runs.Count; k++)
        {
            if ((runs[k - 1].Region, runs[k - 1].Last).CompareTo((runs[k].Region, runs[k].First)) >= 0)
                return false;
        }

        return true;
    }

    private static PageRun ReadPage(ref Utf8JsonReader json)
    {
        Span<char> key = stackalloc char[32];
        PageRun run = ParsePlace(key[..Copy(ref json, key)]);
        Span<char> text = stackalloc char[32];
        TraceReader.Expect(ref json, JsonTokenType.StartArray, "a page");
        if (!Letters.TryKind(text[..Text(ref json, text)], out PageKind kind))
            throw new FormatException($"page {key.TrimEnd('\0')} is of an unknown kind");
        run = run with
        {
            Kind = kind,
            Identity = TraceReader.Number(ref json, "identity"),
            FirstByte = checked((int)TraceReader.Number(ref json, "byte0")),
            LastByte = checked((int)TraceReader.Number(ref json, "byte4095")),
            MapCount = TraceReader.Number(ref json, "mapcount"),
        };
        if (!Letters.TryCore(text[..Text(ref json, text)], out CoreFlags core)
            || !Letters.TryPagemap(text[..Text(ref json, text)], out PagemapFlags pagemap))
            throw new FormatException($"page {key.TrimEnd('\0')} has an unknown letter");
        // The letters that change with the ageing of the lists are recorded but never compared.
        Text(ref json, text);
        run = run with { Core = core, Pagemap = pagemap, SameSlot = checked((int)TraceReader.Number(ref json, "same")) };
        TraceReader.Expect(ref json, JsonTokenType.EndArray, $"page {key.TrimEnd('\0')} after {FieldsOfPage} fields");
        return run;
    }

    private static PageRun ParsePlace(ReadOnlySpan<char> key)
    {
        int dash = key.IndexOf('-');
        ReadOnlySpan<char> first = key.IsEmpty ? key : dash < 0 ? key[1..] : key[1..dash];
        if (key.IsEmpty || key[0] is < 'A' or > 'H' || !int.TryParse(first, out int from) || from < 0)
            throw new FormatException($"{key} is not a page");
        int to = from;
        if (dash >= 0 && (!int.TryParse(key[(dash + 1)..], out to) || to < from))
            throw new FormatException($"{key} is not a run of pages");
        return new PageRun { Region = (byte)(key[0] - 'A'), First = from, Last = to };
    }

    private static int ReadMerged(ref Utf8JsonReader json, TraceProcess process)
    {
        process.Merged = TraceReader.Number(ref json, "merged");
        return 2;
    }

    private static int ReadSmaps(ref Utf8JsonReader json, TraceProcess process)
    {
        Span<long> numbers = stackalloc long[SmapsCounters.Count];
        TraceReader.Expect(ref json, JsonTokenType.StartObject, "smaps");
        while (TraceReader.NextProperty(ref json))
        {
            int region = Region(ref json);
            TraceReader.Expect(ref json, JsonTokenType.StartArray, "smaps of a region");
            foreach (ref long number in numbers)
                number = TraceReader.Number(ref json, "a counter of smaps");
            TraceReader.Expect(ref json, JsonTokenType.EndArray, "smaps of a region");
            process.SetSmaps(region, SmapsCounters.FromNumbers(numbers));
        }

        return 4;
    }

    private static int ReadVmas(ref Utf8JsonReader json, TraceProcess process)
    {
        Span<char> text = stackalloc char[4096];
        TraceReader.Expect(ref json, JsonTokenType.StartObject, "vma");
        while (TraceReader.NextProperty(ref json))
        {
            int region = Region(ref json);
            ReadOnlySpan<char> list = text[..Text(ref json, text)];
            foreach (Range part in list.Split(';'))
                process.AddVma(region, ParseVma(list[part]));
        }

        return 8;
    }

    private static TraceVma ParseVma(ReadOnlySpan<char> text)
    {
        text = text.Trim(' ');
        int plus = text.IndexOf('+');
        int blank = text.IndexOf(' ');
        if (plus < 0 || blank < plus || !long.TryParse(text[..plus], out long first) || !long.TryParse(text[(plus + 1)..blank], out long pages))
            throw new FormatException($"{text} is not a VMA");
        string? permissions = null;
        VmaFlags flags = VmaFlags.None;
        ReadOnlySpan<char> rest = text[(blank + 1)..];
        foreach (Range range in rest.Split(' '))
        {
            ReadOnlySpan<char> word = rest[range];
            if (permissions is null)
                permissions = Permissions.Intern(word);
            else
                flags |= Letters.VmaFlag(word);
        }

        return new TraceVma(first, pages, permissions ?? string.Empty, flags);
    }

    private static int Region(ref Utf8JsonReader json) =>
        json.ValueSpan is [>= (byte)'A' and <= (byte)'H']
            ? json.ValueSpan[0] - 'A'
            : throw new FormatException($"region {json.GetString()} is not A to H");

    private static int Text(ref Utf8JsonReader json, scoped Span<char> buffer)
    {
        TraceReader.Expect(ref json, JsonTokenType.String, "a text");
        return Copy(ref json, buffer);
    }

    private static int Copy(ref Utf8JsonReader json, scoped Span<char> buffer) =>
        json.ValueSpan.Length <= buffer.Length ? json.CopyString(buffer) : throw new FormatException("a text is too long");
}
