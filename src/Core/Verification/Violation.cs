namespace PageTableEmu.Verification;

/// <summary>One thing that is wrong with a machine.</summary>
/// <param name="Invariant">Id of the invariant that does not hold; <see cref="Verifier{TArch, TModel}"/> lists them.</param>
/// <param name="What">The record concerned and what is wrong with it.</param>
/// <example>
/// <code>
/// foreach (Violation violation in machine.Verify())
///     Console.WriteLine($"{violation.Invariant} does not hold: {violation.What}");
/// </code>
/// </example>
public readonly record struct Violation(string Invariant, string What)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Invariant}: {What}";
}
