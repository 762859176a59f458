namespace PageTableEmu.Conformance;

/// <summary>The first input for which a law does not hold.</summary>
/// <param name="Problem">What is wrong, in words.</param>
/// <param name="Inputs">What was tried.</param>
/// <param name="Expected">The word that the law asks for, or the word that went in.</param>
/// <param name="Actual">The word that came out.</param>
/// <seealso cref="ArchitectureConformance"/>
public sealed record LawFailure(string Problem, string Inputs, ulong Expected, ulong Actual);
