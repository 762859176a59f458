namespace PageTableEmu.Platform;

/// <summary>The operating system would not create, open, map or back an image.</summary>
public sealed class ImageStorageException : IOException
{
    /// <summary>Creates the error.</summary>
    /// <param name="failure">The kind of failure.</param>
    /// <param name="target">Path or name of the object.</param>
    /// <param name="message">Which operation failed and what the system said.</param>
    public ImageStorageException(ImageStorageFailure failure, string target, string message)
        : base($"{target}: {message}")
    {
        Failure = failure;
        Target = target;
    }

    /// <summary>The kind of failure.</summary>
    public ImageStorageFailure Failure { get; }

    /// <summary>Path or name of the object.</summary>
    public string Target { get; }
}
