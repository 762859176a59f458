namespace PageTableEmu.Explore;

/// <summary>Thrown by an actor that has itself found something that must not be; the exploration reports the finding.</summary>
/// <example>
/// <code>
/// // An actor that finds something wrong says so
/// var actor = new Actor("Reader", () =&gt; throw new FindingException(new Finding("G1", "the page holds 1, the last store was 2")));
/// </code>
/// </example>
public sealed class FindingException : Exception
{
    /// <summary>For serialisers; says nothing.</summary>
    public FindingException()
        : this("An actor found something wrong.")
    {
    }

    /// <summary>Says only what was found.</summary>
    public FindingException(string message)
        : base(message) => Finding = new Finding("ACTOR", message);

    /// <summary>Says only what was found.</summary>
    public FindingException(string message, Exception innerException)
        : base(message, innerException) => Finding = new Finding("ACTOR", message);

    /// <summary>Tells what was found.</summary>
    public FindingException(Finding finding)
        : base(finding?.Message) => Finding = finding ?? throw new ArgumentNullException(nameof(finding));

    /// <summary>What was found.</summary>
    public Finding Finding { get; }
}
