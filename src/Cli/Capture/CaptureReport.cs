namespace PageTableEmu.Cli.Capture;

/// <summary>What was checked of one capture and what differed.</summary>
internal sealed class CaptureReport(string path, bool fiveLevels)
{
    private readonly SortedDictionary<string, (int Checked, int Wrong)> checks = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> kinds = new(StringComparer.Ordinal);
    private readonly List<string> differences = [];

    /// <summary>The folder.</summary>
    public string Path { get; } = path;

    /// <summary>Levels of the guest's tables.</summary>
    public int Levels { get; } = fiveLevels ? 5 : 4;

    /// <summary>For each rule, values compared and values that differ.</summary>
    public IReadOnlyDictionary<string, (int Checked, int Wrong)> Checks => checks;

    /// <summary>How many entries of which kind the truth was compared with.</summary>
    public IReadOnlyDictionary<string, int> Kinds => kinds;

    /// <summary>One line for each difference.</summary>
    public IReadOnlyList<string> Differences => differences;

    /// <summary>Values compared.</summary>
    public int Checked => checks.Values.Sum(check => check.Checked);

    /// <summary>Values that differ.</summary>
    public int Mismatches => differences.Count;

    /// <summary>Compares one value.</summary>
    /// <param name="rule">Name of the rule.</param>
    /// <param name="holds">Whether it holds.</param>
    /// <param name="difference">Says what differs; asked only if it does.</param>
    public void Check(string rule, bool holds, Func<string> difference)
    {
        (int done, int wrong) = checks.GetValueOrDefault(rule);
        checks[rule] = (done + 1, wrong + (holds ? 0 : 1));
        if (!holds)
            differences.Add($"{rule}: {difference()}");
    }

    /// <summary>Counts an entry of a kind.</summary>
    public void Count(string kind) => kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
}
