namespace PageTableEmu.Swap;

/// <summary>
/// Makes a chosen allocation of tag storage fail, for tests of what happens then. Belongs to one view of the machine. Every allocation counts:
/// a buffer for a slot, and the tables and buffers of metadata that is kept by address.
/// </summary>
/// <seealso cref="Tags.PageTags{TArch, TModel}"/>
public sealed class TagFaults
{
    private readonly Lock gate = new();
    private int left;
    private long calls;

    /// <summary>The n-th allocation from now fails, 1 is the next; 0: none. Single.</summary>
    public int FailAllocation
    {
        get => left;
        set => left = value;
    }

    /// <summary>Allocations that were asked for so far, those that failed included: to learn how many there are to fail.</summary>
    public long Allocations => calls;

    internal bool FailsThisAllocation()
    {
        lock (gate)
        {
            calls++;
            return left > 0 && --left == 0;
        }
    }
}
