using System.Text.Json;

namespace PageTableEmu.Replay.Traces;

/// <summary>Collects the properties of an observation line. A line is an observation when it has an <c>n</c>; then nothing may be missing.</summary>
internal struct RowReader
{
    private static readonly string[] Names =
        ["n", "op", "p", "ret", "err", "val", "min", "maj", "used", "pswpin", "pswpout", "procs", "cached", "scans"];

    /// <summary>Those that every observation has: all but the last.</summary>
    private static readonly int Required = Names.Length - 1;

    private TraceRow? row;
    private int seen;
    private long result;
    private long error;
    private long value;
    private long minor;
    private long major;

    private readonly TraceRow Row => row ?? throw new InvalidOperationException("no row was begun");

    /// <summary>Reads the value of the current property if it belongs to an observation.</summary>
    public bool TryRead(ref Utf8JsonReader json)
    {
        int property = IndexOf(ref json);
        if (property < 0)
            return false;
        row ??= new TraceRow();
        seen |= 1 << property;
        switch (Names[property])
        {
            case "op":
                TraceReader.Expect(ref json, JsonTokenType.String, "op");
                Row.Operation = json.GetString()!;
                break;
            case "procs":
                ReadProcesses(ref json);
                break;
            case "cached":
                ReadCached(ref json);
                break;
            default:
                Store(Names[property], TraceReader.Number(ref json, Names[property]));
                break;
        }

        return true;
    }

    /// <summary>The observation, or null when the line is none.</summary>
    public readonly TraceRow? Finish()
    {
        if ((seen & 1) == 0)
            return null;
        for (int property = 0; property < Required; property++)
        {
            if ((seen >> property & 1) == 0)
                throw new FormatException($"{Names[property]} is missing");
        }

        Row.Outcome = new OperationOutcome(result, checked((int)error), value, minor, major);
        return row;
    }

    private static int IndexOf(ref Utf8JsonReader json)
    {
        for (int property = 0; property < Names.Length; property++)
        {
            if (json.ValueTextEquals(Names[property]))
                return property;
        }

        return -1;
    }

    private void Store(string name, long number)
    {
        switch (name)
        {
            case "n": Row.Number = checked((int)number); break;
            case "p": Row.Process = checked((int)number); break;
            case "ret": result = number; break;
            case "err": error = number; break;
            case "val": value = number; break;
            case "min": minor = number; break;
            case "maj": major = number; break;
            case "used": Row.UsedSlots = number; break;
            case "pswpin": Row.SwapIns = number; break;
            case "scans": Row.Scans = checked((int)number); break;
            default: Row.SwapOuts = number; break;
        }
    }

    private readonly void ReadCached(ref Utf8JsonReader json)
    {
        TraceReader.Expect(ref json, JsonTokenType.StartArray, "cached");
        while (json.Read() && json.TokenType == JsonTokenType.Number)
            Row.CachedFrames.Add(json.GetInt64());
        if (json.TokenType != JsonTokenType.EndArray)
            throw new FormatException("cached holds something that is not a number");
    }

    private readonly void ReadProcesses(ref Utf8JsonReader json)
    {
        TraceReader.Expect(ref json, JsonTokenType.StartObject, "procs");
        while (TraceReader.NextProperty(ref json))
        {
            if (json.ValueSpan is not [>= (byte)'0' and <= (byte)'3'])
                throw new FormatException($"process {json.GetString()} is not 0 to 3");
            ProcessReader.Read(ref json, Row.AddProcess(json.ValueSpan[0] - '0'));
        }
    }
}
