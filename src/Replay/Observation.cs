using System.Runtime.InteropServices;

namespace PageTableEmu.Replay;

/// <summary>
/// All that a machine shows after an operation. One object serves a whole replay: <see cref="Clear"/> is called before a machine fills it.
/// </summary>
public sealed class Observation
{
    private readonly ProcessObservation[] processes = [new(), new(), new(), new()];
    private readonly List<ulong> swapCache = [];

    /// <summary>Slots in use on the swap device, those that only the swap cache holds included; −1 while there is no swap.</summary>
    public long UsedSlots { get; set; }

    /// <summary>Pages read from the device since the machine was made (pswpin).</summary>
    public long SwapIns { get; set; }

    /// <summary>Pages written to the device since the machine was made (pswpout); all-zero pages are not written.</summary>
    public long SwapOuts { get; set; }

    /// <summary>The frames that are in the swap cache, mapped or not, in any order.</summary>
    public ReadOnlySpan<ulong> SwapCache => CollectionsMarshal.AsSpan(swapCache);

    /// <summary>A process, alive or not.</summary>
    /// <param name="process">0..3.</param>
    public ProcessObservation Process(int process) => processes[process];

    /// <summary>Says that a process lives, and gives its object to be filled.</summary>
    /// <param name="process">0..3.</param>
    public ProcessObservation AddProcess(int process)
    {
        processes[process].Clear(alive: true);
        return processes[process];
    }

    /// <summary>Says that a frame is in the swap cache.</summary>
    /// <param name="frameKey">The key that a page mapping the frame has.</param>
    public void AddSwapCacheFrame(ulong frameKey) => swapCache.Add(frameKey);

    /// <summary>Forgets everything: no process lives.</summary>
    public void Clear()
    {
        UsedSlots = SwapIns = SwapOuts = 0;
        swapCache.Clear();
        foreach (ProcessObservation process in processes)
            process.Clear(alive: false);
    }
}
