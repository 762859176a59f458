namespace PageTableEmu.Explore.Catalogue;

/// <summary>A historic race: its story, and how to see it.</summary>
/// <seealso cref="RaceCatalogue"/>
public sealed class RaceEntry
{
    /// <summary>Its name: that of its card.</summary>
    public required string Name { get; init; }

    /// <summary>Other cards that tell the same: it is found by their names too.</summary>
    public IReadOnlyList<string> OtherNames { get; init; } = [];

    /// <summary>What it is, on one line.</summary>
    public required string Title { get; init; }

    /// <summary>Where it was mended: commit and version of Linux.</summary>
    public required string Upstream { get; init; }

    /// <summary>What a user sees.</summary>
    public required string Symptom { get; init; }

    /// <summary>The short names of what may be violated: the symptom as oracles see it.</summary>
    public required IReadOnlyList<string> Invariants { get; init; }

    /// <summary>The story: who does what, in order.</summary>
    public required IReadOnlyList<(string Actor, string What)> Narrative { get; init; }

    /// <summary>The fewest preemptions that show it.</summary>
    public required int Preemptions { get; init; }

    /// <summary>The preemptions up to which models that are clean are searched.</summary>
    public int Bound { get; init; } = 3;

    /// <summary>The same where there is little time: seconds, not minutes.</summary>
    public int QuickBound { get; init; } = 2;

    /// <summary>The memory order that shows it.</summary>
    public MemoryOrder MemoryOrder { get; init; }

    /// <summary>The rules it is explored under.</summary>
    public required IReadOnlyList<RaceModel> Models { get; init; }

    /// <summary>How it is set up.</summary>
    public required IRaceStage Stage { get; init; }

    /// <summary>The model of a name; <c>before</c> is the first that must fail, <c>after</c> the first that repairs.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public RaceModel Model(string name) =>
        Models.FirstOrDefault(model => model.Name == name)
        ?? Models.FirstOrDefault(model => name == "before" ? model.MustFail : name == "after" && model.Verdict == RaceVerdict.After)
        ?? throw new ArgumentException(
            $"{Name} has no model '{name}'; it has {string.Join(", ", Models.Select(model => model.Name))}.", nameof(name));

    /// <summary>Explores it under a model.</summary>
    public ExplorationResult Explore(RaceModel model, ExplorerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using RaceScene scene = model.SetUp(this);
        return Explorer.Explore(scene.Program, Options(scene, options ?? new ExplorerOptions { Preemptions = BoundOf(model) }));
    }

    /// <summary>The preemptions up to which a model is to be searched.</summary>
    public int BoundOf(RaceModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.MustFail ? model.Preemptions ?? Preemptions : Bound;
    }

    /// <summary>Runs one schedule under a model.</summary>
    public ExplorationResult Replay(RaceModel model, string schedule, out string? misfit)
    {
        ArgumentNullException.ThrowIfNull(model);
        using RaceScene scene = model.SetUp(this);
        return Explorer.Replay(scene.Program, schedule, Options(scene, new ExplorerOptions()), null, out misfit);
    }

    /// <summary>Options of this entry's explorations and replays: its memory order.</summary>
    public ExplorerOptions Options(RaceScene scene, ExplorerOptions options)
    {
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentNullException.ThrowIfNull(options);
        return options with { MemoryOrder = MemoryOrder, WeakWords = scene.WeakWords };
    }
}
