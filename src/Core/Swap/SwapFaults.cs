namespace PageTableEmu.Swap;

/// <summary>
/// Makes chosen reads and writes of swap areas fail, for tests of what happens then. Belongs to one view of the machine. Only accesses
/// that reach a device count: slots known to be zero do no input or output.
/// </summary>
/// <example>
/// <code>
/// SwapFaults failing = machine.Context.Swap.Faults;
/// failing.FailWrite = 1; // the next page stays in memory
/// machine.ReclaimAll();
/// </code>
/// </example>
public sealed class SwapFaults
{
    private readonly Lock gate = new();
    private int reads;
    private int writes;

    /// <summary>The n-th read from now fails, 1 is the next; 0: none. Single.</summary>
    public int FailRead
    {
        get => reads;
        set => reads = value;
    }

    /// <summary>The n-th write from now fails, 1 is the next; 0: none. Single.</summary>
    public int FailWrite
    {
        get => writes;
        set => writes = value;
    }

    internal bool FailsThisRead() => reads > 0 && CountDown(ref reads);

    internal bool FailsThisWrite() => writes > 0 && CountDown(ref writes);

    private bool CountDown(ref int left)
    {
        lock (gate)
            return left > 0 && --left == 0;
    }
}
