using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;

namespace PageTableEmu.Replay.Machines;

/// <summary>Runs scripts on a machine of this library: translates operations to its calls and its results to Linux's return values.</summary>
internal sealed class ReplayMachine<TArch> : IReplayMachine
    where TArch : struct, IArchitecture
{
    private const ulong RegionBase = 0x0700_0000_0000; // below the hole of every architecture
    private const uint Frames = 16384;
    private const int RegionShift = 30;
    private const uint SwapSlots = 4096;
    private const int Segv = -11;
    private const int Bus = -7;

    private readonly Machine<TArch, CheckedModel> machine;
    private readonly MachineObserver<TArch> observer;
    private readonly PageHolders<TArch> devices;
    private readonly MarkOperations<TArch> marks;
    private readonly ReplayTags<TArch>? tags;
    private readonly MappingChecks<TArch> checks;
    private readonly Backend backend;
    private readonly uint[] spaces = new uint[ScriptOperation.ProcessCount];
    private readonly byte[] page = new byte[1 << TArch.PageShift];
    private uint? area;

    internal ReplayMachine(Backend backend, ReplayTags<TArch>.Maker? withTags = null, uint @unchecked = MappingChecks<TArch>.AllRegions)
    {
        this.backend = backend;
        machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions
        {
            RamBytes = (ulong)Frames << TArch.PageShift,
            SwapSlots = SwapSlots,
            SwapStoreSlots = SwapSlots,
            AddressSpaces = 16,
            Vmas = 4096,
            AnonVmas = 4096,
            AnonVmaChains = 16384,
        });
        observer = new MachineObserver<TArch>(machine.Context);
        devices = new PageHolders<TArch>(machine);
        marks = new MarkOperations<TArch>(machine);
        tags = withTags?.Invoke(machine.Context);
        checks = new MappingChecks<TArch>(machine, @unchecked);
        spaces[0] = machine.CreateAddressSpace();
        machine.Context.Swap.WorkingSet.OutsidePages = 1 << 18; // the recordings were made on a system with files in its memory
        MapEmptyMergeable();
        machine.FolioOrders.MaxPtesNone = 0; // as the recordings' kernel was set up
        SwapOn();
    }

    /// <summary>
    /// All processes of a recording descend from the recorder, which has a mergeable page that nobody touches, so that ksmd counts its scans. So each
    /// is known to ksmd from its birth on, and comes up in that order.
    /// </summary>
    private void MapEmptyMergeable()
    {
        ulong address = RegionBase - (16UL << TArch.PageShift); // out of reach of the regions
        var counters = new FaultCounters();
        machine.Map(spaces[0], address, 1UL << TArch.PageShift, PageTableEmu.Mm.VmaFlags.Read);
        machine.Advise(spaces[0], address, 1UL << TArch.PageShift, Advice.Mergeable, ref counters);
    }

    /// <inheritdoc/>
    public OperationOutcome Execute(in ScriptOperation operation)
    {
        OperationOutcome outcome = Dispatch(operation);
        machine.Settle(); // the recordings wait for writes and drain the processors' batches after every operation
        return outcome;
    }

    /// <inheritdoc/>
    public void Observe(Observation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        observer.ObserveSwap(observation, area);
        for (int process = 0; process < spaces.Length; process++)
        {
            if (spaces[process] != 0)
                observer.ObserveProcess(observation.AddProcess(process), spaces[process], AddressOf);
        }
    }

    /// <inheritdoc/>
    public IEnumerable<string> Verify()
    {
        IEnumerable<string> violations = machine.Verify(devices.Held()).Select(static violation => violation.ToString());
        return tags is null ? violations : violations.Concat(tags.Check(spaces.Where(space => space != 0)));
    }

    /// <inheritdoc/>
    public bool TryReadEntry(int process, int region, long page, out ulong entry)
    {
        entry = 0;
        if (spaces[process] == 0)
            return false;
        ulong address = AddressOf(region, page);
        uint table = machine.Context.Tables.LeafTable(machine.Context.Spaces[spaces[process]].Root, address);
        if (table == 0)
            return false;
        entry = PageTables<TArch, CheckedModel>.Load(ref machine.Context.Tables.Entry(table, address)).Raw;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => machine.Dispose();

    private static ulong AddressOf(int region, long page) =>
        RegionBase + ((ulong)region << RegionShift) + ((ulong)page << TArch.PageShift);

    private static OperationOutcome Outcome(MmResult result, in FaultCounters counters) =>
        new(result == MmResult.Ok ? 0 : -1, (int)result, -1, counters.Minor, counters.Major);

    private static Advice? AdviceOf(OperationKind kind) => kind switch
    {
        OperationKind.Pageout => Advice.PageOut,
        OperationKind.Cold => Advice.Cold,
        OperationKind.Free => Advice.Free,
        OperationKind.DontNeed => Advice.DontNeed,
        OperationKind.WillNeed => Advice.WillNeed,
        OperationKind.PopRead => Advice.PopulateRead,
        OperationKind.PopWrite => Advice.PopulateWrite,
        OperationKind.DontFork => Advice.DontFork,
        OperationKind.DoFork => Advice.DoFork,
        OperationKind.WipeOnFork => Advice.WipeOnFork,
        OperationKind.KeepOnFork => Advice.KeepOnFork,
        OperationKind.Guard => Advice.GuardInstall,
        OperationKind.Huge => Advice.HugePage,
        OperationKind.NoHuge => Advice.NoHugePage,
        OperationKind.Collapse => Advice.Collapse,
        OperationKind.Unguard => Advice.GuardRemove,
        OperationKind.Merge => Advice.Mergeable,
        OperationKind.Unmerge => Advice.Unmergeable,
        _ => null,
    };

    private OperationOutcome Dispatch(in ScriptOperation operation)
    {
        uint space = spaces[operation.Process];
        ulong start = AddressOf(operation.Region, operation.Page);
        ulong length = (ulong)operation.Count << TArch.PageShift;
        var counters = new FaultCounters();
        if (AdviceOf(operation.Kind) is { } advice)
            return Outcome(checks.Advise(space, start, length, advice, ref counters), counters);
        switch (operation.Kind)
        {
            case OperationKind.Nop:
                return OperationOutcome.Done();
            case OperationKind.Map:
                return Outcome(Map(space, operation.Region, start, length, Advice.NoHugePage), counters);
            case OperationKind.MapHuge:
                return Outcome(Map(space, operation.Region, start, length, Advice.HugePage), counters);
            case OperationKind.MapShm:
                return Outcome(MapShared(space, operation.Region, start, length), counters);
            case OperationKind.Read:
                return Read(space, start);
            case OperationKind.Write:
                page.AsSpan().Fill((byte)operation.Value);
                return Write(space, start, page);
            case OperationKind.Poke:
                page[0] = (byte)operation.Value;
                return Write(space, start, page.AsSpan(0, 1));
            case OperationKind.Unmap:
                return Outcome(machine.Unmap(space, start, length), counters);
            case OperationKind.Mprotect:
                return Outcome(checks.Protect(space, start, length, RightsOf(operation.Protection), ref counters), counters);
            case OperationKind.Mremap:
                ulong target = AddressOf(operation.TargetRegion, operation.TargetPage);
                return Outcome(machine.Move(space, start, target, length, operation.DontUnmap, ref counters), counters);
            case OperationKind.Fork:
                return Fork(operation.Process, operation.Child);
            case OperationKind.Exit:
                machine.Exit(space);
                spaces[operation.Process] = 0;
                devices.Exit(operation.Process);
                return OperationOutcome.Done();
            case OperationKind.Reclaim:
                for (int round = 0; round < 3; round++)
                    machine.ForceEmpty();
                return OperationOutcome.Done();
            case OperationKind.Swapoff:
                return SwapOff();
            case OperationKind.Swapon:
                return area is null ? SwapOn() : OperationOutcome.Failed((int)MmResult.Busy);
            case OperationKind.Mlock:
                return Outcome(machine.Lock(space, start, length, ref counters), counters);
            case OperationKind.Munlock:
                return Outcome(machine.Unlock(space, start, length), counters);
            case OperationKind.Uffd:
                return Outcome(machine.Userfaultfd.Register(space, start, start + length), counters);
            case OperationKind.UffdWp or OperationKind.UffdUnwp:
                bool protect = operation.Kind == OperationKind.UffdWp;
                return Outcome(machine.Userfaultfd.WriteProtect(space, start, start + length, protect), counters);
            case OperationKind.Ksm:
                machine.Ksm.Scan((int)operation.Count);
                return OperationOutcome.Done();
            case OperationKind.Unksm:
                return Outcome(machine.Ksm.UnmergeAll(), counters);
            case OperationKind.Orders:
                return SetOrder(operation.Order, operation.Policy);
            case OperationKind.Migrate:
                return Migrate(space, start, length);
            case OperationKind.Compact:
                machine.Compact();
                return OperationOutcome.Done();
            case OperationKind.MovePages:
                return OperationOutcome.Done(value: 0); // one node: every page is where it should be
            default:
                return operation.IsEmulatorOnly
                    ? marks.Execute(operation, space, start, length, AddressOf(operation.TargetRegion, operation.TargetPage))
                    : WithDevice(operation, space, start, length);
        }
    }

    private OperationOutcome WithDevice(in ScriptOperation operation, uint space, ulong start, ulong length)
    {
        OperationOutcome outcome = devices.Execute(operation, space, start, length);
        if (operation.Kind is OperationKind.VmWrite or OperationKind.MemWrite or OperationKind.DioRead)
            tags?.Stored(space, start);
        return outcome;
    }

    private OperationOutcome SetOrder(int order, FolioOrderPolicy policy)
    {
        if (order > FolioOrders<TArch, CheckedModel>.Huge)
            return OperationOutcome.Failed((int)MmResult.Invalid);
        machine.FolioOrders.Set(order, policy);
        return OperationOutcome.Done();
    }

    private PageTableEmu.Mm.VmaFlags FlagsOf(int region) =>
        PageTableEmu.Mm.VmaFlags.Read | PageTableEmu.Mm.VmaFlags.Write | checks.FlagsOf(region);

    private static AccessRights RightsOf(ScriptProtection protection) =>
        ((protection & ScriptProtection.Read) != 0 ? AccessRights.Read : 0) | ((protection & ScriptProtection.Write) != 0 ? AccessRights.Write : 0);

    private MmResult Map(uint space, int region, ulong start, ulong length, Advice huge)
    {
        MmResult mapped = machine.Map(space, start, length, FlagsOf(region));
        return mapped == MmResult.Ok ? AdviseHugePages(space, start, length, huge) : mapped;
    }

    private MmResult MapShared(uint space, int region, ulong start, ulong length)
    {
        MmResult mapped = machine.MapShared(space, start, length, FlagsOf(region));
        return mapped == MmResult.Ok ? AdviseHugePages(space, start, length, Advice.NoHugePage) : mapped;
    }

    private MmResult AdviseHugePages(uint space, ulong start, ulong length, Advice huge)
    {
        var none = new FaultCounters();
        return machine.Advise(space, start, length, huge, ref none);
    }

    /// <summary>EBUSY when a page that is there could not move; those that could have moved all the same.</summary>
    private OperationOutcome Migrate(uint space, ulong start, ulong length)
    {
        MigrationCounts counts = machine.Migrate(space, start, length);
        return counts.Failed == 0 ? OperationOutcome.Done(value: (int)counts.Moved) : OperationOutcome.Failed((int)MmResult.Busy);
    }

    private OperationOutcome Read(uint space, ulong address)
    {
        var counters = new FaultCounters();
        UserAccessResult result = machine.Read(space, tags?.Pointer(space, address) ?? address, page.AsSpan(0, 1), ref counters);
        return result == UserAccessResult.Ok
            ? new OperationOutcome(0, 0, page[0], counters.Minor, counters.Major)
            : Touched(result, counters);
    }

    private OperationOutcome Write(uint space, ulong address, ReadOnlySpan<byte> content)
    {
        var counters = new FaultCounters();
        UserAccessResult result = machine.Write(space, tags?.Pointer(space, address) ?? address, content, ref counters);
        if (result == UserAccessResult.Ok)
            tags?.Stored(space, address);
        return Touched(result, counters);
    }

    /// <summary>A touch without a value. Nobody resolves userfaults while a script runs, so one that waits for that fails.</summary>
    private static OperationOutcome Touched(UserAccessResult result, in FaultCounters counters) => result == UserAccessResult.UserfaultPending
        ? Outcome(MmResult.Again, counters)
        : new OperationOutcome(SignalOf(result), 0, -1, counters.Minor, counters.Major);

    private static int SignalOf(UserAccessResult result) => result switch
    {
        UserAccessResult.Ok => 0,
        UserAccessResult.SegmentationFault => Segv,
        _ => Bus,
    };

    private OperationOutcome Fork(int parent, int child)
    {
        spaces[child] = machine.Fork(spaces[parent]);
        if (spaces[child] != 0)
            devices.Fork(parent, child);
        return spaces[child] != 0 ? OperationOutcome.Done(value: 0) : OperationOutcome.Failed((int)MmResult.NoMemory);
    }

    private OperationOutcome SwapOn()
    {
        // The file backend stands for every device that writes later; its content lies in memory here too.
        SwapAreaOptions options = backend == Backend.Zram ? SwapAreaOptions.Zram(SwapSlots) : new SwapAreaOptions { Slots = SwapSlots };
        if (machine.SwapOn(options, out uint type) != SwapResult.Ok)
            return OperationOutcome.Failed((int)MmResult.NoMemory);
        area = type;
        return OperationOutcome.Done();
    }

    private OperationOutcome SwapOff()
    {
        if (area is not { } type)
            return OperationOutcome.Failed((int)MmResult.Invalid);
        if (machine.SwapOff(type) != SwapResult.Ok)
            return OperationOutcome.Failed((int)MmResult.NoMemory);
        area = null;
        return OperationOutcome.Done();
    }
}
