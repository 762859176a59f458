namespace PageTableEmu.Atomics;

/// <summary>When a forced write (FOLL_FORCE, as a debugger makes it) may go through an entry that is read-only.</summary>
/// <seealso cref="IModel.ForcedWrite"/>
public enum ForcedWrite
{
    /// <summary>
    /// After the write fault the page is looked for as for a load (before 19be0eaffa3a, 4.9): if the copy was dropped meanwhile, that is the page of
    /// the file.
    /// </summary>
    DropsWrite,

    /// <summary>After the write fault the entry must be dirty (19be0eaffa3a, 4.9, to 5.19); not only the copy's can be.</summary>
    NeedsDirty,

    /// <summary>The entry must map an exclusive anonymous page (5535be309971, since 6.0).</summary>
    NeedsExclusive,
}
