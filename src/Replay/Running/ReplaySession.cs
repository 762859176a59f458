using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Running;

/// <summary>
/// Runs operations on a machine and turns what it shows into rows of a trace: it does the bookkeeping that the recorder does beside the
/// kernel. One session serves one machine from its start.
/// </summary>
/// <remarks>
/// <para>Pages are looked at from page 0 of a region to the end of the largest range that a map or mremap put there; a new map sets the end
/// anew.</para>
/// <para>A slot's content counts as zero when a page was zero in both observed bytes the last time it was present and is now seen on that
/// slot: a kernel does not write such a page, so the device cannot be asked. The note is the recorder's, kept per process and page, and is
/// wrong in the same cases (a page moved by mremap leaves its note behind).</para>
/// </remarks>
public sealed class ReplaySession
{
    /// <summary>Regions longer than this are written as runs of pages.</summary>
    private const int LongestPlainRegion = 64;

    private readonly IReplayMachine machine;
    private readonly Observation observation = new();
    private readonly IdentityTable frames = new();
    private readonly IdentityTable slots = new();
    private readonly List<long> nothingHidden = [];
    private readonly ProcessNotes?[] notes = new ProcessNotes?[ScriptOperation.ProcessCount];

    /// <summary>Starts with a machine whose only process is number 0, with nothing mapped.</summary>
    public ReplaySession(IReplayMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        this.machine = machine;
        notes[0] = new ProcessNotes();
    }

    /// <summary>Performs one operation and observes.</summary>
    /// <param name="operation">The operation; they come in the order of the script.</param>
    /// <param name="row">Receives the observation; may be reused.</param>
    /// <returns>False when the machine does not know the operation: nothing was done, the row is not filled.</returns>
    /// <exception cref="ScriptException">The script forks into a process that lives.</exception>
    public bool Run(in ScriptOperation operation, TraceRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        OperationOutcome outcome = Perform(operation);
        if (outcome.IsNotSupported)
            return false;
        row.Clear();
        row.Number = operation.Number;
        row.Operation = operation.Text;
        row.Process = operation.Process;
        row.Outcome = outcome;
        Observe(row);
        return true;
    }

    /// <summary>Performs one operation, and does not look at the machine.</summary>
    /// <exception cref="ScriptException">The script forks into a process that lives.</exception>
    public OperationOutcome Perform(in ScriptOperation operation)
    {
        OperationOutcome outcome = Execute(operation);
        if (outcome is { IsNotSupported: false, Error: 0 })
            FollowSuccess(operation);
        return outcome;
    }

    private OperationOutcome Execute(in ScriptOperation operation)
    {
        if (notes[operation.Process] is null && !operation.IsMachineWide)
            return OperationOutcome.Failed(OperationOutcome.NoSuchProcess);
        if (operation.Kind == OperationKind.Fork && notes[operation.Child] is not null)
            throw new ScriptException($"operation {operation.Number} forks into process {operation.Child}, which lives");
        return machine.Execute(operation);
    }

    private void FollowSuccess(in ScriptOperation operation)
    {
        ProcessNotes? acting = notes[operation.Process];
        switch (operation.Kind)
        {
            case OperationKind.Map or OperationKind.MapHuge or OperationKind.MapShm:
                acting?.SetEnd(operation.Region, operation.Count);
                break;
            case OperationKind.Mremap:
                acting?.RaiseEnd(operation.TargetRegion, operation.TargetPage + operation.Count);
                break;
            case OperationKind.Fork:
                notes[operation.Child] = acting?.Copy();
                break;
            case OperationKind.Exit:
                notes[operation.Process] = null;
                break;
        }
    }

    private void Observe(TraceRow row)
    {
        observation.Clear();
        machine.Observe(observation);
        row.UsedSlots = observation.UsedSlots;
        row.SwapIns = observation.SwapIns;
        row.SwapOuts = observation.SwapOuts;
        frames.Begin();
        slots.Begin();
        for (int number = 0; number < ScriptOperation.ProcessCount; number++)
        {
            if (observation.Process(number) is { IsAlive: true } seen)
                Describe(seen, notes[number] ??= new ProcessNotes(), row.AddProcess(number));
        }

        frames.End(observation.SwapCache, row.CachedFrames);
        slots.End([], nothingHidden);
    }

    private void Describe(ProcessObservation seen, ProcessNotes known, TraceProcess process)
    {
        foreach (ref readonly PageObservation page in seen.Pages)
        {
            if (page.Page < known.End(page.Region))
                Append(process.Runs, Describe(page, known), known.End(page.Region) > LongestPlainRegion);
        }

        process.Merged = seen.Merged;
        foreach (ref readonly VmaObservation vma in seen.Vmas)
        {
            process.AddVma(vma.Region, new TraceVma(vma.FirstPage, vma.Pages, Permissions.Of(vma), vma.Flags));
            process.SetSmaps(vma.Region, seen.Smaps(vma.Region));
        }
    }

    private PageRun Describe(in PageObservation page, ProcessNotes known)
    {
        PageRun run = new()
        {
            Region = page.Region,
            First = page.Page,
            Last = page.Page,
            Kind = page.Kind,
            FirstByte = page.FirstByte,
            LastByte = page.LastByte,
            MapCount = page.MapCount,
            Core = page.Core,
            Pagemap = page.Pagemap,
        };
        switch (page.Kind)
        {
            case PageKind.Present:
                known.SetZero(page.Region, page.Page, page.FirstByte == 0 && page.LastByte == 0);
                return run with { Identity = (page.Core & CoreFlags.ZeroPage) != 0 ? 0 : frames.See(page.Key).Number };
            case PageKind.Marker:
                return run with { Identity = (long)page.Key };
            case PageKind.Swapped:
                return DescribeSwapped(page, known, run);
            default:
                return run;
        }
    }

    private PageRun DescribeSwapped(in PageObservation page, ProcessNotes known, PageRun run)
    {
        IdentityTable.Entry slot = slots.See(page.Key);
        slot.IsZero |= known.TakeZero(page.Region, page.Page);
        return run with
        {
            Identity = slot.Number,
            SameSlot = known.IsLastSlot(page.Region, page.Page, page.Key) ? 1 : 0,
            FirstByte = slot.IsZero ? 0 : page.FirstByte,
            LastByte = slot.IsZero ? 0 : page.LastByte,
        };
    }

    private static void Append(List<PageRun> runs, in PageRun next, bool asRuns)
    {
        if (asRuns && runs.Count > 0 && runs[^1].IsContinuedBy(next))
            runs[^1] = runs[^1] with { Last = next.Last };
        else
            runs.Add(next);
    }
}
