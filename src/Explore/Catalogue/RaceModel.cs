using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>A rule under which a race is explored.</summary>
/// <seealso cref="RaceCatalogue"/>
public sealed class RaceModel
{
    private readonly Func<IRaceStage, RaceScene> setUp;

    private RaceModel(string name, RaceVerdict verdict, string rule, Func<IRaceStage, RaceScene> setUp)
    {
        this.setUp = setUp;
        (Name, Verdict, Rule) = (name, verdict, rule);
    }

    /// <summary>Its name on the command line.</summary>
    public string Name { get; }

    /// <summary>What must come of it.</summary>
    public RaceVerdict Verdict { get; }

    /// <summary>The rule, in words.</summary>
    public string Rule { get; }

    /// <summary>Whether the race must be found.</summary>
    public bool MustFail => Verdict is RaceVerdict.Before or RaceVerdict.WrongFix;

    /// <summary>Makes a model.</summary>
    public static RaceModel Of<TModel>(string name, RaceVerdict verdict, string rule)
        where TModel : struct, IExplored => new(name, verdict, rule, stage => stage.SetUp<TModel>());

    /// <summary>Sets a race up under this rule.</summary>
    public RaceScene SetUp(RaceEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return setUp(entry.Stage);
    }
}
