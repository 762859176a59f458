namespace PageTableEmu.Mm;

/// <summary>Page faults that an operation took (the kernel's min_flt and maj_flt of the task that ran it).</summary>
/// <seealso cref="Machine{TArch}"/>
public record struct FaultCounters
{
    /// <summary>Faults served from memory.</summary>
    public long Minor { get; set; }

    /// <summary>Faults that read a device, or were called a second time after starting such a read.</summary>
    public long Major { get; set; }

    /// <summary>Counts a finished fault; one that failed or is to be retried is not counted (mm_account_fault).</summary>
    public void Count(FaultResult result, FaultFlags flags)
    {
        if ((result & (FaultResult.Error | FaultResult.Retry)) != 0)
            return;
        if ((result & FaultResult.Major) != 0 || (flags & FaultFlags.Tried) != 0)
            Major++;
        else
            Minor++;
    }
}
