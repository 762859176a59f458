namespace PageTableEmu.Replay.Traces;

/// <summary>A file is not a trace; the message names the file, the line and what is wrong there.</summary>
public sealed class TraceFormatException : Exception
{
    /// <summary>Makes an exception without a place.</summary>
    public TraceFormatException()
    {
    }

    /// <summary>Makes an exception without a place.</summary>
    public TraceFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception without a place.</summary>
    public TraceFormatException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
