namespace PageTableEmu.Replay.Comparison;

/// <summary>The first thing in which two sides differ.</summary>
/// <param name="Number">Number of the operation; 0 when the difference is not one of an operation.</param>
/// <param name="Operation">The script line.</param>
/// <param name="Field">
/// What differs: <c>ret err val min maj used pswpin pswpout processes pages kind identity bytes mapcount core pagemap same merged smaps vma
/// cached</c>, or <c>operations</c> for the number of them.
/// </param>
/// <param name="Process">The process it was seen in, null for the machine.</param>
/// <param name="Page">Region and page, such as A3, null when it is not one of a page.</param>
/// <param name="Expected">The recording's side.</param>
/// <param name="Actual">The other side.</param>
/// <seealso cref="Replay.Running.TraceReplay"/>
public sealed record Difference(int Number, string Operation, string Field, int? Process, string? Page, string Expected, string Actual)
{
    /// <summary>One line for a person.</summary>
    public override string ToString()
    {
        string at = Number == 0 ? string.Empty : $"n={Number} '{Operation}': ";
        string process = Process is { } p ? $"process {p} " : string.Empty;
        string page = Page is { } name ? $"page {name} " : string.Empty;
        return $"{at}{process}{page}{Field}: recorded {Expected}, here {Actual}";
    }
}
