namespace PageTableEmu.Explore.Catalogue;

/// <summary>What an exploration of a model must come to.</summary>
/// <seealso cref="RaceCatalogue"/>
public enum RaceVerdict
{
    /// <summary>The rule before the repair: the race must be found.</summary>
    Before,

    /// <summary>The rule after the repair: the bound must be exhausted without a violation.</summary>
    After,

    /// <summary>A repair that does not repair: the race must be found.</summary>
    WrongFix,

    /// <summary>A rule that hides the race without being its repair: clean.</summary>
    Masks,
}
