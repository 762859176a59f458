using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Sets a race up on a machine of any model.</summary>
/// <seealso cref="RaceCatalogue"/>
public interface IRaceStage
{
    /// <summary>Makes a machine, brings it to the state that the race begins with, and says what the actors do.</summary>
    RaceScene SetUp<TModel>()
        where TModel : struct, IExplored;

    /// <summary>The same on a machine with a provider of page metadata, where the race is about that.</summary>
    RaceScene SetUp<TTags, TModel>()
        where TTags : struct, IPageTagProvider
        where TModel : struct, IExplored => SetUp<TModel>();
}
