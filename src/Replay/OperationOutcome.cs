namespace PageTableEmu.Replay;

/// <summary>What one operation answered to its caller.</summary>
/// <param name="Result">
/// Return value: 0 or the bytes moved (1, 4096), −1 with <paramref name="Error"/> for a failed call,
/// −11 (minus SIGSEGV) or −7 (minus SIGBUS) for a trapped touch.
/// </param>
/// <param name="Error">errno of a failed call, else 0.</param>
/// <param name="Value">The byte read (read, vmread, memread, unsplice), the status of movepages, else −1.</param>
/// <param name="MinorFaults">Minor faults the acting process took in the operation.</param>
/// <param name="MajorFaults">Major faults the acting process took in the operation.</param>
public readonly record struct OperationOutcome(long Result, int Error, long Value, long MinorFaults, long MajorFaults)
{
    /// <summary>errno of an operation of a process that does not live (ECHILD).</summary>
    public const int NoSuchProcess = 10;

    /// <summary>The machine does not know the operation; it has changed nothing.</summary>
    public static OperationOutcome NotSupported => new(0, 0, -1, 0, 0) { IsNotSupported = true };

    /// <summary>Whether this is <see cref="NotSupported"/>.</summary>
    public bool IsNotSupported { get; private init; }

    /// <summary>A success without faults.</summary>
    public static OperationOutcome Done(long result = 0, long value = -1) => new(result, 0, value, 0, 0);

    /// <summary>A failed call without faults.</summary>
    public static OperationOutcome Failed(int error) => new(-1, error, -1, 0, 0);
}
