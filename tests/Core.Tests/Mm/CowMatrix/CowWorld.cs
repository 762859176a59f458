using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// A machine for one case: the words in which its tests are written. After every step the machine is verified, and at the end nothing may be
/// left, unless a fault of the rules is played.
/// </summary>
internal sealed class CowWorld<TArch, TModel> : IDisposable
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    /// <summary>What all memory is filled with at first, and what the store of a test fills it with.</summary>
    internal const byte Old = 1;
    internal const byte New = 0xff;

    private readonly CowSetting setting;
    private readonly CowFault fault;
    private readonly CowMoment faultMoment;
    private readonly int order;
    private readonly GupFast<TArch, TModel> fastPath;
    private readonly List<CowHold> holds = [];
    private readonly List<uint> spaces = [];
    private readonly uint framesBefore;
    private FaultCounters counters;

    internal CowWorld(CowSetting setting, CowFault fault = CowFault.None, CowMoment faultMoment = CowMoment.BeforeStore, int order = 0)
    {
        this.setting = setting;
        this.fault = fault;
        this.faultMoment = faultMoment;
        this.order = order;
        uint slots = Math.Max(512, 4u << order);
        Machine = Machine<TArch, TModel>.Create(new MachineImageOptions
        {
            RamBytes = Math.Max(512, (order == FolioOrders<TArch, TModel>.Huge ? 8ul : 4ul) << order) << TArch.PageShift,
            SwapSlots = slots,
            SwapStoreSlots = slots,
            AddressSpaces = 8,
            Vmas = 64,
            AnonVmas = 64,
            AnonVmaChains = 128,
        });
        if (order != 0 && order != FolioOrders<TArch, TModel>.Huge)
        {
            Machine.FolioOrders.Set(FolioOrders<TArch, TModel>.Huge, FolioOrderPolicy.Never);
            Machine.FolioOrders.Set(order, FolioOrderPolicy.Madvise);
        }

        framesBefore = Machine.Context.Folios.Allocator.FreeCount;
        Backing backing = setting.Swap == CowSwapState.Synchronous ? Backing.Zram : Backing.Asynchronous;
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area(slots), out _));
        fastPath = new GupFast<TArch, TModel>(Machine.Context);
        Parent = Machine.CreateAddressSpace();
        spaces.Add(Parent);
    }

    internal Machine<TArch, TModel> Machine { get; }

    internal uint Parent { get; }

    /// <summary>The memory under test.</summary>
    internal ulong First { get; set; } = 1UL << 32;

    /// <summary>Its size in pages.</summary>
    internal int Pages { get; set; }

    /// <summary>log2 of the pages of the large folio that the memory under test is at first; 0 when it is none.</summary>
    internal int Order => order;

    /// <summary>The largest order of the folios that the memory is in the parent; 0 when there are single pages only, or none is present.</summary>
    internal int FolioOrder
    {
        get
        {
            int found = 0;
            ForEachEntry(Parent, entry =>
            {
                uint frame = FrameOf(entry);
                found = Math.Max(found, frame == 0 ? 0 : Mm.Frames.OrderOf(frame));
                return entry;
            });
            return found;
        }
    }

    /// <summary>Whether read-only pins of this run are long-term.</summary>
    internal bool LongTerm => setting.LongTerm;

    private MmContext<TArch, TModel> Mm => Machine.Context;

    private ulong Length => Bytes(Pages);

    /// <summary>Whether a huge leaf maps the memory in the parent.</summary>
    internal bool IsHuge => Mm.Huge.IsMapped(Mm.Spaces[Parent].Root, First);

    internal static ulong Bytes(int pages) => (ulong)pages << TArch.PageShift;

    internal static void Ok(MmResult result) => Assert.Equal(MmResult.Ok, result);

    /// <summary>A point between two steps.</summary>
    internal void Reach(CowMoment moment)
    {
        if (setting.Reclaim)
            Machine.ReclaimAll();
        if (fault == CowFault.None)
            Assert.Empty(Machine.Verify(Held()));
        else if (moment == faultMoment)
            Play();
    }

    internal uint Fork()
    {
        uint child = Machine.Fork(Parent);
        Assert.NotEqual(0u, child);
        spaces.Add(child);
        Reach(CowMoment.Forked);
        return child;
    }

    internal void Exit(uint space)
    {
        Assert.True(spaces.Remove(space));
        Machine.Exit(space);
    }

    internal void Advise(int page, int count, Advice advice) =>
        Ok(Machine.Advise(Parent, First + Bytes(page), Bytes(count), advice, ref counters));

    internal void Unmap(uint space) => Ok(Machine.Unmap(space, First, Length));

    internal void Fill(uint space, byte value) => Fill(space, First, value);

    internal void Fill(uint space, ulong start, byte value)
    {
        byte[] bytes = new byte[Length];
        Array.Fill(bytes, value);
        Assert.Equal(UserAccessResult.Ok, Machine.Write(space, start, bytes, ref counters));
    }

    internal byte[] Snapshot(uint space) => Snapshot(space, First);

    internal byte[] Snapshot(uint space, ulong start) => Snapshot(space, start, Pages);

    internal byte[] Snapshot(uint space, ulong start, int pages)
    {
        byte[] bytes = new byte[Bytes(pages)];
        Assert.Equal(UserAccessResult.Ok, Machine.Read(space, start, bytes, ref counters));
        return bytes;
    }

    internal void Protect(AccessRights rights) => Ok(Machine.Protect(Parent, First, Length, rights, ref counters));

    /// <summary>mprotect there and back, which may make entries writable only where that is sure to be harmless.</summary>
    internal void ProtectThereAndBack() => ProtectThereAndBack(First, Length);

    internal void ProtectThereAndBack(ulong start, ulong length)
    {
        Ok(Machine.Protect(Parent, start, length, AccessRights.Read, ref counters));
        Ok(Machine.Protect(Parent, start, length, AccessRights.Read | AccessRights.Write, ref counters));
    }

    /// <summary>MADV_COLLAPSE, again and again while pages have to be read.</summary>
    internal void Collapse()
    {
        MmResult result = MmResult.Again;
        for (int i = 0; i <= Pages && result == MmResult.Again; i++)
            result = Machine.Advise(Parent, First, Length, Advice.Collapse, ref counters);
        Ok(result);
        Assert.True(IsHuge);
    }

    /// <summary>
    /// Makes exclusive pages read-only in a writable mapping. The selftest clears soft-dirty marks between the two calls of mprotect; here
    /// asynchronous userfaultfd write-protection does the same, for swap entries too. An architecture without its bit gets present pages
    /// whose entries lose their permission as that clearing takes it.
    /// </summary>
    internal void KeepReadOnly()
    {
        Protect(AccessRights.Read);
        if (TArch.HasUffdWp)
        {
            Ok(Machine.Userfaultfd.Register(Parent, First, First + Length));
            Ok(Machine.Userfaultfd.WriteProtect(Parent, First, First + Length, protect: true));
        }

        Protect(AccessRights.Read | AccessRights.Write);
        if (TArch.HasUffdWp)
            return;
        Snapshot(Parent);
        using (HugeGuard<TArch, TModel> guard = Mm.Huge.Lock(Mm.Spaces[Parent].Root, First))
        {
            if (guard.IsLeaf)
                guard.Set(TArch.WriteProtect(guard.Value));
        }

        ForEachEntry(Parent, static entry => TArch.IsPresent(entry, 1) ? TArch.WriteProtect(entry) : entry);
    }

    /// <summary>Swaps the memory out by MADV_PAGEOUT, as deep as the setting says.</summary>
    internal void SwapOut()
    {
        Advise(0, Pages, Advice.PageOut);
        if (setting.Swap == CowSwapState.Cached)
            Machine.Settle();
        else if (setting.Swap == CowSwapState.Gone)
            Machine.ReclaimAll();
        int swapped = 0;
        ForEachEntry(Parent, entry =>
        {
            AssertSwappedOut(entry);
            swapped++;
            return entry;
        });
        Assert.Equal(Pages, swapped);
    }

    /// <summary>
    /// Takes hold of all pages, as pin_user_pages and get_user_pages do. The fast path goes on with the slow one from the first page that it
    /// refuses.
    /// </summary>
    internal CowHold Take(uint space, GupFlags flags, bool fast)
    {
        if (fault == CowFault.PinsAreReferences && (flags & GupFlags.Pin) != 0)
            flags = (flags & GupFlags.Write) | GupFlags.Get;
        uint[] frames = new uint[Pages];
        for (int i = 0; i < Pages; i++)
        {
            if (!fast || !TryTakeFast(space, i, flags, out frames[i]))
                Ok(Machine.Gup.TryTake(space, First + Bytes(i), flags, out frames[i], ref counters));
        }

        var hold = new CowHold(frames, flags);
        holds.Add(hold);
        return hold;
    }

    /// <summary>Takes hold of one page by the fast path alone; the reference is the caller's.</summary>
    internal bool TryTakeFast(uint space, int page, GupFlags flags, out uint frame) =>
        fastPath.TryTake(space, First + Bytes(page), flags, out frame);

    internal void Release(CowHold hold)
    {
        Assert.True(holds.Remove(hold));
        foreach (uint frame in hold.Frames)
            Machine.Gup.Put(frame, hold.Flags);
    }

    /// <summary>What the holder sees.</summary>
    internal byte[] Contents(CowHold hold) => [.. hold.Frames.SelectMany(frame => Mm.Frames.Bytes(frame).ToArray())];

    /// <summary>Registers the memory as a fixed buffer of a device that reads and writes it.</summary>
    internal DmaTransfer Register()
    {
        MmResult result = Machine.Dma.TryBegin(
            Parent, First, (int)Length, DmaDirection.FromDevice, longTerm: true, out DmaTransfer? transfer, ref counters);
        Ok(result);
        holds.Add(new CowHold(transfer!.PinnedFrames.ToArray(), GupFlags.Pin | GupFlags.Write | GupFlags.LongTerm));
        return transfer;
    }

    internal void Unregister(DmaTransfer transfer)
    {
        Assert.Equal(1, holds.RemoveAll(hold => hold.Frames.AsSpan().SequenceEqual(transfer.PinnedFrames)));
        Machine.Dma.Complete(transfer);
    }

    /// <summary>The frames of the memory that are exclusive; 0 for a page that is not, or not present.</summary>
    internal uint[] ExclusiveFrames(uint space)
    {
        var frames = new List<uint>();
        if (TryHugeFrame(space, out uint head, out _))
        {
            uint first = head != 0 && Mm.Frames.Has(head, FrameFlags.AnonExclusive) ? head : 0;
            return [.. Enumerable.Range(0, Pages).Select(page => first == 0 ? 0 : first + (uint)page)];
        }

        ForEachEntry(space, entry =>
        {
            uint frame = FrameOf(entry);
            frames.Add(frame != 0 && Mm.Frames.Has(frame, FrameFlags.AnonExclusive) ? frame : 0);
            return entry;
        });
        return [.. frames];
    }

    internal bool HasWritableEntry(uint space)
    {
        if (TryHugeFrame(space, out _, out bool found))
            return found;
        ForEachEntry(space, entry =>
        {
            found |= TArch.IsPresent(entry, 1) && TArch.IsWritable(entry);
            return entry;
        });
        return found;
    }

    /// <summary>Ends everything and proves that nothing is left.</summary>
    internal void Finish()
    {
        if (fault != CowFault.None)
            return;
        foreach (CowHold hold in holds.ToArray())
            Release(hold);
        foreach (uint space in spaces.ToArray())
            Exit(space);
        Machine.Settle();
        Machine.ReclaimAll();
        Assert.Empty(Machine.Verify());
        Assert.Equal(0ul, Mm.Swap.TotalInUse);
        uint forEver = Mm.Folios.HugeZeroFrame == 0 ? 0 : HugePages<TArch, TModel>.Pages;
        Assert.Equal(framesBefore - forEver, Mm.Folios.Allocator.FreeCount);
    }

    public void Dispose() => Machine.Dispose();

    /// <summary>Rewrites entries of the memory under test in an address space.</summary>
    internal void ForEachEntry(uint space, Func<Pte, Pte> rewrite)
    {
        for (int i = 0; i < Pages; i++)
        {
            ulong address = First + Bytes(i);
            uint table = Mm.Tables.LeafTable(Mm.Spaces[space].Root, address);
            if (table == 0)
                continue;
            ref ulong word = ref Mm.Tables.Entry(table, address);
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            Pte rewritten = rewrite(entry);
            if (rewritten != entry)
                PageTables<TArch, TModel>.Store(ref word, rewritten);
        }
    }

    /// <summary>Whether a huge leaf maps the memory; its first frame, 0 of the huge zero page, and whether it is writable.</summary>
    private bool TryHugeFrame(uint space, out uint head, out bool writable)
    {
        using HugeGuard<TArch, TModel> guard = Mm.Huge.Lock(Mm.Spaces[space].Root, First);
        (head, writable) = guard.IsLeaf ? (guard.Head, TArch.IsWritable(guard.Value)) : (0, false);
        return guard.IsLeaf;
    }

    private static bool IsSwap(Pte entry) => !TArch.IsNone(entry, 1) && !TArch.IsPresent(entry, 1);

    private static uint FrameOf(Pte entry) =>
        !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) ? MmContext<TArch, TModel>.NormalFrame(entry) : 0;

    private void AssertSwappedOut(Pte entry)
    {
        SoftLeaf leaf = Mm.Decode(entry);
        Assert.Equal(SoftLeafKind.Swap, leaf.Kind);
        uint cached = Mm.Swap.Lookup(new SwapEntry(leaf.Type, leaf.Offset));
        if (order == FolioOrders<TArch, TModel>.Huge && setting.Swap is CowSwapState.UnderWriteback or CowSwapState.Cached)
            throw new InvalidOperationException("A huge page is written at once: its frames are gone.");
        Assert.Equal(setting.Swap is CowSwapState.Cached or CowSwapState.UnderWriteback, cached != 0);
        if (cached == 0)
            return;
        Assert.Equal(setting.Swap == CowSwapState.UnderWriteback, Mm.Frames.Has(cached, FrameFlags.Writeback));
        Mm.Folios.Put(cached);
    }

    /// <summary>References that the verifier cannot find by itself.</summary>
    private Dictionary<uint, uint> Held()
    {
        var held = new Dictionary<uint, uint>();
        foreach (CowHold hold in holds)
        {
            bool pin = (hold.Flags & GupFlags.Pin) != 0;
            foreach (uint frame in hold.Frames.Where(frame => frame != Mm.Folios.ZeroFrame))
                held[frame] = held.GetValueOrDefault(frame) + (pin ? Mm.Frames.PinReferences(frame) : 1);
        }

        return held;
    }

    /// <summary>Does to the records what a machine that forgets the rule would have done.</summary>
    private void Play()
    {
        foreach (uint space in spaces)
        {
            if (TryHugeFrame(space, out uint head, out _) && fault == CowFault.FramesExclusive)
                Mm.Frames.Set(head, FrameFlags.AnonExclusive);
            ForEachEntry(space, Spoil);
        }
    }

    private Pte Spoil(Pte entry)
    {
        uint frame = FrameOf(entry);
        switch (fault)
        {
            case CowFault.SwapEntriesExclusive when IsSwap(entry):
                return TArch.MakeSwapExclusive(entry);
            case CowFault.SwapEntriesShared when IsSwap(entry):
                return TArch.ClearSwapExclusive(entry);
            case CowFault.EntriesWritable when !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1):
                return TArch.MakeWritable(entry);
            case CowFault.FramesExclusive when frame != 0:
                Mm.Frames.Set(frame, FrameFlags.AnonExclusive);
                return entry;
            case CowFault.FramesShared when frame != 0:
                Mm.Frames.Clear(frame, FrameFlags.AnonExclusive);
                return entry;
            default:
                return entry;
        }
    }
}
