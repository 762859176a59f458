using PageTableEmu.Atomics;
using PageTableEmu.Explore;
using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Cli.Racing;

/// <summary>A schedule as a table: a column for each actor, then the pages and slots of the machine; a row for each change.</summary>
internal sealed class RaceTable
{
    private readonly RaceScene scene;
    private readonly List<string[]> rows = [];
    private readonly string[] actors;
    private string[] seen;
    private int step;
    private int lastActor = -1;
    private int stepsOfActor;
    private string lastAccess = "";

    private RaceTable(RaceScene scene)
    {
        this.scene = scene;
        actors = [.. scene.Program.Actors.Select(actor => actor.Name)];
        seen = [.. scene.Draw()];
        rows.Add(["step", .. actors, .. scene.Columns]);
        rows.Add(["", .. actors.Select(_ => ""), .. seen]);
    }

    /// <summary>Runs a schedule and draws it.</summary>
    public static (ExplorationResult Result, string? Misfit, IReadOnlyList<string> Lines) Run(
        RaceEntry entry, RaceScene scene, string schedule)
    {
        var table = new RaceTable(scene);
        ExplorerOptions options = entry.Options(scene, new ExplorerOptions());
        ExplorationResult result = Explorer.Replay(scene.Program, schedule, options, table.Note, out string? misfit);
        return (result, misfit, table.Lines());
    }

    /// <summary>Called before each access: what is drawn now is what the one before left behind.</summary>
    private void Note(int actor, Access access, nuint address)
    {
        string[] now = [.. scene.Draw()];
        if (lastActor >= 0 && (actor != lastActor || !now.SequenceEqual(seen)))
            Add(now, actor != lastActor);
        if (actor != lastActor)
            stepsOfActor = 0;
        step++;
        stepsOfActor++;
        (lastActor, lastAccess) = (actor, access.ToString());
    }

    private void Add(string[] now, bool switches)
    {
        string[] cells = new string[actors.Length];
        Array.Fill(cells, "");
        cells[lastActor] = switches ? $"{lastAccess}, then the next ({stepsOfActor})" : lastAccess;
        rows.Add([$"{step}", .. cells, .. now.Select((cell, index) => cell == seen[index] ? "" : cell)]);
        seen = now;
    }

    private List<string> Lines()
    {
        if (lastActor >= 0)
            Add(seen, switches: false);
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        return [.. rows.Select(row => string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd())];
    }
}
