using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>A machine with one address space and a few calls that tests of huge pages repeat. Addresses are given in pages.</summary>
internal sealed class HugeMachine<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private readonly byte[] one = new byte[1];
    private readonly Backing backing;

    public HugeMachine(Backing backing = Backing.Zram, uint blocks = 16)
    {
        this.backing = backing;
        Machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions
        {
            RamBytes = blocks * HugePages<TArch, CheckedModel>.Span,
            SwapSlots = 4 * Span + 64,
            SwapStoreSlots = 4 * Span + 64,
        });
        SwapOn();
        Space = Machine.CreateAddressSpace();
    }

    /// <summary>A machine with one huge page, whose pages are told apart by their contents.</summary>
    public static HugeMachine<TArch> WithFullSpan(Backing backing = Backing.Zram, uint blocks = 16)
    {
        var rig = new HugeMachine<TArch>(backing, blocks);
        rig.Map(0, Span);
        rig.FillSpan();
        return rig;
    }

    /// <summary>Pages of a huge page.</summary>
    public static uint Span => HugePages<TArch, CheckedModel>.Pages;

    public Machine<TArch, CheckedModel> Machine { get; }

    public MmContext<TArch, CheckedModel> Mm => Machine.Context;

    public uint Space { get; }

    public uint Area { get; private set; }

    public static ulong At(uint page) => (4 * HugePages<TArch, CheckedModel>.Span) + ((ulong)page << TArch.PageShift);

    public static ulong Bytes(uint pages) => (ulong)pages << TArch.PageShift;

    public void SwapOn()
    {
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area((4 * Span) + 32), out uint area));
        Area = area;
    }

    /// <summary>Maps memory that wants huge pages.</summary>
    public void Map(uint page, uint count, uint space = 0)
    {
        Assert.Equal(MmResult.Ok, Machine.Map(space == 0 ? Space : space, At(page), Bytes(count), VmaFlags.Read | VmaFlags.Write));
        Assert.Equal(MmResult.Ok, Advise(page, count, Advice.HugePage, space));
    }

    /// <summary>Takes hold of a page for somebody else; returns its frame.</summary>
    public uint Hold(uint page, GupFlags flags)
    {
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, Machine.Gup.TryTake(Space, At(page), flags, out uint frame, ref counters));
        return frame;
    }

    public MmResult Advise(uint page, uint count, Advice advice, uint space = 0)
    {
        var counters = new FaultCounters();
        return Machine.Advise(space == 0 ? Space : space, At(page), Bytes(count), advice, ref counters);
    }

    public MmResult Protect(uint page, uint count, AccessRights rights, uint space = 0)
    {
        var counters = new FaultCounters();
        return Machine.Protect(space == 0 ? Space : space, At(page), Bytes(count), rights, ref counters);
    }

    public void Write(uint page, byte value, uint space = 0)
    {
        var counters = new FaultCounters();
        one[0] = value;
        Assert.Equal(UserAccessResult.Ok, Machine.Write(space == 0 ? Space : space, At(page), one, ref counters));
    }

    public byte Read(uint page, uint space = 0)
    {
        var counters = new FaultCounters();
        Assert.Equal(UserAccessResult.Ok, Machine.Read(space == 0 ? Space : space, At(page), one, ref counters));
        return one[0];
    }

    /// <summary>Writes a different value to every page of a huge page, the first of which makes it.</summary>
    public void FillSpan(uint first = 0)
    {
        for (uint page = 0; page < Span; page++)
            Write(first + page, Value(page));
    }

    /// <summary>Writes a different value to every page of a range.</summary>
    public void FillPages(uint first, uint count)
    {
        for (uint page = 0; page < count; page++)
            Write(first + page, Value(page));
    }

    public static byte Value(uint page) => (byte)((page % 251) + 1);

    public void AssertFilled(uint first = 0, uint count = 0, uint from = 0, uint space = 0)
    {
        for (uint page = 0; page < (count == 0 ? Span : count); page++)
            Assert.Equal(Value(from + page), Read(first + page, space));
    }

    /// <summary>Whether a huge leaf maps a page.</summary>
    public bool IsHuge(uint page, uint space = 0) => Mm.Huge.IsMapped(Mm.Spaces[space == 0 ? Space : space].Root, At(page));

    /// <summary>The frame that a page is mapped to, 0 when it is not present or a zero page.</summary>
    public uint FrameAt(uint page, uint space = 0)
    {
        uint root = Mm.Spaces[space == 0 ? Space : space].Root;
        using (HugeGuard<TArch, CheckedModel> guard = Mm.Huge.Lock(root, At(page)))
        {
            if (guard.IsLeaf)
                return guard.Head == 0 ? 0 : guard.Head + HugePages<TArch, CheckedModel>.PageOf(At(page));
        }

        uint table = Mm.Tables.LeafTable(root, At(page));
        if (table == 0)
            return 0;
        Pte entry = PageTables<TArch, CheckedModel>.Load(ref Mm.Tables.Entry(table, At(page)));
        return TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) || TArch.IsSpecial(entry) ? 0 : (uint)TArch.FrameOf(entry, 1);
    }

    /// <summary>Whether a page is part of a large folio.</summary>
    public bool IsLarge(uint page, uint space = 0) => FrameAt(page, space) is not 0 and var frame && Mm.Frames.IsLarge(frame);

    public void AssertSound(IReadOnlyDictionary<uint, uint>? held = null)
    {
        List<Violation> violations = [.. Machine.Verify(held)];
        Assert.True(violations.Count == 0, string.Join(Environment.NewLine, violations.Take(8)));
    }

    public void Dispose() => Machine.Dispose();
}
