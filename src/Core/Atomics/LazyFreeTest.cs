namespace PageTableEmu.Atomics;

/// <summary>What must hold for a lazily freed page to be dropped once its entry is clear, in the order of the looks.</summary>
/// <seealso cref="IModel"/>
public enum LazyFreeTest
{
    /// <summary>Not dirty; references are not looked at (Linux 4.12 to 5.17).</summary>
    DirtyOnly,

    /// <summary>Not dirty, then no reference but the mappings' and ours: the wrong order, which nobody merged.</summary>
    DirtyThenReferences,

    /// <summary>No reference but the mappings' and ours, then not dirty (6c8e2a256915, since 5.18).</summary>
    ReferencesThenDirty,
}
