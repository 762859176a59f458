using PageTableEmu.Atomics;
using PageTableEmu.Explore;
using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Cli.Racing;

/// <summary>A schedule run once: every shared access, and how the machine looks after it.</summary>
internal sealed class RaceTimeline
{
    private readonly RaceScene scene;
    private readonly List<RaceStep> steps = [];
    private int running = -1;
    private string access = "";

    private RaceTimeline(RaceScene scene)
    {
        this.scene = scene;
        Actors = [.. scene.Program.Actors.Select(actor => actor.Name)];
        Begin = [.. scene.Draw()];
    }

    /// <summary>Names of the actors.</summary>
    public IReadOnlyList<string> Actors { get; }

    /// <summary>What is drawn of the machine: pages, slots, frames.</summary>
    public IReadOnlyList<string> Columns => scene.Columns;

    /// <summary>How the machine looks before the first access.</summary>
    public IReadOnlyList<string> Begin { get; }

    /// <summary>The accesses.</summary>
    public IReadOnlyList<RaceStep> Steps => steps;

    /// <summary>What came of it.</summary>
    public RaceViolation? Violation { get; private set; }

    /// <summary>What of the schedule could not be followed; null when all could.</summary>
    public string? Misfit { get; private set; }

    /// <summary>Runs a schedule.</summary>
    /// <exception cref="FormatException">The line is no schedule of the race.</exception>
    public static RaceTimeline Run(RaceEntry entry, RaceScene scene, string schedule)
    {
        var timeline = new RaceTimeline(scene);
        ExplorerOptions options = entry.Options(scene, new ExplorerOptions());
        ExplorationResult result = Explorer.Replay(scene.Program, schedule, options, timeline.Note, out string? misfit);
        if (timeline.running >= 0) // the last access ended the execution: nobody looked after it
            timeline.Add(timeline.steps.Count == 0 ? timeline.Begin : timeline.steps[^1].Cells);
        (timeline.Violation, timeline.Misfit) = (result.Violation, misfit);
        return timeline;
    }

    /// <summary>Called before each access: what is drawn now is what the one before left behind.</summary>
    private void Note(int actor, Access kind, nuint address)
    {
        if (running >= 0)
            Add([.. scene.Draw()]);
        (running, access) = (actor, kind.ToString());
    }

    private void Add(IReadOnlyList<string> cells) => steps.Add(new RaceStep(running, access, cells));
}
