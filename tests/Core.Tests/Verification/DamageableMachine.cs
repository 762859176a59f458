using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim;
using PageTableEmu.Swap;
using static PageTableEmu.Core.Tests.Verification.DamageablePage;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>
/// A small sound machine with one page of every kind, at known addresses, and ways to reach the records behind them. Its swap area is
/// asynchronous.
/// </summary>
internal sealed class DamageableMachine<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const ulong Start = 1UL << 32;
    private const int PageCount = 16;

    private FaultCounters counters;

    public DamageableMachine()
    {
        Machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions { RamBytes = 8 << 20, SwapSlots = 64, SwapStoreSlots = 64 });
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(new SwapAreaOptions { Slots = 64 }, out _));
        Parent = Machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, Machine.Map(Parent, Start, (ulong)PageCount << TArch.PageShift, VmaFlags.Read | VmaFlags.Write));
        Write(SwappedShared);
        Machine.ReclaimAll(); // writes it and frees its frame
        Write(Shared);
        Child = Machine.Fork(Parent);
        SwapOutWithoutCache(SwappedAlone);
        SwapOutWithoutCache(ReadAhead);
        Write(Private);
        Write(SwappedCached);
        Write(CleanCached);
        PageOut(SwappedCached);
        PageOut(CleanCached);
        Machine.Settle();
        Machine.Read(Parent, Address(CleanCached), new byte[1], ref counters);
        Machine.Read(Parent, Address(Zero), new byte[1], ref counters);
        Machine.Advise(Parent, Address(ReadAhead), 1UL << TArch.PageShift, Advice.WillNeed, ref counters);
    }

    public Machine<TArch, CheckedModel> Machine { get; }

    public MmContext<TArch, CheckedModel> Mm => Machine.Context;

    public FrameTable<CheckedModel> Frames => Mm.Frames;

    public SwapAreas<CheckedModel> Areas => new(Machine.Image);

    public uint Parent { get; }

    public uint Child { get; }

    public ref AddressSpace Space => ref Mm.Spaces[Parent];

    public uint VmaNumber => Mm.Vmas.Find(Parent, Start);

    public ref Vma Vma => ref Mm.Vmas[VmaNumber];

    public ref FrameState State => ref Machine.Image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>The list that fresh pages are on.</summary>
    public ref LruList LruList => ref State.Lru[(int)LruKind.InactiveAnon];

    public ref MmState MmState => ref Machine.Image.Record<MmState>(MetadataRegion.MmState, 0);

    public uint LeafTable => Mm.Tables.LeafTable(Space.Root, Start);

    public static ulong Address(int page) => Start + ((ulong)page << TArch.PageShift);

    public Pte this[int page]
    {
        get => PageTables<TArch, CheckedModel>.Load(ref Mm.Tables.Entry(LeafTable, Address(page)));
        set => PageTables<TArch, CheckedModel>.Store(ref Mm.Tables.Entry(LeafTable, Address(page)), value);
    }

    /// <summary>The slot that an entry names, or that its frame is bound to.</summary>
    public SwapEntry SlotOf(int page) => TArch.IsPresent(this[page], 1)
        ? new SwapEntry(Frames[FrameOf(page)].Swap)
        : new SwapEntry(TArch.SwapType(this[page]), TArch.SwapOffset(this[page]));

    public ref ulong WordOf(int page) => ref Areas.Slot(SlotOf(page));

    /// <summary>The frame that an entry maps, or that is bound to the slot it names.</summary>
    public uint FrameOf(int page) => TArch.IsPresent(this[page], 1)
        ? (uint)TArch.FrameOf(this[page], 1)
        : new SwapSlotWord(WordOf(page)).Payload;

    public ref FrameRecord RecordOf(int page) => ref Frames[FrameOf(page)];

    /// <summary>The level-2 table on the path to an address.</summary>
    public uint TableAbove(ulong address)
    {
        uint table = Space.Root;
        for (int level = 4; level > 2; level--)
        {
            Pte entry = PageTables<TArch, CheckedModel>.Load(ref Mm.Tables.Entry(table, address, level));
            table = (uint)(TArch.TableAddress(entry) >> TArch.PageShift);
        }

        return table;
    }

    /// <summary>Throws unless every page is what its name says.</summary>
    public void AssertAsDescribed()
    {
        Assert.Equal((1u, 2u), (Frames.Mappings(FrameOf(Private)), Frames.Mappings(FrameOf(Shared))));
        Assert.True(TArch.IsWritable(this[Private]) && TArch.IsWritable(this[CleanCached]));
        Assert.Equal((2u, 1u), (Mm.Swap.Count(SlotOf(SwappedShared)), Mm.Swap.Count(SlotOf(SwappedAlone))));
        Assert.Equal((1u, 0u), (Mm.Swap.Count(SlotOf(SwappedCached)), Mm.Swap.Count(SlotOf(CleanCached))));
        Assert.Equal(SwapSlotTag.InUse, new SwapSlotWord(WordOf(SwappedShared)).Tag);
        Assert.Equal(SwapSlotTag.InUse, new SwapSlotWord(WordOf(SwappedAlone)).Tag);
        Assert.True(Frames.Has(FrameOf(SwappedCached), FrameFlags.SwapCache) && !Frames.Has(FrameOf(SwappedCached), FrameFlags.Dirty));
        Assert.True(Frames.Has(FrameOf(CleanCached), FrameFlags.SwapCache | FrameFlags.Anon) && !TArch.IsDirty(this[CleanCached]));
        Assert.True(Frames.Has(FrameOf(ReadAhead), FrameFlags.SwapCache) && !Frames.Has(FrameOf(ReadAhead), FrameFlags.Anon));
        Assert.True(TArch.IsSpecial(this[Zero]) && TArch.IsNone(this[Empty], 1));
    }

    public void Dispose() => Machine.Dispose();

    /// <summary>Writes a page out and lets its frame go too, without touching others as a scan would.</summary>
    private void SwapOutWithoutCache(int page)
    {
        Write(page);
        PageOut(page);
        Machine.Settle();
        uint frame = Mm.Swap.Lookup(SlotOf(page));
        Assert.True(Mm.Folios.Lru.TryIsolate(frame));
        var control = new ScanControl(IgnoreReferences: true, WaitForWrite: false, Scope: 0);
        Assert.Equal(1, new Reclaimer<TArch, CheckedModel>(Mm).ShrinkIsolated(frame, control));
        Mm.Folios.Put(frame);
    }

    private void Write(int page) => Assert.Equal(UserAccessResult.Ok, Machine.Write(Parent, Address(page), [(byte)(page + 1)], ref counters));

    private void PageOut(int page) =>
        Assert.Equal(MmResult.Ok, Machine.Advise(Parent, Address(page), 1UL << TArch.PageShift, Advice.PageOut, ref counters));
}
