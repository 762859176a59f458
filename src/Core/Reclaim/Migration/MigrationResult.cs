namespace PageTableEmu.Reclaim.Migration;

/// <summary>What became of a page that was to move to another frame.</summary>
/// <seealso cref="Migrator{TArch, TModel}"/>
public enum MigrationResult
{
    /// <summary>It is in the new frame, and all who mapped it map that.</summary>
    Moved,

    /// <summary>Nothing is there, or it is in swap (-ENOENT).</summary>
    NotPresent,

    /// <summary>It is the zero page, which everybody has (-EFAULT).</summary>
    NotMovable,

    /// <summary>Somebody has the folio locked, or it is being written, and the mode does not wait (-EAGAIN).</summary>
    Busy,

    /// <summary>It may be pinned, for a device most likely: it must stay (-EBUSY).</summary>
    Pinned,

    /// <summary>Somebody has a reference beside its mappings, or maps it where the reverse map does not lead (-EAGAIN).</summary>
    InUse,

    /// <summary>There is no frame to move it to (-ENOMEM).</summary>
    NoMemory,
}
