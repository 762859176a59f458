namespace PageTableEmu.Platform;

/// <summary>Why an image could not be created, opened or backed.</summary>
public enum ImageStorageFailure
{
    /// <summary>None of the others; the message has the system's own words.</summary>
    Other,

    /// <summary>The object to create exists.</summary>
    Exists,

    /// <summary>The object to open does not exist.</summary>
    NotFound,

    /// <summary>The caller may not.</summary>
    Denied,

    /// <summary>The file system, quota or memory is full.</summary>
    Full,

    /// <summary>The platform has no such kind of memory, or cannot make it that large.</summary>
    Unsupported,
}
