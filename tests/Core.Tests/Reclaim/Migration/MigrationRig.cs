using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>A machine with one process whose pages are named by number, and migrations that stop half-way.</summary>
internal sealed class MigrationRig<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private readonly List<Task> others = [];

    public MigrationRig(Backing backing = Backing.Zram, uint frames = 4096, uint pages = 16, bool shared = false)
    {
        Machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions
        {
            RamBytes = (ulong)frames * PageSize,
            SwapSlots = 1024,
            SwapStoreSlots = 1024,
        });
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area(1000), out uint area));
        Area = area;
        Process = Machine.CreateAddressSpace();
        const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;
        Assert.Equal(MmResult.Ok, shared
            ? Machine.MapShared(Process, At(0), pages * PageSize, ReadWrite)
            : Machine.Map(Process, At(0), pages * PageSize, ReadWrite));
    }

    public static ulong PageSize => 1UL << TArch.PageShift;

    public Machine<TArch, CheckedModel> Machine { get; }

    public MmContext<TArch, CheckedModel> Mm => Machine.Context;

    public uint Process { get; }

    public uint Area { get; }

    public static ulong At(uint page) => (1UL << 32) + (page * PageSize);

    public void Write(uint page, byte value, uint process = 0)
    {
        var faults = new FaultCounters();
        Assert.Equal(UserAccessResult.Ok, Machine.Write(process == 0 ? Process : process, At(page), [value], ref faults));
    }

    public byte Read(uint page, uint process = 0)
    {
        var faults = new FaultCounters();
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, Machine.Read(process == 0 ? Process : process, At(page), one, ref faults));
        return one[0];
    }

    /// <summary>Stores a byte and returns how many faults that took.</summary>
    public ulong FaultsOfWrite(uint page, byte value, uint process = 0)
    {
        var faults = new FaultCounters();
        Assert.Equal(UserAccessResult.Ok, Machine.Write(process == 0 ? Process : process, At(page), [value], ref faults));
        return (ulong)(faults.Minor + faults.Major);
    }

    public MmResult Advise(uint page, uint count, Advice advice, uint process = 0)
    {
        var faults = new FaultCounters();
        return Machine.Advise(process == 0 ? Process : process, At(page), count * PageSize, advice, ref faults);
    }

    public MmResult Protect(uint page, uint count, AccessRights rights)
    {
        var faults = new FaultCounters();
        return Machine.Protect(Process, At(page), count * PageSize, rights, ref faults);
    }

    public uint Pin(uint page, GupFlags flags = GupFlags.Pin | GupFlags.Write)
    {
        var faults = new FaultCounters();
        Assert.Equal(MmResult.Ok, Machine.Gup.TryTake(Process, At(page), flags, out uint frame, ref faults));
        return frame;
    }

    public MigrationCounts Migrate(uint page, uint count = 1, uint process = 0) =>
        Machine.Migrate(process == 0 ? Process : process, At(page), count * PageSize);

    /// <summary>Moves one page and requires that it moved; returns the new frame.</summary>
    public uint Moved(uint page, uint process = 0)
    {
        uint before = Frame(page, process);
        Assert.Equal(1u, Migrate(page, 1, process).Moved);
        uint after = Frame(page, process);
        Assert.NotEqual(0u, after);
        Assert.NotEqual(before, after);
        Sound();
        return after;
    }

    /// <summary>Begins to move the folio of a page: from now on migration entries stand.</summary>
    public DisplacedFolio Begin(uint page, uint process = 0)
    {
        uint folio = Mm.Frames.HeadOf(Frame(page, process));
        Mm.Frames.Get(folio);
        Assert.Equal(MigrationResult.Moved, Machine.Migrator.TryBegin(folio, MigrationMode.Sync, out DisplacedFolio displaced));
        SoundHalfWay(displaced);
        return displaced;
    }

    /// <summary>Ends what <see cref="Begin"/> began; returns the new folio.</summary>
    public uint Complete(DisplacedFolio displaced)
    {
        bool large = Mm.Frames.IsLarge(displaced.Folio);
        uint target = large ? Mm.Folios.TryAllocateLarge() : Mm.Folios.TryAllocate();
        Assert.True(Machine.Migrator.TryComplete(displaced, target));
        Mm.Folios.Put(displaced.Folio);
        Sound();
        return target;
    }

    public void Undo(DisplacedFolio displaced)
    {
        Machine.Migrator.Undo(displaced);
        Mm.Folios.Put(displaced.Folio);
        Sound();
    }

    public Pte Entry(uint page, uint process = 0)
    {
        uint root = Mm.Spaces[process == 0 ? Process : process].Root;
        using (HugeGuard<TArch, CheckedModel> guard = Mm.Huge.Lock(root, At(page)))
        {
            if (guard.IsLeaf || guard.IsMigration)
                return guard.Value;
        }

        uint table = Mm.Tables.LeafTable(root, At(page));
        return table == 0 ? default : PageTables<TArch, CheckedModel>.Load(ref Mm.Tables.Entry(table, At(page)));
    }

    public SoftLeaf Soft(uint page, uint process = 0) => Mm.Decode(Entry(page, process));

    /// <summary>The frame that a page is in, 0 when it is not present.</summary>
    public uint Frame(uint page, uint process = 0)
    {
        uint root = Mm.Spaces[process == 0 ? Process : process].Root;
        using (HugeGuard<TArch, CheckedModel> guard = Mm.Huge.Lock(root, At(page)))
        {
            if (guard.IsLeaf)
                return guard.Head + HugePages<TArch, CheckedModel>.PageOf(At(page));
        }

        Pte entry = Entry(page, process);
        return !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) ? MmContext<TArch, CheckedModel>.NormalFrame(entry) : 0;
    }

    public FrameFlags Flags(uint page, uint process = 0) => Mm.Frames.Flags(Frame(page, process));

    public bool IsExclusive(uint page, uint process = 0) => (Flags(page, process) & FrameFlags.AnonExclusive) != 0;

    public void Sound(IReadOnlyDictionary<uint, uint>? held = null)
    {
        List<Violation> violations = [.. Machine.Verify(held)];
        Assert.True(violations.Count == 0, string.Join(Environment.NewLine, violations.Take(8)));
    }

    /// <summary>Sound although entries stand: the one who moves the folio has a reference.</summary>
    public void SoundHalfWay(DisplacedFolio displaced) => Sound(new Dictionary<uint, uint> { [displaced.Folio] = 1 });

    /// <summary>Starts a thread that will have to wait: it is seen not to be done after a while.</summary>
    public Task StartWaiting(Action action)
    {
        Task task = StartThatWaits(action);
        others.Add(task);
        return task;
    }

    /// <summary>As <see cref="StartWaiting"/>, of another machine.</summary>
    public static Task StartThatWaits(Action action)
    {
        Task task = Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.False(task.Wait(50, TestContext.Current.CancellationToken));
        return task;
    }

    /// <summary>Waits for a thread that can go on now.</summary>
    public static void Join(Task task) => Assert.True(task.Wait(20_000, TestContext.Current.CancellationToken));

    /// <summary>After a failure the memory stays mapped, because a thread may still be inside.</summary>
    public void Dispose()
    {
        if (others.TrueForAll(task => task.IsCompleted))
            Machine.Dispose();
    }
}
