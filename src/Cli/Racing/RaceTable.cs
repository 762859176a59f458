namespace PageTableEmu.Cli.Racing;

/// <summary>A timeline as a table: a column for each actor, then the pages and slots of the machine; a row for each change.</summary>
internal static class RaceTable
{
    /// <summary>The lines.</summary>
    public static IEnumerable<string> Lines(RaceTimeline timeline)
    {
        List<string[]> rows =
        [
            ["step", .. timeline.Actors, .. timeline.Columns],
            ["", .. timeline.Actors.Select(_ => ""), .. timeline.Begin],
        ];
        IReadOnlyList<string> seen = timeline.Begin;
        int stepsOfActor = 0;
        for (int index = 0; index < timeline.Steps.Count; index++)
        {
            RaceStep step = timeline.Steps[index];
            stepsOfActor = index > 0 && timeline.Steps[index - 1].Actor == step.Actor ? stepsOfActor + 1 : 1;
            bool last = index == timeline.Steps.Count - 1;
            bool switches = !last && timeline.Steps[index + 1].Actor != step.Actor;
            if (!last && !switches && step.Cells.SequenceEqual(seen))
                continue;
            rows.Add(Row(timeline, index, switches ? $"{step.Access}, then the next ({stepsOfActor})" : step.Access, seen));
            seen = step.Cells;
        }

        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        return rows.Select(row => string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    private static string[] Row(RaceTimeline timeline, int index, string what, IReadOnlyList<string> seen)
    {
        RaceStep step = timeline.Steps[index];
        IEnumerable<string> actors = timeline.Actors.Select((_, actor) => actor == step.Actor ? what : "");
        return [$"{index + 1}", .. actors, .. step.Cells.Select((cell, column) => cell == seen[column] ? "" : cell)];
    }
}
