using System.Text;
using System.Text.Json.Nodes;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

/// <summary>A recording as JSON that a test can change.</summary>
internal sealed class TraceText
{
    private TraceText(string path)
    {
        Path = path;
        Lines = [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!)];
    }

    public string Path { get; }

    public List<JsonNode> Lines { get; }

    /// <summary>The lines that are observations.</summary>
    public JsonNode[] Rows => [.. Lines.Where(line => line["n"] is not null)];

    public static TraceText Load(string name) => LoadFile(System.IO.Path.Combine(TestData.Traces, name + ".jsonl"));

    public static TraceText LoadFile(string path) => new(path);

    public JsonNode Row(int number) => Lines.Single(line => line["n"]?.GetValue<int>() == number);

    public JsonNode Page(int number, int process, string page) => Row(number)["procs"]![$"{process}"]!["pages"]![page]!;

    /// <summary>Gives every frame and slot another identity.</summary>
    public void Renumber(Func<long, long> number)
    {
        foreach (JsonNode row in Rows)
        {
            foreach ((_, JsonNode? process) in row["procs"]!.AsObject())
            {
                foreach ((_, JsonNode? page) in process!["pages"]!.AsObject())
                {
                    if (page![0]!.GetValue<string>() is "P" or "S" && page[1]!.GetValue<long>() != 0)
                        page[1] = number(page[1]!.GetValue<long>());
                }
            }

            row["cached"] = new JsonArray([.. row["cached"]!.AsArray().Select(id => (JsonNode?)number(id!.GetValue<long>()))]);
        }
    }

    public string ToText() => string.Concat(Lines.Select(line => line.ToJsonString() + "\n"));

    public Trace Parse() => TraceReader.Parse(Encoding.UTF8.GetBytes(ToText()), Path);
}
