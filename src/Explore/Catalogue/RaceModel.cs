using PageTableEmu.Atomics;
using PageTableEmu.Paging;

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

    /// <summary>The fewest preemptions that show the race, where they are not those of the entry.</summary>
    public int? Preemptions { get; private init; }

    /// <summary>Whether the race must be found.</summary>
    public bool MustFail => Verdict is RaceVerdict.Before or RaceVerdict.WrongFix;

    /// <summary>Makes a model.</summary>
    /// <param name="name">Its name on the command line.</param>
    /// <param name="verdict">What must come of it.</param>
    /// <param name="rule">The rule, in words.</param>
    /// <param name="preemptions">The fewest preemptions that show the race; null for those of the entry.</param>
    public static RaceModel Of<TModel>(string name, RaceVerdict verdict, string rule, int? preemptions = null)
        where TModel : struct, IExplored => new(name, verdict, rule, stage => stage.SetUp<TModel>()) { Preemptions = preemptions };

    /// <summary>Makes a model with a provider of page metadata.</summary>
    /// <inheritdoc cref="Of{TModel}"/>
    public static RaceModel Of<TTags, TModel>(string name, RaceVerdict verdict, string rule, int? preemptions = null)
        where TTags : struct, IPageTagProvider
        where TModel : struct, IExplored => new(name, verdict, rule, stage => stage.SetUp<TTags, TModel>()) { Preemptions = preemptions };

    /// <summary>Sets a race up under this rule.</summary>
    public RaceScene SetUp(RaceEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return setUp(entry.Stage);
    }
}
