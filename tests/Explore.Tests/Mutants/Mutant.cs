namespace PageTableEmu.Explore.Tests.Mutants;

/// <summary>One fault of <c>mutants.txt</c>.</summary>
/// <param name="Number">Its number: <c>PTEMU_MUTANT</c> switches it on.</param>
/// <param name="Name">Its name.</param>
/// <param name="What">What is wrong.</param>
/// <param name="Race">The race that finds it; null when none does.</param>
/// <param name="Reason">Why it survives.</param>
/// <param name="Edits">What is replaced, by what, and where.</param>
internal sealed record Mutant(int Number, string Name, string What, string? Race, string Reason, IReadOnlyList<MutantEdit> Edits);
