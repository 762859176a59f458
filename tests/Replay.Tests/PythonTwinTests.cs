using System.Diagnostics;
using System.Text.RegularExpressions;
using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

/// <summary>Our comparison and the recorder's own (native/oracle/compare.py) must give the same verdict on recordings changed at random.</summary>
public sealed partial class PythonTwinTests : IDisposable
{
    private const int Mutations = 240;

    private const string Driver = """
        import sys
        sys.path.insert(0, sys.argv[1])
        import compare
        loaded = {}
        def load(path):
            if path not in loaded:
                loaded.clear() if len(loaded) > 40 else None
                loaded[path] = compare.load(path)
            return loaded[path]
        for line in open(sys.argv[2]):
            a, b = line.rstrip('\n').split('\t')
            want, unstable = load(a)
            print(compare.compare(want, load(b)[0], unstable) or 'equal')
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("ptemu-compare-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Random_changes_get_the_verdict_of_compare_py()
    {
        Random random = new(20261120);
        string[] files = TestData.TraceFiles();
        List<(string Change, string Left, string Right)> pairs = [];
        for (int k = 0; k < Mutations; k++)
        {
            TraceText trace = TraceText.LoadFile(files[random.Next(files.Length)]);
            string change = Mutation.Apply(trace, k, random);
            string path = Path.Combine(folder, $"{k}.jsonl");
            File.WriteAllText(path, trace.ToText());
            pairs.Add((change, trace.Path, path));
            pairs.Add((change, path, trace.Path));
        }

        string[] verdicts = RunPython(pairs);
        Assert.Equal(pairs.Count, verdicts.Length);
        int differences = 0;
        for (int k = 0; k < pairs.Count; k++)
        {
            Difference? ours = TraceComparer.Compare(TraceReader.Read(pairs[k].Left), TraceReader.Read(pairs[k].Right));
            differences += ours is null ? 0 : 1;
            Assert.True(SamePlace(ours, verdicts[k]), $"{pairs[k]}:\nhere:   {ours}\npython: {verdicts[k]}");
        }

        // Neither verdict may be rare, or the test would say little.
        Assert.InRange(differences, pairs.Count / 4, pairs.Count - (pairs.Count / 10));
    }

    private static bool SamePlace(Difference? ours, string python)
    {
        if (ours is null || python == "equal")
            return ours is null && python == "equal";
        Match at = Place().Match(python);
        if (!at.Success)
            return ours.Field == "operations" && python.Contains(" operations recorded, ", StringComparison.Ordinal);
        // Python lists all pages that only one side has and sums and VMAs of all regions at once; the first one is enough here.
        return ours.Number == int.Parse(at.Groups["n"].ValueSpan)
            && (ours.Process?.ToString() ?? "") == at.Groups["process"].Value
            && (ours.Field == "pages" || (ours.Page ?? "") == at.Groups["page"].Value)
            && at.Groups["field"].Value == (ours.Field switch { "same" => "same slot as before", "cached" => "swap cache only", _ => ours.Field });
    }

    private string[] RunPython(List<(string Change, string Left, string Right)> pairs)
    {
        string list = Path.Combine(folder, "pairs");
        File.WriteAllLines(list, pairs.Select(pair => $"{pair.Left}\t{pair.Right}"));
        ProcessStartInfo start = new("python3", ["-B", "-c", Driver, TestData.Oracle, list]) { RedirectStandardOutput = true };
        try
        {
            using Process python = Process.Start(start)!;
            string output = python.StandardOutput.ReadToEnd();
            python.WaitForExit();
            Assert.Equal(0, python.ExitCode);
            return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Skip($"python3 cannot be started: {e.Message}");
            throw;
        }
    }

    [GeneratedRegex(@"^n=(?<n>\d+) .*?: (process (?<process>\d)( page (?<page>[A-H]\d+))?: )?(?<field>same slot as before|swap cache only|[a-z]+)",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Place();
}
