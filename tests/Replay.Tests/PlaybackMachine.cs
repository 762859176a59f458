using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

/// <summary>
/// A machine that plays a recording back: it answers and shows what the recording says, as keys and not as identities. What it shows must
/// come out of a session as the recording again. A test may bend single answers.
/// </summary>
internal sealed class PlaybackMachine(Trace trace) : IReplayMachine
{
    private readonly Dictionary<long, ulong> slotKeys = [];
    private readonly Dictionary<(int Region, int Page), ulong>[] lastSlots = [[], [], [], []];
    private ulong nextSlotKey = 1;
    private int next;

    /// <summary>Operations that the machine says it does not know.</summary>
    public Func<ScriptOperation, bool> IsUnknown { get; init; } = _ => false;

    /// <summary>Bends a page before it is shown.</summary>
    public Func<int, PageObservation, PageObservation> Bend { get; init; } = (_, page) => page;

    /// <summary>Violations by number of operation.</summary>
    public Func<int, IEnumerable<string>> Violations { get; init; } = _ => [];

    /// <summary>Called before an operation is answered.</summary>
    public Action<ScriptOperation> Before { get; init; } = _ => { };

    public bool IsDisposed { get; private set; }

    public OperationOutcome Execute(in ScriptOperation operation)
    {
        Before(operation);
        if (IsUnknown(operation))
            return OperationOutcome.NotSupported;
        // Operations of processes that do not live never come here, so the row is the one with the operation's number.
        next = operation.Number;
        OperationOutcome outcome = Current.Outcome;
        if (operation.Kind == OperationKind.Fork && outcome.Error == 0)
            lastSlots[operation.Child] = new(lastSlots[operation.Process]);
        return outcome;
    }

    public void Observe(Observation observation)
    {
        TraceRow row = Current;
        observation.UsedSlots = row.UsedSlots;
        observation.SwapIns = row.SwapIns;
        observation.SwapOuts = row.SwapOuts;
        RecogniseSlots(row);
        for (int number = 0; number < ScriptOperation.ProcessCount; number++)
        {
            if (row.ProcessOf(number) is { } process)
                Observe(process, number, observation);
        }

        foreach (long frame in row.Cached)
            observation.AddSwapCacheFrame((ulong)frame);
    }

    public IEnumerable<string> Verify() => Violations(next);

    public bool TryReadEntry(int process, int region, long page, out ulong entry)
    {
        entry = 0x8000_0000_0000_0000 + (ulong)((process << 16) + (region << 12) + page);
        return Current.ProcessOf(process) is not null;
    }

    public void Dispose() => IsDisposed = true;

    private TraceRow Current => trace.Rows[next - 1];

    private void Observe(TraceProcess process, int number, Observation observation)
    {
        ProcessObservation seen = observation.AddProcess(number);
        seen.Merged = process.Merged;
        foreach (PageRun run in process.Pages)
        {
            for (int page = run.First; page <= run.Last; page++)
            {
                PageObservation shown = Page(run, page, number);
                seen.AddPage(Bend(next, shown));
                if ((run.Core & CoreFlags.SwapCache) != 0)
                    observation.AddSwapCacheFrame(shown.Key);
            }
        }

        for (int region = 0; region < ScriptOperation.RegionCount; region++)
        {
            bool first = true;
            foreach (TraceVma vma in process.Vmas(region) ?? [])
            {
                seen.AddVma(Vma(region, vma), first ? process.Smaps(region)!.Value : default);
                first = false;
            }
        }
    }

    private PageObservation Page(PageRun run, int page, int process)
    {
        long identity = run.IdentityOf(page);
        return new PageObservation
        {
            Region = run.Region,
            Page = page,
            Kind = run.Kind,
            Key = run.Kind == PageKind.Swapped ? SlotKey(identity, run, page, process) : (ulong)identity,
            FirstByte = (short)run.FirstByte,
            LastByte = (short)run.LastByte,
            MapCount = run.MapCount,
            Core = run.Core,
            Pagemap = run.Pagemap,
        };
    }

    /// <summary>
    /// A slot that was out of sight (its page was mapped from the swap cache) comes back under a new identity; that it is an old slot is
    /// told by the recording's "same" of any page on it.
    /// </summary>
    private void RecogniseSlots(TraceRow row)
    {
        for (int number = 0; number < ScriptOperation.ProcessCount; number++)
        {
            foreach (PageRun run in row.ProcessOf(number)?.Pages ?? [])
            {
                for (int page = run.First; page <= run.Last && run.Kind == PageKind.Swapped && run.SameSlot != 0; page++)
                    slotKeys.TryAdd(run.IdentityOf(page), lastSlots[number][(run.Region, page)]);
            }
        }
    }

    private ulong SlotKey(long identity, PageRun run, int page, int process)
    {
        if (!slotKeys.TryGetValue(identity, out ulong key))
            slotKeys.Add(identity, key = nextSlotKey++);
        lastSlots[process][(run.Region, page)] = key;
        return key;
    }

    private static VmaObservation Vma(int region, TraceVma vma) => new()
    {
        Region = (byte)region,
        FirstPage = vma.FirstPage,
        Pages = vma.Pages,
        Protection = (vma.Permissions[0] == 'r' ? ScriptProtection.Read : 0) | (vma.Permissions[1] == 'w' ? ScriptProtection.Write : 0),
        IsShared = vma.Permissions[3] == 's',
        Flags = vma.Flags,
    };
}

/// <summary>Makes machines by a function.</summary>
internal sealed class MachineFactory(Func<Backend, IReplayMachine> create) : IReplayMachineFactory
{
    public IReplayMachine Create(Backend backend) => create(backend);
}
