using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Sets a race up on a machine of any model.</summary>
/// <seealso cref="RaceCatalogue"/>
public interface IRaceStage
{
    /// <summary>Makes a machine, brings it to the state that the race begins with, and says what the actors do.</summary>
    RaceScene SetUp<TModel>()
        where TModel : struct, IExplored;
}
