namespace PageTableEmu.Conformance;

/// <summary>A law: a name, what it says, and how it is tried.</summary>
internal sealed record Law(string Name, string Says, Action<Check> Try)
{
    /// <summary>Tries it. Whatever the subject throws is a failure of the subject.</summary>
    internal LawResult Run(string subject)
    {
        var check = new Check();
        LawFailure? failure = null;
        try
        {
            Try(check);
        }
        catch (LawBrokenException broken)
        {
            failure = broken.Failure;
        }
#pragma warning disable CA1031 // A format that throws breaks the law that it was tried for; the other laws go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Exception cause = error is TypeInitializationException { InnerException: { } inner } ? inner : error;
            failure = new LawFailure($"{cause.GetType().Name}: {cause.Message}", "(thrown by the subject)", 0, 0);
        }

        return new LawResult(Name, Says, subject, failure is null ? LawOutcome.Passed : LawOutcome.Failed, check.Cases, failure);
    }

    /// <summary>The result of not trying it.</summary>
    internal LawResult Skip(string subject) => new(Name, Says, subject, LawOutcome.NotRun, 0, null);
}
