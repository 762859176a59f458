namespace PageTableEmu.Image;

/// <summary>An image is not what it must be: truncated, foreign, of another version, or damaged.</summary>
public sealed class CorruptImageException : Exception
{
    /// <summary>Creates the error for one field.</summary>
    /// <param name="field">The header field or record that is wrong.</param>
    /// <param name="message">What was found and what would have been right.</param>
    public CorruptImageException(string field, string message)
        : base($"{field}: {message}")
    {
        Field = field;
    }

    /// <summary>The header field or record that is wrong.</summary>
    public string Field { get; }
}
