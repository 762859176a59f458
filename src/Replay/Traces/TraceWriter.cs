using System.Text.Encodings.Web;
using System.Text.Json;

namespace PageTableEmu.Replay.Traces;

/// <summary>
/// Writes observations in a trace's form, one line each. What is not modelled is written as nothing: soft letters as an empty text, the
/// wait for writeback as 0, and of the VmFlags only the compared ones.
/// </summary>
public sealed class TraceWriter : IDisposable
{
    private readonly Stream stream;
    private readonly Utf8JsonWriter json;
    private readonly char[] key = new char[32];

    /// <summary>Writes to a stream, which stays open.</summary>
    public TraceWriter(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        this.stream = stream;
        json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    /// <inheritdoc/>
    public void Dispose() => json.Dispose();

    /// <summary>Writes one observation and its line end, and flushes the stream.</summary>
    public void Write(TraceRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        json.WriteStartObject();
        WriteOutcome(row);
        json.WriteStartObject("procs"u8);
        for (int process = 0; process < ScriptOperation.ProcessCount; process++)
        {
            if (row.ProcessOf(process) is { } observed)
                WriteProcess(process, observed);
        }

        json.WriteEndObject();
        json.WriteStartArray("cached"u8);
        foreach (long frame in row.Cached)
            json.WriteNumberValue(frame);
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        stream.WriteByte((byte)'\n');
        stream.Flush();
        json.Reset();
    }

    private void WriteOutcome(TraceRow row)
    {
        json.WriteNumber("n"u8, row.Number);
        json.WriteString("op"u8, row.Operation);
        json.WriteNumber("p"u8, row.Process);
        json.WriteNumber("ret"u8, row.Outcome.Result);
        json.WriteNumber("err"u8, row.Outcome.Error);
        json.WriteNumber("min"u8, row.Outcome.MinorFaults);
        json.WriteNumber("maj"u8, row.Outcome.MajorFaults);
        json.WriteNumber("val"u8, row.Outcome.Value);
        json.WriteNumber("used"u8, row.UsedSlots);
        json.WriteNumber("pswpin"u8, row.SwapIns);
        json.WriteNumber("pswpout"u8, row.SwapOuts);
        json.WriteNumber("wb"u8, 0);
    }

    private void WriteProcess(int number, TraceProcess process)
    {
        json.WriteStartObject([(char)('0' + number)]);
        json.WriteStartObject("pages"u8);
        foreach (PageRun run in process.Runs)
            WritePage(run);
        json.WriteEndObject();
        json.WriteNumber("merged"u8, process.Merged);
        json.WriteStartObject("smaps"u8);
        for (int region = 0; region < ScriptOperation.RegionCount; region++)
        {
            if (process.Smaps(region) is not { } counters)
                continue;
            json.WriteStartArray([Letters.OfRegion(region)]);
            foreach (long number1 in counters.ToNumbers())
                json.WriteNumberValue(number1);
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteStartObject("vma"u8);
        for (int region = 0; region < ScriptOperation.RegionCount; region++)
        {
            if (process.Vmas(region) is { } vmas)
                json.WriteString([Letters.OfRegion(region)], string.Join("; ", vmas));
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WritePage(in PageRun run)
    {
        int length;
        bool fits = run.Last == run.First
            ? key.AsSpan().TryWrite($"{Letters.OfRegion(run.Region)}{run.First}", out length)
            : key.AsSpan().TryWrite($"{Letters.OfRegion(run.Region)}{run.First}-{run.Last}", out length);
        if (!fits)
            throw new InvalidOperationException($"the name of page {run.First} does not fit {key.Length} characters");
        json.WriteStartArray(key.AsSpan(0, length));
        json.WriteStringValue([Letters.Of(run.Kind)]);
        json.WriteNumberValue(run.Identity);
        json.WriteNumberValue(run.FirstByte);
        json.WriteNumberValue(run.LastByte);
        json.WriteNumberValue(run.MapCount);
        json.WriteStringValue(Letters.Of(run.Core));
        json.WriteStringValue(Letters.Of(run.Pagemap));
        json.WriteStringValue(default(ReadOnlySpan<char>));
        json.WriteNumberValue(run.SameSlot);
        json.WriteEndArray();
    }
}
