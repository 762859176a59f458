namespace PageTableEmu.Explore.Tests.Mutants;

/// <summary>A piece of text that occurs once in a file of Core, and what takes its place.</summary>
internal sealed record MutantEdit(string File, string Old, string New)
{
    /// <summary>Where the text is.</summary>
    /// <exception cref="InvalidOperationException">It does not occur once: the list is older than the file.</exception>
    internal int PlaceIn(string text)
    {
        int place = text.IndexOf(Old, StringComparison.Ordinal);
        return place >= 0 && text.IndexOf(Old, place + 1, StringComparison.Ordinal) < 0
            ? place
            : throw new InvalidOperationException($"'{Old}' does not occur once in {File}.");
    }
}
