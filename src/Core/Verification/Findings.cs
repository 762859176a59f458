namespace PageTableEmu.Verification;

/// <summary>
/// The violations that one verifier found. Of each invariant only the first few are kept in words: a wrong counter can make every page of a
/// machine look wrong.
/// </summary>
internal sealed class Findings
{
    private const int Kept = 16;

    private readonly List<Violation> violations = [];
    private readonly Dictionary<string, int> counts = [];

    internal bool IsEmpty => violations.Count == 0;

    internal void Add(string invariant, string what)
    {
        int count = counts[invariant] = counts.GetValueOrDefault(invariant) + 1;
        if (count <= Kept)
            violations.Add(new Violation(invariant, what));
    }

    internal IEnumerable<Violation> All =>
        violations.Concat(counts.Where(pair => pair.Value > Kept).Select(pair => new Violation(pair.Key, $"and {pair.Value - Kept} more")));
}
