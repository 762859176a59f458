using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Entries;

/// <summary>Something to do for an architecture that is known by name only at run time.</summary>
/// <typeparam name="TResult">What comes out.</typeparam>
internal interface IArchitectureAction<out TResult>
{
    /// <summary>Does it.</summary>
    TResult Invoke<TArch>()
        where TArch : struct, IArchitecture, IEntryNames;
}
