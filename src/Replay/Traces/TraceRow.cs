namespace PageTableEmu.Replay.Traces;

/// <summary>One observation of a trace: an operation, its outcome, and all that was seen after it.</summary>
public sealed class TraceRow
{
    private readonly TraceProcess?[] processes = new TraceProcess?[ScriptOperation.ProcessCount];

    /// <summary>Number of the operation, from 1.</summary>
    public int Number { get; set; }

    /// <summary>The script line.</summary>
    public string Operation { get; set; } = string.Empty;

    /// <summary>The acting process.</summary>
    public int Process { get; set; }

    /// <summary>What the operation answered.</summary>
    public OperationOutcome Outcome { get; set; }

    /// <summary>Slots in use, −1 without swap.</summary>
    public long UsedSlots { get; set; }

    /// <summary>Pages read from the device since the start.</summary>
    public long SwapIns { get; set; }

    /// <summary>Pages written to the device since the start.</summary>
    public long SwapOuts { get; set; }

    /// <summary>Full scans that the same-page merger made in this operation, if it was a ksm; 0 when the recording does not say.</summary>
    public int Scans { get; set; }

    /// <summary>Identities of the frames that were seen in a page table and that now only the swap cache holds.</summary>
    public IList<long> Cached => CachedFrames;

    internal List<long> CachedFrames { get; } = [];

    /// <summary>A living process; null for a number that does not live.</summary>
    public TraceProcess? ProcessOf(int process) => processes[process];

    /// <summary>Adds a living process, empty.</summary>
    public TraceProcess AddProcess(int process) => processes[process] = new TraceProcess();

    internal void Clear()
    {
        Array.Clear(processes);
        Scans = 0;
        CachedFrames.Clear();
    }
}
