namespace PageTableEmu.Replay.Scripts;

/// <summary>A script cannot be read or performed as it stands; the message names the line.</summary>
public sealed class ScriptException : Exception
{
    /// <summary>Makes an exception without a line.</summary>
    public ScriptException()
    {
    }

    /// <summary>Makes an exception without a line.</summary>
    public ScriptException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception without a line.</summary>
    public ScriptException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Makes an exception for a line.</summary>
    /// <param name="line">Line of the script, from 1, comments and empty lines counted.</param>
    /// <param name="problem">What is wrong with it.</param>
    public ScriptException(int line, string problem)
        : base($"line {line}: {problem}")
    {
        Line = line;
    }

    /// <summary>Line of the script, from 1; 0 where none is to blame.</summary>
    public int Line { get; }
}
