using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>
/// A historic race on a small machine: what was before, what one thread does, what others do in one of its gaps, and what must be true after.
/// </summary>
internal abstract class Card<TModel> : IDisposable
    where TModel : struct, IExplored
{
    protected const byte Old = 1;
    protected const byte New = 2;
    private const ulong Start = 1UL << 32;
    private FaultCounters faults;

    /// <param name="slots">Usable slots of the swap area.</param>
    /// <param name="synchronous">Whether the area is like zram.</param>
    protected Card(uint slots, bool synchronous = true)
    {
        Machine = Machine<X64FourLevel, TModel>.Create(
            new MachineImageOptions { RamBytes = 64 << 12, SwapSlots = 512, SwapStoreSlots = 512, Vmas = 64, KsmItems = 64, KsmNodes = 64 });
        SwapAreaOptions options = synchronous ? SwapAreaOptions.Zram(slots + 1) : new SwapAreaOptions { Slots = slots + 1 };
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(options, out _));
        Parent = Machine.CreateAddressSpace();
    }

    protected Machine<X64FourLevel, TModel> Machine { get; }

    protected MmContext<X64FourLevel, TModel> Mm => Machine.Context;

    protected uint Parent { get; }

    /// <summary>What one thread does, interrupted before one of its accesses.</summary>
    public abstract void Observed();

    /// <summary>What the others do in that gap.</summary>
    public abstract void Others();

    /// <summary>What the others do before the observed thread looks at the content of a page for the first time; usually nothing.</summary>
    public virtual Action? BeforeContent => null;

    /// <summary>At how many gaps the others can go to the end at least; else the card shows nothing.</summary>
    public virtual int EnoughSchedules => 5;

    /// <summary>What is wrong after both; null when nothing is.</summary>
    public abstract string? Judge();

    public void Dispose() => Machine.Dispose();

    /// <summary>Adds an area with one usable slot, which gets the lowest number that is free.</summary>
    protected void SwapOnAgain(uint expected, bool synchronous)
    {
        SwapAreaOptions options = synchronous ? SwapAreaOptions.Zram(2) : new SwapAreaOptions { Slots = 2 };
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(options, out uint type));
        Assert.Equal(expected, type);
    }

    protected static ulong At(int page) => Start + ((ulong)page << 12);

    protected void Map(uint space, int pages, bool shared = false)
    {
        const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;
        ulong length = (ulong)pages << 12;
        Assert.Equal(MmResult.Ok, shared ? Machine.MapShared(space, Start, length, ReadWrite) : Machine.Map(space, Start, length, ReadWrite));
    }

    protected void Write(uint space, int page, byte value) =>
        Assert.Equal(UserAccessResult.Ok, Machine.Write(space, At(page), [value], ref faults));

    protected byte Read(uint space, int page, int offset = 0)
    {
        var loaded = new byte[1];
        Assert.Equal(UserAccessResult.Ok, Machine.Read(space, At(page) + (uint)offset, loaded, ref faults));
        return loaded[0];
    }

    protected void Advise(uint space, int page, int pages, Advice advice) => Machine.Advise(space, At(page), (ulong)pages << 12, advice, ref faults);

    protected void PageOut(uint space, int page) => Advise(space, page, 1, Advice.PageOut);

    protected Pte EntryOf(uint space, int page)
    {
        uint table = Mm.Tables.LeafTable(Mm.Spaces[space].Root, At(page));
        return table == 0 ? default : PageTables<X64FourLevel, TModel>.Load(ref Mm.Tables.Entry(table, At(page)));
    }

    protected bool IsSwapped(uint space, int page) => Mm.Decode(EntryOf(space, page)).Kind == SoftLeafKind.Swap;

    protected uint FrameOf(uint space, int page)
    {
        Pte entry = EntryOf(space, page);
        return IsPresent<X64FourLevel>(entry) ? MmContext<X64FourLevel, TModel>.NormalFrame(entry) : 0;
    }

    protected bool IsSoftDirty(uint space, int page) => IsSwapSoftDirty<X64FourLevel>(EntryOf(space, page));

    private static bool IsPresent<TArch>(Pte entry)
        where TArch : struct, IArchitecture => !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1);

    private static bool IsSwapSoftDirty<TArch>(Pte entry)
        where TArch : struct, IArchitecture => TArch.IsSwapSoftDirty(entry);

    protected uint Take(uint space, int page, GupFlags flags, bool fast = false)
    {
        if (fast)
        {
            Assert.True(new GupFast<X64FourLevel, TModel>(Mm).TryTake(space, At(page), flags, out uint taken));
            return taken;
        }

        Assert.Equal(MmResult.Ok, Machine.Gup.TryTake(space, At(page), flags, out uint frame, ref faults));
        return frame;
    }

    protected string? Expect(byte value, uint space, int page)
    {
        byte found = Read(space, page);
        return found == value ? null : $"address space {space}, page {page}: read {found}, stored {value}";
    }

    protected string? FirstViolation()
    {
        Machine.Settle();
        return Machine.Verify().Select(violation => violation.ToString()).FirstOrDefault();
    }
}
