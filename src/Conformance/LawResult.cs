namespace PageTableEmu.Conformance;

/// <summary>One law and what became of it.</summary>
/// <param name="Law">Its short name, which stays the same from version to version.</param>
/// <param name="Says">What it says, in a sentence.</param>
/// <param name="Subject">The architecture or format that was tried.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Cases">How many comparisons were made.</param>
/// <param name="Failure">The first counterexample, if it failed.</param>
/// <seealso cref="ArchitectureConformance"/>
public sealed record LawResult(string Law, string Says, string Subject, LawOutcome Outcome, long Cases, LawFailure? Failure)
{
    /// <summary>A line, and for a failure the inputs and the words drawn, unless it is about none.</summary>
    public override string ToString()
    {
        string line = $"{Outcome switch { LawOutcome.Passed => "pass", LawOutcome.Failed => "FAIL", _ => "skip" }}  {Law,-34} {Subject}: {Says}";
        if (Failure is null)
            return line;
        string drawing = (Failure.Expected | Failure.Actual) == 0 ? "" : $"\n{WordDrawing.Draw(Failure.Expected, Failure.Actual)}";
        return $"{line}\n      {Failure.Problem}\n      with {Failure.Inputs}{drawing}";
    }
}
