namespace PageTableEmu.Paging;

/// <summary>Why an access or a walk stopped.</summary>
public enum FaultReason
{
    /// <summary>It did not: a leaf was found and, for an access, allows it.</summary>
    None,

    /// <summary>The address is not one that the hardware translates.</summary>
    NotCanonical,

    /// <summary>The entry is empty.</summary>
    NotMapped,

    /// <summary>The entry is not present but remembers something: swap, migration, marker and so on.</summary>
    NotPresent,

    /// <summary>
    /// The leaf does not allow the access (on sparc64 also: it is old, or clean and written, and the trap handler must say so first).
    /// </summary>
    Permission,

    /// <summary>The entry is malformed: present, but neither a table nor a leaf.</summary>
    Bad,
}
