using PageTableEmu.Replay.Running;
using Spectre.Console;

namespace PageTableEmu.Cli.Replaying;

/// <summary>What a person reads after a replay: each trace that is not as it should be, then the sums.</summary>
internal static class ReplayReport
{
    private static readonly string[] Columns =
        ["profile", "backend", "traces", "equal", "different", "not yet known", "broken", "operations", "equal operations"];

    /// <summary>Writes the report of machines of an architecture.</summary>
    public static void Write(ReplayOutput output, IReadOnlyList<TraceResult> results, string architecture, bool minorFaults)
    {
        foreach (TraceResult result in results)
        {
            if (!result.IsGood && result.Verdict != TraceVerdict.InputError)
                Write(output, result, architecture);
        }

        IReadOnlyList<ReplaySummary> sums = ReplayRunner.Summarise(results);
        string[][] rows = [.. sums.Select(Row), Row(Total(sums))];
        if (output.IsTerminal)
            WriteTable(rows);
        else
            WritePlain(output.Out, rows);
        foreach (IGrouping<string?, TraceResult> group in results.Where(IsExcepted).GroupBy(result => result.Message))
            output.Out.WriteLine($"{group.Count()} not compared: {group.Key}");
        if (!minorFaults)
            output.Out.WriteLine($"minor faults not compared: {architecture} has no accessed and dirty bits of the hardware");
    }

    private static bool IsExcepted(TraceResult result) => result.Verdict == TraceVerdict.Excepted;

    private static void Write(ReplayOutput output, TraceResult result, string architecture)
    {
        TextWriter writer = output.Out;
        if (result.Difference is not { } difference)
        {
            writer.WriteLine($"{result.Path}: {result.Message}");
            return;
        }

        string place = difference.Number == 0 ? string.Empty : $" n={difference.Number} '{difference.Operation}'";
        string process = difference.Process is { } number ? $" process {number}" : string.Empty;
        string page = difference.Page is { } name ? $" page {name}" : string.Empty;
        writer.WriteLine($"{result.Path}:{place}{process}{page}: {difference.Field} differs");
        writer.WriteLine($"    recorded  {difference.Expected}");
        writer.WriteLine($"    here      {difference.Actual}");
        if (result.Entry is { } entry)
            EntryDrawing.Write(entry, architecture, output);
    }

    private static ReplaySummary Total(IReadOnlyList<ReplaySummary> sums) => new(
        "all", string.Empty, sums.Sum(sum => sum.Traces), sums.Sum(sum => sum.Equal), sums.Sum(sum => sum.Different), sums.Sum(sum => sum.Unknown),
        sums.Sum(sum => sum.Broken), sums.Sum(sum => sum.Operations), sums.Sum(sum => sum.EqualOperations));

    private static string[] Row(ReplaySummary sum) =>
    [
        sum.Profile, sum.Backend, $"{sum.Traces}", $"{sum.Equal}", $"{sum.Different}", $"{sum.Unknown}", $"{sum.Broken}", $"{sum.Operations}",
        $"{sum.EqualOperations}",
    ];

    private static void WriteTable(string[][] rows)
    {
        Table table = new() { Border = TableBorder.Rounded };
        for (int column = 0; column < Columns.Length; column++)
        {
            TableColumn header = new(Columns[column]);
            table.AddColumn(column < 2 ? header : header.RightAligned());
        }

        foreach (string[] row in rows)
        {
            bool good = row[4..7].All(cell => cell == "0");
            table.AddRow([.. row.Select((cell, column) => new Text(cell, column == 3 ? new Style(good ? Color.Green : Color.Red) : Style.Plain))]);
        }

        AnsiConsole.Write(table);
    }

    private static void WritePlain(TextWriter writer, string[][] rows)
    {
        string[][] all = [Columns, .. rows];
        int[] widths = [.. Columns.Select((_, column) => all.Max(row => row[column].Length))];
        foreach (string[] row in all)
        {
            string line = string.Join("  ", row.Select((cell, column) => column < 2 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column])));
            writer.WriteLine(line.TrimEnd());
        }
    }
}
