using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

public class RecordingTests
{
    private static readonly HashSet<string> ComparedFlags = ["gu", "uw", "lo", "dc", "wf", "hg", "nh", "mg"];
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public void All_400_recordings_are_there_and_read_in_under_two_seconds()
    {
        string[] files = Directory.GetFiles(TestData.Traces, "*.jsonl");
        TraceReader.Read(files[0]);
        System.Diagnostics.Stopwatch watch = System.Diagnostics.Stopwatch.StartNew();
        int rows = files.Sum(file => TraceReader.Read(file).Rows.Count);
        watch.Stop();
        Assert.Equal(400, files.Length);
        Assert.Equal(15972, rows);
        Assert.True(watch.ElapsedMilliseconds < 2000, $"reading took {watch.ElapsedMilliseconds} ms");
    }

    [Fact]
    public void Every_recording_equals_itself()
    {
        foreach ((string path, Trace trace) in TestData.All)
            Assert.True(TraceComparer.Compare(trace, trace) is null, $"{path}: {TraceComparer.Compare(trace, trace)}");
    }

    [Fact]
    public void A_recording_that_is_read_and_written_is_the_same_text_but_for_what_is_not_modelled()
    {
        foreach ((string path, Trace trace) in TestData.All)
        {
            string[] written = Write(trace.Rows);
            string[] lines = [.. File.ReadLines(path).Where(line => line.Contains("\"n\":", StringComparison.Ordinal))];
            Assert.Equal(lines.Length, written.Length);
            for (int k = 0; k < lines.Length; k++)
                Assert.Equal(WithoutUnmodelled(lines[k]), written[k]);
        }
    }

    [Fact]
    public void What_a_machine_shows_becomes_the_recording_again_identities_and_all()
    {
        foreach ((string path, Trace trace) in TestData.All)
        {
            ReplaySession session = new(new PlaybackMachine(trace));
            TraceRow row = new();
            foreach ((ScriptOperation operation, TraceRow expected) in ScriptParser.Parse(trace.Header!.Script).Zip(trace.Rows))
            {
                Assert.True(session.Run(operation, row));
                Assert.True(Flat(expected) == Flat(row), $"{path} n={operation.Number}:\n{Flat(expected)}\n{Flat(row)}");
            }
        }
    }

    [Fact]
    public void Big_regions_are_written_as_runs_and_small_ones_page_by_page()
    {
        Trace trace = TestData.Read("thp000.zram");
        ReplaySession session = new(new PlaybackMachine(trace));
        TraceRow row = new();
        foreach (ScriptOperation operation in ScriptParser.Parse(trace.Header!.Script).Take(9))
            session.Run(operation, row);
        Assert.Equal(
            ["A0", "A1", "A2", "A3-299", "A300", "A301-511", "B511"],
            JsonNode.Parse(Write([row])[0])!["procs"]!["0"]!["pages"]!.AsObject().Select(page => page.Key));
        Trace small = TestData.Read("core000.file");
        Assert.All(small.Rows, each => Assert.All(each.ProcessOf(0)!.Pages, run => Assert.Equal(run.First, run.Last)));
    }

    [Theory]
    [InlineData("{", "Expected depth to be zero")]
    [InlineData("[]", "not StartObject")]
    [InlineData("""{"n":1}""", "op is missing")]
    [InlineData("""{"n":1.5}""", "not a whole number")]
    [InlineData("""{"script":["nop"],"backend":"tape"}""", "tape")]
    [InlineData("""{"script":[1],"backend":"zram"}""", "not a string")]
    [InlineData("""{"unstable":[1]}""", "not an array")]
    [InlineData("""{"n":1,"procs":{"4":{}}}""", "process 4")]
    [InlineData("""{"n":1,"procs":{"0":{"pages":{}}}}""", "lacks one of")]
    [InlineData("""{"n":1,"procs":{"0":{"pages":{"I0":[]}}}}""", "I0 is not a page")]
    [InlineData("""{"n":1,"procs":{"0":{"pages":{"A3-1":[]}}}}""", "A3-1 is not a run")]
    [InlineData("""{"n":1,"procs":{"0":{"pages":{"A0":["Q",0,0,0,0,"","","",0]}}}}""", "unknown kind")]
    [InlineData("""{"n":1,"procs":{"0":{"pages":{"A0":["P",0,0,0,0,"Q","","",0]}}}}""", "unknown letter")]
    [InlineData("""{"n":1,"procs":{"0":{"pages":{"A0":["P",0,0,0,0,"A","","",0],"A0-2":["P",0,0,0,0,"A","","",0]}}}}""", "overlap")]
    [InlineData("""{"n":1,"procs":{"0":{"smaps":{"A":[1,2]}}}}""", "counter of smaps")]
    [InlineData("""{"n":1,"procs":{"0":{"vma":{"A":"3 rw-p"}}}}""", "is not a VMA")]
    [InlineData("""{"n":1,"cached":["x"]}""", "not a number")]
    public void A_broken_recording_is_named_with_its_line_and_what_is_wrong(string line, string problem)
    {
        TraceFormatException error = Assert.Throws<TraceFormatException>(() => TraceReader.Parse(Encoding.UTF8.GetBytes("\n" + line), "some.jsonl"));
        Assert.StartsWith("some.jsonl, line 2: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    internal static string[] Write(IEnumerable<TraceRow> rows)
    {
        using MemoryStream stream = new();
        using (TraceWriter writer = new(stream))
        {
            foreach (TraceRow row in rows)
                writer.Write(row);
        }

        return Encoding.UTF8.GetString(stream.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>A line without soft letters, wait for writeback and flags that are not compared.</summary>
    private static string WithoutUnmodelled(string line)
    {
        JsonNode row = JsonNode.Parse(line)!;
        row["wb"] = 0;
        foreach ((_, JsonNode? process) in row["procs"]!.AsObject())
        {
            foreach ((_, JsonNode? page) in process!["pages"]!.AsObject())
                page![7] = "";
            JsonObject vmas = process["vma"]!.AsObject();
            foreach (string region in vmas.Select(vma => vma.Key).ToArray())
            {
                vmas[region] = string.Join("; ", vmas[region]!.GetValue<string>().Split("; ").Select(vma =>
                    string.Join(' ', vma.Split(' ').Where((word, k) => k < 2 || ComparedFlags.Contains(word)))));
            }
        }

        return row.ToJsonString(Relaxed);
    }

    /// <summary>A row as text, runs laid out as pages.</summary>
    private static string Flat(TraceRow row)
    {
        TraceRow flat = new() { Number = row.Number, Operation = row.Operation, Process = row.Process, Outcome = row.Outcome };
        (flat.UsedSlots, flat.SwapIns, flat.SwapOuts) = (row.UsedSlots, row.SwapIns, row.SwapOuts);
        foreach (long frame in row.Cached)
            flat.Cached.Add(frame);
        for (int number = 0; number < ScriptOperation.ProcessCount; number++)
        {
            if (row.ProcessOf(number) is not { } from)
                continue;
            TraceProcess to = flat.AddProcess(number);
            to.Merged = from.Merged;
            foreach (PageRun run in from.Pages)
            {
                for (int page = run.First; page <= run.Last; page++)
                    to.Pages.Add(run with { First = page, Last = page, Identity = run.IdentityOf(page) });
            }

            for (int region = 0; region < ScriptOperation.RegionCount; region++)
            {
                to.SetSmaps(region, from.Smaps(region));
                foreach (TraceVma vma in from.Vmas(region) ?? [])
                    to.AddVma(region, vma);
            }
        }

        return Write([flat])[0];
    }
}
