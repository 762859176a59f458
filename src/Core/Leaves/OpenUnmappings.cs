namespace PageTableEmu.Leaves;

/// <summary>Checked models count the linear tokens of each thread here, so that a table cannot be unlocked while one is open.</summary>
internal static class OpenUnmappings
{
    [ThreadStatic]
    private static int open;

    internal static void Opened() => open++;

    internal static void Closed() => open--;

    /// <summary>For who gave an operation up in its middle, and its machine with it.</summary>
    internal static void Reset() => open = 0;

    internal static void AssertNone()
    {
        if (open == 0)
            return;
        open = 0;
        throw new InvalidOperationException("An unmapping was left open: it must end in exactly one commit, Discard or Rollback.");
    }
}
