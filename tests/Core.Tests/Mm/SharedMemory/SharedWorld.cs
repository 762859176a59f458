using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>A machine with one swap area and, in its first process, eight pages of fresh shared memory; addresses by page.</summary>
internal sealed class SharedWorld<TArch, TModel> : IDisposable
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    public const int Pages = 8;
    public const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    private readonly Backing backing;
    private readonly uint slots;
    private readonly uint framesBefore;
    private FaultCounters counters;

    public SharedWorld(Backing backing, uint frames = 512, uint slots = 256)
    {
        this.backing = backing;
        this.slots = slots;
        ulong ram = (ulong)frames << TArch.PageShift;
        Machine = Machine<TArch, TModel>.Create(new MachineImageOptions { RamBytes = ram, SwapSlots = 512, SwapStoreSlots = 512 });
        framesBefore = Machine.Context.Folios.Allocator.FreeCount;
        SwapOn();
        First = Machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, Machine.MapShared(First, At(0), Length(Pages), ReadWrite));
    }

    public static ulong Start => 1UL << 32;

    public Machine<TArch, TModel> Machine { get; }

    public uint First { get; }

    public uint Area { get; private set; }

    public FaultCounters Counters => counters;

    public SharedObjects<TModel> Objects => Machine.Context.Vmas.Objects;

    public uint Object => Machine.Context.Vmas[Machine.Context.Vmas.Find(First, At(0))].SharedObject;

    public ulong Swapped => Objects[Object].Swapped;

    public static ulong At(int page) => Start + Length(page);

    public static ulong Length(int pages) => (ulong)pages << TArch.PageShift;

    public void SwapOn()
    {
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area(slots), out uint area));
        Area = area;
    }

    public void Write(uint space, int page, byte value) => Assert.Equal(UserAccessResult.Ok, TryWrite(space, page, value));

    public UserAccessResult TryWrite(uint space, int page, byte value) => Machine.Write(space, At(page), [value], ref counters);

    public byte Read(uint space, int page)
    {
        var loaded = new byte[1];
        Assert.Equal(UserAccessResult.Ok, Machine.Read(space, At(page), loaded, ref counters));
        return loaded[0];
    }

    public UserAccessResult TryRead(uint space, int page) => Machine.Read(space, At(page), new byte[1], ref counters);

    /// <summary>Faults (minor, major) that something takes.</summary>
    public (long Minor, long Major) Count(Func<int> action)
    {
        FaultCounters before = counters;
        action();
        return (counters.Minor - before.Minor, counters.Major - before.Major);
    }

    /// <summary>Faults (minor, major) that something takes.</summary>
    public (long Minor, long Major) Count(Action action) => Count(() =>
    {
        action();
        return 0;
    });

    public MmResult Protect(uint space, int page, int pages, AccessRights rights) =>
        Machine.Protect(space, At(page), Length(pages), rights, ref counters);

    public MmResult Advise(uint space, int page, int pages, Advice advice) => Machine.Advise(space, At(page), Length(pages), advice, ref counters);

    public MmResult Lock(uint space, int page, int pages) => Machine.Lock(space, At(page), Length(pages), ref counters);

    public SharedPage PlaceOf(int page) => Objects.Index.Load(Object, (ulong)page);

    public Pte EntryOf(uint space, int page)
    {
        uint table = Machine.Context.Tables.LeafTable(Machine.Context.Spaces[space].Root, At(page));
        return table == 0 ? default : PageTables<TArch, TModel>.Load(ref Machine.Context.Tables.Entry(table, At(page)));
    }

    public bool Maps(uint space, int page) => !TArch.IsNone(EntryOf(space, page), 1) && TArch.IsPresent(EntryOf(space, page), 1);

    public void AssertSound()
    {
        Machine.Settle();
        Assert.Empty(Machine.Verify());
    }

    /// <summary>Ends address spaces and proves that nothing is left of anything.</summary>
    public void ExitAll(params uint[] spaces)
    {
        foreach (uint space in spaces)
            Machine.Exit(space);
        Machine.Settle();
        Machine.ReclaimAll();
        AssertSound();
        Assert.Equal((0u, 0u), (Objects.InUse, Objects.Index.BlocksInUse));
        Assert.Equal(0u, Machine.Context.Vmas.InUse);
        Assert.Equal(0ul, Machine.Context.Swap.TotalInUse);
        Assert.Equal(framesBefore, Machine.Context.Folios.Allocator.FreeCount);
    }

    public void Dispose() => Machine.Dispose();
}
