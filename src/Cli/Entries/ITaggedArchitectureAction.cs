using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Cli.Entries;

/// <summary>Something to do for an architecture with tags that is known by its name only.</summary>
internal interface ITaggedArchitectureAction<TResult>
{
    /// <summary>Does it.</summary>
    /// <typeparam name="TArch">The architecture with its provider.</typeparam>
    /// <typeparam name="TFormat">The shape of its tags.</typeparam>
    TResult Invoke<TArch, TFormat>()
        where TArch : struct, IArchitecture, IEntryNames
        where TFormat : struct, ITagFormat;
}
