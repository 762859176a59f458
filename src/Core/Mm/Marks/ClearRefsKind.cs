namespace PageTableEmu.Mm.Marks;

/// <summary>What clear_refs forgets (the numbers written to /proc/PID/clear_refs).</summary>
/// <seealso cref="ClearRefs{TArch, TModel}"/>
public enum ClearRefsKind
{
    /// <summary>That pages were accessed: of all mappings.</summary>
    Referenced = 1,

    /// <summary>That pages were accessed: of private mappings.</summary>
    ReferencedAnonymous = 2,

    /// <summary>That pages were accessed: of mappings of objects.</summary>
    ReferencedMapped = 3,

    /// <summary>That pages were written.</summary>
    SoftDirty = 4,
}
