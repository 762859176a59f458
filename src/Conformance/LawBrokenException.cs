namespace PageTableEmu.Conformance;

/// <summary>Ends a law at its first counterexample. Never leaves the kit.</summary>
internal sealed class LawBrokenException(LawFailure failure) : Exception(failure.Problem)
{
    internal LawFailure Failure { get; } = failure;
}
