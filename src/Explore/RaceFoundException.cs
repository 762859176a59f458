namespace PageTableEmu.Explore;

/// <summary>An explored program misbehaves under the schedule that the message ends with.</summary>
/// <seealso cref="Explorer"/>
public sealed class RaceFoundException : Exception
{
    /// <summary>For serialisers; says nothing.</summary>
    public RaceFoundException()
        : this("A race was found.")
    {
    }

    /// <summary>Says only what happened.</summary>
    public RaceFoundException(string message)
        : base(message) => Violation = new RaceViolation(message, "", 0, "", 0);

    /// <summary>Says only what happened.</summary>
    public RaceFoundException(string message, Exception innerException)
        : base(message, innerException) => Violation = new RaceViolation(message, "", 0, "", 0);

    /// <summary>Tells what was found.</summary>
    public RaceFoundException(RaceViolation violation)
        : base($"{Checked(violation).Invariant}: {violation.Symptom}{Environment.NewLine}replay: {violation.Schedule}") => Violation = violation;

    /// <summary>What was found.</summary>
    public RaceViolation Violation { get; }

    /// <summary>The line that shows it again.</summary>
    public string Schedule => Violation.Schedule;

    private static RaceViolation Checked(RaceViolation violation)
    {
        ArgumentNullException.ThrowIfNull(violation);
        return violation;
    }
}
