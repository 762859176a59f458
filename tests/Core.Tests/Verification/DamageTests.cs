using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Verification;
using static PageTableEmu.Core.Tests.Verification.DamageablePage;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>Every invariant fires, alone, when the record it is about is damaged, and none does before.</summary>
public abstract class DamageTests<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly Dictionary<string, Action<DamageableMachine<TArch>>> Damages = new()
    {
        ["PT1 a table linked twice"] = m =>
        {
            uint upper = m.TableAbove(DamageableMachine<TArch>.Address(0));
            ref ulong word = ref m.Mm.Tables.Entry(upper, DamageableMachine<TArch>.Address(0), 2);
            m.Mm.Tables.Entry(upper, DamageableMachine<TArch>.Address(0) + (1UL << TArch.LevelShift(2)), 2) = word;
            m.Frames[upper].Count++;
        },
        ["PT1 a table that hangs nowhere"] = m => m.Frames.Set(m.Mm.Folios.TryAllocate(), FrameFlags.Table),
        ["PT2 a table of another level"] = m => m.Frames[m.LeafTable].Swap++,
        ["PT2 a table of another address"] = m => m.Frames[m.LeafTable].Index += 1UL << TArch.LevelShift(2),
        ["PT2 a table of another address space"] = m => m.Frames[m.LeafTable].Mapping = m.Child,
        ["PT2 a table without the flag"] = m => m.Frames.Clear(m.LeafTable, FrameFlags.Table),
        ["PT2 a table that counts wrongly"] = m => m.Frames[m.TableAbove(DamageableMachine<TArch>.Address(0))].Count++,
        ["PT3 a special entry of another frame"] = m => m[Zero] = TArch.MakeSpecial(TArch.MakeLeaf(3, ReadOnly, 1)),
        ["PT3 an entry of a frame outside RAM"] = m =>
        {
            m[Empty] = TArch.MakeLeaf(m.Machine.Image.FrameCount + 5, ReadOnly, 1);
        },
        ["PT3 an entry that means nothing"] = m => m[Empty] = TArch.EncodeSwap(m.Mm.SwapTypes.PteMarker, 0),
        ["PT4 an entry behind the VMA"] = m => m[BehindVma] = SoftLeaf.OfMarker(PteMarkers.Guard).Encode<TArch>(m.Mm.SwapTypes),
        ["PT5 a VMA with fewer rights"] = m => m.Mm.Vmas.SetFlags(m.VmaNumber, m.Mm.Vmas.FlagsOf(m.VmaNumber) & ~VmaFlags.Write),
        ["FR1 a frame that nobody has"] = m => m.Frames[m.Mm.Folios.TryAllocate()].RefCount = 0,
        ["FR2 a total of taken frames"] = m => m.State.TakenFromAreas++,
        ["FR2 an area's word"] = m =>
        {
            m.Machine.Image.Record<ulong>(MetadataRegion.FrameAreas, 0)++;
            m.State.TakenFromAreas++;
        },
        ["FR2 a cache's list"] = m => FirstCache(m).Frames.Bottom++,
        ["F1 a free frame that is mapped"] = m => m.Frames[FreedFrame(m)].MapCount = 1,
        ["F1 a free frame with a reference"] = m => m.Frames[FreedFrame(m)].RefCount = 1,
        ["R1 a reference too many"] = m => m.RecordOf(Private).RefCount++,
        ["R1 a reference too few"] = m => m.RecordOf(Shared).RefCount--,
        ["R1 a frame that nothing uses"] = m => m.Mm.Folios.TryAllocate(),
        ["R1 a reference to a table"] = m => m.Frames[m.LeafTable].RefCount++,
        ["R1 a reference to the zero page"] = m => m.Frames[m.Mm.Folios.ZeroFrame].RefCount++,
        ["R3 a mapping too many"] = m => m.RecordOf(Private).MapCount++,
        ["R3 a mapping too few"] = m => m.RecordOf(Shared).MapCount--,
        ["X1 a writable page that is not exclusive"] = m => m.Frames.Clear(m.FrameOf(Private), FrameFlags.AnonExclusive),
        ["X2 a shared page that is exclusive"] = m => m.Frames.Set(m.FrameOf(Shared), FrameFlags.AnonExclusive),
        ["X4 an exclusive folio of a slot that is named"] = m => m.Frames.Set(m.FrameOf(SwappedCached), FrameFlags.AnonExclusive),
        ["X5 an exclusive entry of a shared slot"] = m => m[SwappedShared] = TArch.MakeSwapExclusive(m[SwappedShared]),
        ["X7 a writable zero page"] = m => m[Zero] = TArch.MakeWritable(m[Zero]),
        ["X7 a zero page with content"] = m => m.Frames.Bytes(m.Mm.Folios.ZeroFrame)[77] = 1,
        ["X7 a writable KSM page"] = m =>
        {
            m.Frames.Set(m.FrameOf(Private), FrameFlags.Ksm);
            m.RecordOf(Private).Mapping = 0; // one without a node
            m.Frames.Clear(m.FrameOf(Private), FrameFlags.AnonExclusive);
        },
        ["I1 a count too many"] = m => Change(ref m.WordOf(SwappedAlone), word => word.WithCount(word.Count + 1)),
        ["I1 a count too few"] = m => Change(ref m.WordOf(SwappedShared), word => word.WithCount(word.Count - 1)),
        ["I2 a frame that names another slot"] = m => m.RecordOf(CleanCached).Swap++,
        ["I2 a slot that names another frame"] = m => Change(ref m.WordOf(CleanCached), word => word.AsCached(m.FrameOf(Private))),
        ["I2 a page that names a slot and is not cached"] = m => m.RecordOf(Private).Swap = m.SlotOf(SwappedAlone).Value,
        ["I3 a pinned slot"] = m => Change(ref m.WordOf(SwappedAlone), word => word.AsPinned),
        ["I4 a free slot that is marked zero"] = m => Change(ref m.Areas.Slot(FreeSlot(m)), word => word.WithZero(true)),
        ["I5 a page read ahead that is not swap-backed"] = m => m.Frames.Clear(m.FrameOf(ReadAhead), FrameFlags.SwapBacked),
        ["I10 an area's slots in use"] = m => m.Areas[0].InUse++,
        ["I10 a cluster's slots in use"] = m => m.Areas.Cluster(ref m.Areas[0], 0).Used++,
        ["I10 the free slots of all areas"] = m => m.Areas.State.FreeSlots--,
        ["I11 an exclusive KSM page"] = m =>
        {
            m[Private] = TArch.WriteProtect(m[Private]);
            m.Frames.Set(m.FrameOf(Private), FrameFlags.Ksm);
            m.RecordOf(Private).Mapping = 0; // one without a node
        },
        ["I15 a clean page that differs from its slot"] = m => m.Frames.Bytes(m.FrameOf(CleanCached))[5]++,
        ["I15 a clean unmapped page that differs from its slot"] = m => m.Frames.Bytes(m.FrameOf(SwappedCached))[5]++,
        ["I16 a page being written that nobody queued"] = m => m.Frames.Set(m.FrameOf(SwappedCached), FrameFlags.Writeback),
        ["I16 a page being written that has no slot"] = m => m.Frames.Set(m.FrameOf(Private), FrameFlags.Writeback),
        ["I17 a writable page that must not change"] = m =>
        {
            m.Areas[0].Flags |= (ulong)SwapAreaFlags.StableWrites;
            m.Frames.Set(m.FrameOf(CleanCached), FrameFlags.Writeback);
            m.Areas.State.QueueLength = 1;
        },
        ["I18 anonymous pages"] = m => m.Space.AnonPages++,
        ["I18 swap entries"] = m => m.Space.SwapEntries--,
        ["I19 another index"] = m => m.RecordOf(Private).Index++,
        ["I19 another anon_vma"] = m => m.RecordOf(Private).Mapping = 4000,
        ["I19 no anonymous page"] = m => m.Frames.Clear(m.FrameOf(Private), FrameFlags.Anon),
        ["I20 a count that no word asks for"] = m =>
        {
            m.Machine.Image.Record<ulong>(MetadataRegion.SwapOverflow, 3) = m.SlotOf(SwappedAlone).Value;
        },
        ["I21 a folio lock"] = m => m.RecordOf(Private).Lock = 1,
        ["I21 a page-table lock"] = m => m.Frames[m.LeafTable].Lock = 1,
        ["I21 the mmap_lock for writing"] = m => m.Space.MmapWriter = 1,
        ["I21 the mmap_lock for reading"] = m => m.Space.MmapReaders = 1,
        ["I21 the page_table_lock"] = m => m.Space.PageTableLock = 1,
        ["I21 a user"] = m => m.Space.Users++,
        ["I21 a fork"] = m => m.Space.WriteProtectSequence++,
        ["I21 the LRU lock"] = m => m.State.LruLock = 1,
        ["I21 an anon_vma"] = m => m.Mm.Vmas.Anons.Pool[m.Vma.AnonVma].Lock = 1,
        ["I21 a cluster"] = m => m.Areas.Cluster(ref m.Areas[0], 0).Lock = 1,
        ["I21 an area's lists"] = m => m.Areas[0].ListLock = 1,
        ["I21 an area's users"] = m => m.Areas[0].Users++,
        ["I21 the swapoff list"] = m => m.MmState.MmListLock = 1,
        ["I21 the write queue"] = m => m.Areas.State.QueueLock = 1,
        ["I21 a frame cache"] = m => FirstCache(m).Lock = 1,
        ["MG1 a charge too many"] = m => m.Mm.Folios.Groups[1].Pages++,
        ["I23 an entry of an area that is gone"] = m =>
        {
            m[Empty] = TArch.EncodeSwap(5, 1);
            m.Space.SwapEntries++;
        },
        ["L1 an anonymous cached page that is not swap-backed"] = m => m.Frames.Clear(m.FrameOf(CleanCached), FrameFlags.SwapBacked),
        ["LRU its length"] = m => m.LruList.Pages++,
        ["LRU a link back"] = m => m.Frames[m.LruList.Youngest].LruPrevious = m.LruList.Youngest,
        ["LRU a ring"] = m => m.Frames[m.LruList.Youngest].LruNext = m.LruList.Oldest,
        ["LRU a frame that is not on it"] = m => m.Frames.Clear(m.FrameOf(Private), FrameFlags.Lru),
        ["LRU a listed frame that is on its way"] = m => FirstCache(m).Arrivals = (1UL << 32) | m.LruList.Youngest,
        ["LRU a frame outside RAM"] = m => m.LruList.Oldest = uint.MaxValue,
        ["M2 a migration entry"] = m =>
        {
            m[Empty] = SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, m.FrameOf(Private)).Encode<TArch>(m.Mm.SwapTypes);
            m.Space.AnonPages++;
        },
        ["M3 a migration entry of a free frame"] = m =>
        {
            uint free = FreedFrame(m);
            m.Frames[free].Lock = 1;
            m[Empty] = SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, free).Encode<TArch>(m.Mm.SwapTypes);
            m.Space.AnonPages++;
        },
        ["X6 an exclusive page under way that says it is exclusive still"] = m =>
        {
            uint frame = m.FrameOf(CleanCached);
            m.Frames[frame].Lock = 1;
            m.Frames[frame].MapCount--;
            m.Frames[frame].RefCount--;
            m.Frames.Set(frame, FrameFlags.AnonExclusive);
            m[CleanCached] = SoftLeaf.OfFrame(SoftLeafKind.MigrationWrite, frame).Encode<TArch>(m.Mm.SwapTypes);
        },
        ["S2 a slot that nobody uses"] = m =>
        {
            m.Mm.Swap.TryReserve(out SwapEntry entry);
            Change(ref m.Areas.Slot(entry), word => word.AsUnpinned);
        },
        ["S5 an address space off the swapoff list"] = m => m.Mm.Spaces.RemoveFromMmList(m.Parent),
        ["S5 the list's length"] = m => m.MmState.MmListCount++,
        ["S5 the list's head"] = m => m.MmState.MmListHead = 200,
        ["SWAP a cluster on the wrong list"] = m => m.Areas.Cluster(ref m.Areas[0], 0).State = SwapClusterState.Full,
        ["SWAP a list's end"] = m => m.Areas[0].Lists[SwapClusterLists.IndexOf(SwapClusterState.Frag, 0)].Tail = 0,
        ["KSM a merged page that was written"] = m => m.Frames.Bytes(MergedFrame(m))[77]++,
        ["KSM a merged page of another node"] = m => m.Frames[MergedFrame(m)].Mapping += 5,
        ["KSM a node that counts wrongly"] = m => m.Mm.Ksm.Nodes[(uint)m.Frames[MergedFrame(m)].Mapping].ItemCount++,
        ["KSM a slot that counts wrongly"] = m =>
        {
            MergedFrame(m);
            m.Mm.Ksm.Slots[m.Mm.Ksm.State.FirstSlot].Merged++;
        },
        ["KSM an item of another slot"] = m =>
        {
            MergedFrame(m);
            m.Mm.Ksm.Items[1].Slot = 9;
        },
        ["KSM a mergeable VMA that no scan finds"] = m => m.Mm.Vmas.SetFlags(m.VmaNumber, m.Mm.Vmas.FlagsOf(m.VmaNumber) | VmaFlags.Mergeable),
        ["VMA the tree's height"] = m => m.Vma.Tree.Height++,
        ["VMA the number of VMAs"] = m => m.Space.VmaCount++,
        ["VMA the active VMAs of an anon_vma"] = m => m.Mm.Vmas.Anons.Pool[m.Vma.AnonVma].ActiveVmas++,
        ["IMAGE a VMA outside the pool"] = m => m.Space.VmaRoot = uint.MaxValue,
    };

    public static TheoryData<string> Names => [.. Damages.Keys];

    private static Protection ReadOnly => TArch.ProtectionOf(AccessRights.Read);

    [Fact]
    public void UndamagedMachine_HasNoViolation()
    {
        using var machine = new DamageableMachine<TArch>();
        machine.AssertAsDescribed();
        Assert.Empty(machine.Machine.Verify());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Damage_IsReportedUnderItsInvariantAlone(string name)
    {
        using var machine = new DamageableMachine<TArch>();
        Damages[name](machine);
        List<Violation> violations = [.. machine.Machine.Verify()];
        string id = name[..name.IndexOf(' ')];
        Assert.True(
            violations.Count != 0 && violations.All(violation => violation.Invariant == id),
            $"{name}: {violations.Count} violations. {string.Join(Environment.NewLine, violations.Take(5))}");
    }

    [Fact]
    public void EveryInvariantThatIsChecked_IsDamagedByATest()
    {
        string[] tested = [.. Damages.Keys.Select(name => name[..name.IndexOf(' ')]).Distinct().Order(StringComparer.Ordinal)];
        string[] documented =
        [
            "F1", "FR1", "FR2", "I1", "I10", "I11", "I15", "I16", "I17", "I18", "I19", "I2", "I20", "I21", "I23", "I3", "I4", "I5",
            "IMAGE", "KSM", "L1", "LRU", "M2", "M3", "MG1", "PT1", "PT2", "PT3", "PT4", "PT5", "R1", "R3", "S2", "S5", "SWAP", "VMA",
            "X1", "X2", "X4", "X5", "X6", "X7",
        ];
        Assert.Equal(documented.Order(StringComparer.Ordinal), tested);
    }

    private static void Change(ref ulong word, Func<SwapSlotWord, SwapSlotWord> change) => word = change(new SwapSlotWord(word)).Value;

    private static ref FrameCache FirstCache(DamageableMachine<TArch> machine)
    {
        for (ulong index = 0; ; index++)
        {
            ref FrameCache cache = ref machine.Machine.Image.Record<FrameCache>(MetadataRegion.FrameCaches, index);
            if (cache.Frames.Count != 0)
                return ref cache;
        }
    }

    private static uint FreedFrame(DamageableMachine<TArch> machine)
    {
        uint frame = machine.Mm.Folios.TryAllocate();
        machine.Mm.Folios.Put(frame);
        return frame;
    }

    /// <summary>The frame of two merged pages of a process of their own.</summary>
    private static uint MergedFrame(DamageableMachine<TArch> machine)
    {
        ulong page = (ulong)machine.Machine.Image.PageSize;
        const ulong Start = 1UL << 33;
        var counters = new FaultCounters();
        uint space = machine.Machine.CreateAddressSpace();
        machine.Machine.Map(space, Start, 2 * page, VmaFlags.Read | VmaFlags.Write);
        machine.Machine.Advise(space, Start, 2 * page, Advice.Mergeable, ref counters);
        machine.Machine.Write(space, Start, [1, 2, 3], ref counters);
        machine.Machine.Write(space, Start + page, [1, 2, 3], ref counters);
        machine.Machine.Ksm.Scan(2);
        return machine.Mm.Ksm.Nodes[machine.Mm.Ksm.State.FirstNode].Frame;
    }

    private static SwapEntry FreeSlot(DamageableMachine<TArch> machine)
    {
        uint offset = machine.Areas[0].Slots - 1;
        while (!machine.Mm.Swap.Map[new SwapEntry(0, offset)].IsFree)
            offset--;
        return new SwapEntry(0, offset);
    }
}
