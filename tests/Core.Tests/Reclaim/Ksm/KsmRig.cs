using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>A small machine whose pages are named by number and filled with one byte each.</summary>
internal sealed class KsmRig : KsmRig<X64FourLevel>
{
    public KsmRig(Backing backing = Backing.Zram)
        : base(backing)
    {
    }
}

/// <summary>As <see cref="KsmRig"/>, for any architecture.</summary>
internal class KsmRig<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const ulong Start = 1UL << 32;
    private readonly Backing backing;
    private uint area;

    public KsmRig(Backing backing)
    {
        this.backing = backing;
        Machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions { RamBytes = 32 << 20 });
        SwapOn();
    }

    public Machine<TArch, CheckedModel> Machine { get; }

    public ulong PageSize => (ulong)Machine.Image.PageSize;

    private MmContext<TArch, CheckedModel> Mm => Machine.Context;

    public void SwapOn() => Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area(2048), out area));

    public void SwapOff() => Assert.Equal(SwapResult.Ok, Machine.SwapOff(area));

    public ulong Address(int page) => Start + ((ulong)page * PageSize);

    /// <summary>A process with some pages from page 0 on.</summary>
    public uint Process(int pages, bool mergeable = true)
    {
        uint space = Machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, Machine.Map(space, Address(0), (ulong)pages * PageSize, VmaFlags.Read | VmaFlags.Write));
        if (mergeable)
            Advise(space, 0, pages, Advice.Mergeable);
        return space;
    }

    public FaultCounters Advise(uint space, int first, int count, Advice advice)
    {
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, Machine.Advise(space, Address(first), (ulong)count * PageSize, advice, ref counters));
        return counters;
    }

    public FaultCounters Fill(uint space, int page, byte value)
    {
        var counters = new FaultCounters();
        byte[] bytes = new byte[PageSize];
        Array.Fill(bytes, value);
        Assert.Equal(UserAccessResult.Ok, Machine.Write(space, Address(page), bytes, ref counters));
        return counters;
    }

    /// <summary>The byte that the whole page is filled with.</summary>
    public byte Value(uint space, int page)
    {
        var counters = new FaultCounters();
        byte[] bytes = new byte[PageSize];
        Assert.Equal(UserAccessResult.Ok, Machine.Read(space, Address(page), bytes, ref counters));
        Assert.True(bytes.AsSpan().IndexOfAnyExcept(bytes[0]) < 0, $"page {page} of address space {space} is torn");
        return bytes[0];
    }

    /// <summary>The frame that a page is in; 0 when it is not present.</summary>
    public uint Frame(uint space, int page)
    {
        uint table = Mm.Tables.LeafTable(Mm.Spaces[space].Root, Address(page));
        Pte entry = table == 0 ? default : PageTables<TArch, CheckedModel>.Load(ref Mm.Tables.Entry(table, Address(page)));
        return TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) ? 0 : (uint)TArch.FrameOf(entry, 1);
    }

    public bool IsMerged(uint space, int page) => Frame(space, page) is var frame && frame != 0 && Mm.Frames.Has(frame, FrameFlags.Ksm);

    /// <summary>Two equal pages 0 and 1 of a new process, merged.</summary>
    public uint ProcessWithMergedPair(byte value = 7)
    {
        uint space = Process(4);
        Fill(space, 0, value);
        Fill(space, 1, value);
        Machine.Ksm.Scan(2);
        Assert.True(IsMerged(space, 0) && IsMerged(space, 1) && Frame(space, 0) == Frame(space, 1));
        return space;
    }

    public void AssertSound(IReadOnlyDictionary<uint, uint>? held = null) => Assert.Empty(Machine.Verify(held));

    public void Dispose() => Machine.Dispose();
}
