namespace PageTableEmu.Image;

/// <summary>The lists that folios wait on for reclaim (include/linux/mmzone.h enum lru_list, in its order).</summary>
/// <seealso cref="LruLists{TModel}"/>
public enum LruKind
{
    /// <summary>Backed by swap, not used lately: what reclaim looks at first.</summary>
    InactiveAnon,

    /// <summary>Backed by swap, in use.</summary>
    ActiveAnon,

    /// <summary>Not backed by swap: freed lazily (MADV_FREE).</summary>
    InactiveFile,

    /// <summary>Freed lazily and used since.</summary>
    ActiveFile,

    /// <summary>Locked in memory.</summary>
    Unevictable,
}
