using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>What holds of page tables of every architecture. Run with checked models (entry by entry) and without (vector paths).</summary>
public abstract class PageTableLaws<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    private static readonly Protection Writable = TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);
    private static readonly Protection ReadOnly = TArch.ProtectionOf(AccessRights.Read);

    private static ulong Page => 1UL << TArch.PageShift;

    private static IEnumerable<int> LeafLevels => Enumerable.Range(1, TArch.Levels).Where(level => TArch.LeafAllowed(level));

    /// <summary>Where the lower range of addresses ends: at the hole in the middle, or where nothing is translated any more.</summary>
    private static ulong Half
    {
        get
        {
            ulong half = 1UL << TArch.VirtualAddressBits;
            while (!TArch.IsCanonical(half - 1))
                half >>= 1;
            return half;
        }
    }

    /// <summary>The highest level at which two entries lie below the hole.</summary>
    private static int TopLevel => Size(TArch.Levels) < Half ? TArch.Levels : TArch.Levels - 1;

    private static ulong Size(int level) => 1UL << TArch.LevelShift(level);

    [Fact]
    public void Every_boundary_of_every_level_translates_on_both_sides()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        ulong frame = 7;
        Dictionary<ulong, ulong> model = [];
        for (int level = 1; level <= TArch.Levels; level++)
        {
            ulong border = Size(level) * 3;
            foreach (ulong address in new[] { border - Page, border, border + Page })
            {
                if (!TArch.IsCanonical(address) || model.ContainsKey(address))
                    continue;
                Assert.True(machine.Tree.Map(address, ++frame, Writable).IsMapped);
                model[address] = frame;
            }
        }

        foreach ((ulong address, ulong expected) in model)
        {
            foreach (ulong offset in new ulong[] { 0, 1, Page - 1 })
                Assert.Equal((expected << TArch.PageShift) + offset, machine.Tree.Translate(address + offset));
        }

        machine.AssertCounts();
        foreach (ulong address in model.Keys)
        {
            machine.Tree.Unmap(address, out ChangeResult result).Flush();
            Assert.Equal(ChangeStatus.Done, result.Status);
            Assert.Equal(PageTable<TArch, TModel>.NotMapped, machine.Tree.Translate(address));
        }

        machine.AssertAllFreed();
    }

    [Fact]
    public void The_first_and_last_page_of_each_half_can_be_mapped()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        ulong half = Half;
        bool upperHalf = TArch.IsCanonical(ulong.MaxValue);
        ulong[] addresses = upperHalf ? [0, half - Page, 0 - half, 0 - Page] : [0, half - Page];
        for (uint i = 0; i < addresses.Length; i++)
            Assert.True(machine.Tree.MapRange(addresses[i], i + 20, 1, Writable).IsMapped);
        for (uint i = 0; i < addresses.Length; i++)
            Assert.Equal((20UL + i) << TArch.PageShift, machine.Tree.Translate(addresses[i]));
        machine.AssertCounts();
        machine.Tree.UnmapRange(0, half, out ChangeResult low).Flush();
        Assert.Equal(2UL, low.Pages);
        if (upperHalf)
        {
            machine.Tree.UnmapRange(0 - half, 0, out ChangeResult high).Flush();
            Assert.Equal(2UL, high.Pages);
        }

        machine.AssertAllFreed();
    }

    [Fact]
    public void Misuse_throws_and_changes_nothing()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        PageTable<TArch, TModel> tree = machine.Tree;
        ulong hole = Half;
        Assert.Throws<ArgumentException>(() => tree.Map(1, 1, Writable));
        Assert.Throws<ArgumentException>(() => tree.Map(hole, 1, Writable));
        Assert.Throws<ArgumentException>(() => tree.Map(0, 1UL << TArch.FrameNumberBits, Writable));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Map(0, 0, Writable, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.Map(0, 0, Writable, TArch.Levels + 1));
        Assert.Throws<ArgumentException>(() => tree.MapRange(hole - Page, 1, 2, Writable));
        Assert.Throws<ArgumentException>(() => tree.UnmapRange(Page, Page, out _).Ignore());
        Assert.Throws<ArgumentException>(() => tree.UnmapRange(Page, 0, out _).Ignore());
        Assert.Throws<ArgumentException>(() => tree.TranslateMany(new ulong[2], new ulong[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PageTable<TArch, TModel>(machine.Tables, machine.Image.FrameCount));
        foreach (int level in LeafLevels.Where(level => level > 1))
        {
            Assert.Throws<ArgumentException>(() => tree.Map(Page, 0, Writable, level));
            Assert.Throws<ArgumentException>(() => tree.Map(0, 1, Writable, level));
        }

        Assert.Equal(PageTable<TArch, TModel>.NotMapped, tree.Translate(hole));
        Assert.Equal(FaultReason.NotCanonical, tree.Access(hole, AccessKind.Read).Fault);
        machine.AssertCounts();
        machine.AssertAllFreed();
    }

    [Fact]
    public void Huge_leaves_of_every_size_translate_and_exclude_what_lies_under_them()
    {
        foreach (int level in LeafLevels.Where(level => level > 1))
        {
            using var machine = new PagingMachine<TArch, TModel>();
            PageTable<TArch, TModel> tree = machine.Tree;
            ulong first = Size(level) * 2;
            ulong frame = (Size(level) >> TArch.PageShift) * 3;
            Assert.True(tree.Map(first, frame, Writable, level).IsMapped);
            foreach (ulong offset in new[] { 0UL, Page, (Size(level) / 2) + 5, Size(level) - 1 })
                Assert.Equal((frame << TArch.PageShift) + offset, tree.Translate(first + offset));
            Assert.Equal(PageTable<TArch, TModel>.NotMapped, tree.Translate(first - 1));
            Assert.Equal(PageTable<TArch, TModel>.NotMapped, tree.Translate(first + Size(level)));

            MapResult under = tree.Map(first + Page, 9, Writable);
            Assert.Equal((MapStatus.Occupied, level), (under.Status, under.Level));
            Assert.Equal(TArch.MakeLeaf(frame, Writable, level), under.Existing);
            Assert.Equal(MapStatus.Occupied, tree.MapRange(first - (2 * Page), 9, 8, Writable).Status);
            Assert.Equal(PageTable<TArch, TModel>.NotMapped, tree.Translate(first - Page));

            tree.UnmapRange(first, first + Page, out ChangeResult cut).Ignore();
            Assert.Equal((ChangeStatus.LeafStraddles, level), (cut.Status, cut.Level));
            tree.ProtectRange(first + Page, first + Size(level), ReadOnly, out cut).Ignore();
            Assert.Equal(ChangeStatus.LeafStraddles, cut.Status);
            tree.Unmap(first + Page, out cut).Ignore();
            Assert.Equal(ChangeStatus.LeafStraddles, cut.Status);
            machine.AssertCounts();

            tree.Unmap(first, out ChangeResult gone).Flush();
            Assert.Equal((ChangeStatus.Done, Size(level) >> TArch.PageShift), (gone.Status, gone.Pages));
            machine.AssertAllFreed();
        }
    }

    [Fact]
    public void A_page_below_a_table_keeps_a_huge_leaf_out()
    {
        foreach (int level in LeafLevels.Where(level => level > 1))
        {
            using var machine = new PagingMachine<TArch, TModel>();
            Assert.True(machine.Tree.Map(Size(level) - Page, 5, Writable).IsMapped);
            MapResult result = machine.Tree.Map(0, 0, Writable, level);
            Assert.Equal((MapStatus.Occupied, level), (result.Status, result.Level));
            Assert.True(TArch.IsTable(result.Existing, level));
            machine.AssertCounts();
            machine.Tree.Unmap(Size(level) - Page, out _).Flush();
            Assert.True(machine.Tree.Map(0, 0, Writable, level).IsMapped);
            machine.Tree.Unmap(0, out _).Flush();
            machine.AssertAllFreed();
        }
    }

    [Fact]
    public void MapRange_uses_the_largest_leaves_that_fit()
    {
        foreach (int level in LeafLevels.Where(level => level > 1))
        {
            using var machine = new PagingMachine<TArch, TModel>(64);
            ulong pages = (Size(level) >> TArch.PageShift) + 3;
            ulong first = (Size(level) * 4) - Page;
            ulong frame = ((Size(level) >> TArch.PageShift) * 2) - 1;
            MapResult result = machine.Tree.MapRange(first, frame, pages, Writable, level);
            Assert.True(result.IsMapped);
            Assert.Equal(level, machine.Tree.Walk(first + Page).Level);
            Assert.Equal(1, machine.Tree.Walk(first).Level);
            foreach (ulong page in new ulong[] { 0, 1, pages / 2, pages - 1 })
                Assert.Equal((frame + page) << TArch.PageShift, machine.Tree.Translate(first + (page << TArch.PageShift)));
            machine.AssertCounts();
            machine.Tree.UnmapRange(first, first + (pages << TArch.PageShift), out ChangeResult gone).Flush();
            Assert.Equal(pages, gone.Pages);
            machine.AssertAllFreed();
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Translations_of_many_addresses_are_those_of_each(bool far, bool holes)
    {
        using var machine = new PagingMachine<TArch, TModel>();
        ulong[] starts = far ? [0, Size(TopLevel), Size(TopLevel) + Size(2)] : [Size(2) - (9 * Page)];
        ulong[] addresses = [.. Enumerable.Range(0, 300).Select(i => starts[i % starts.Length] + ((ulong)(i / starts.Length) * Page) + (ulong)i)];
        for (int i = 0; i < addresses.Length; i++)
        {
            if (holes && i % 31 == 3)
                addresses[i] = i % 2 == 0 ? Half : Size(2) * 9; // not canonical, and without a table
            else
                Assert.True((holes && i % 7 == 5) || machine.Tree.Map(addresses[i] & ~(Page - 1), 20 + (ulong)i, Writable).IsMapped);
        }

        ulong[] expected = [.. addresses.Select(machine.Tree.Translate)];
        for (int count = 0; count <= addresses.Length; count++)
        {
            ulong[] results = [.. addresses.AsSpan(0, count)];
            int mapped = machine.Tree.TranslateMany(results, results);
            Assert.Equal(expected.Take(count), results);
            Assert.Equal(results.Count(result => result != PageTable<TArch, TModel>.NotMapped), mapped);
        }
    }

    [Fact]
    public void A_table_that_somebody_looks_at_outlives_its_tree()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        PageTable<TArch, TModel> tree = machine.Tree;
        for (uint i = 0; i < 3; i++)
            Assert.True(tree.Map(i * Size(2), 20 + i, Writable).IsMapped);
        uint held = (uint)(tree.Walk(Size(2)).EntryAddress(1) >> TArch.PageShift);
        Assert.True(machine.Folios.TryGet(held));
        uint free = machine.Folios.Allocator.FreeCount;
        int tables = machine.TableFrames;

        tree.UnmapRange(0, 3 * Size(2), out _).Flush();
        Assert.Equal(1, machine.LinkedTables());
        Assert.Equal(1u, machine.Folios.Table.References(held));
        Assert.False(machine.Folios.Table.Has(held, FrameFlags.Table | FrameFlags.Free));

        machine.Folios.Put(held);
        machine.Folios.Allocator.AdvanceEpoch();
        Assert.Equal(free + (uint)tables - 1, machine.Folios.Allocator.FreeCount);
        machine.AssertAllFreed();
    }

    [Fact]
    public void Walk_reports_every_entry_and_where_it_lies()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        ulong address = Size(TopLevel) + Size(2) + (5 * Page);
        Assert.True(machine.Tree.Map(address, 77, Writable).IsMapped);
        PageWalk walk = machine.Tree.Walk(address + 9);
        Assert.Equal((FaultReason.None, 1), (walk.Fault, walk.Level));
        Assert.Equal((77UL << TArch.PageShift) + 9, walk.PhysicalAddress);
        uint table = machine.Tree.Root;
        for (int level = TArch.Levels; level >= 1; level--)
        {
            Assert.Equal(table, (uint)(walk.EntryAddress(level) >> TArch.PageShift));
            Assert.Equal(walk.Entry(level), PageTables<TArch, TModel>.Load(ref machine.Image.RamWord(walk.EntryAddress(level))));
            table = (uint)(TArch.TableAddress(walk.Entry(level)) >> TArch.PageShift);
        }

        PageWalk gap = machine.Tree.Walk(0);
        Assert.Equal((FaultReason.NotMapped, TopLevel), (gap.Fault, gap.Level));
        Assert.Throws<ArgumentOutOfRangeException>(() => gap.Entry(1));
        machine.Tree.Unmap(address, out _).Ignore();
        machine.AssertAllFreed();
    }

    [Fact]
    public void Access_obeys_the_leaf_and_leaves_what_the_hardware_leaves()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        PageTable<TArch, TModel> tree = machine.Tree;
        AccessRights[] rights =
        [
            AccessRights.None,
            AccessRights.Read,
            AccessRights.Read | AccessRights.Write | AccessRights.Shared,
            AccessRights.Read | AccessRights.Execute,
        ];
        foreach (int level in LeafLevels)
        {
            foreach (AccessRights right in rights)
            {
                foreach (AccessKind kind in Enum.GetValues<AccessKind>())
                {
                    Pte made = TArch.MakeLeaf(0, TArch.ProtectionOf(right), level);
                    Assert.True(tree.Map(0, 0, TArch.ProtectionOf(right), level).IsMapped);
                    bool allowed = TArch.TryAccess(made, kind, level, out Pte after);
                    AccessResult result = tree.Access(Page - 1, kind);
                    Assert.Equal(allowed ? FaultReason.None : FaultReason.Permission, result.Fault);
                    Assert.Equal(allowed ? after : made, result.Entry);
                    tree.Unmap(0, out ChangeResult gone).Ignore();
                    Assert.Equal(allowed ? after : made, gone.Entry);
                    if (allowed)
                        Assert.Equal(Page - 1, result.PhysicalAddress);
                }
            }
        }

        Assert.Equal(FaultReason.NotMapped, tree.Access(0, AccessKind.Read).Fault);
        machine.AssertAllFreed();
    }

    [Fact]
    public void Non_present_entries_are_seen_and_left_alone()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        PageTable<TArch, TModel> tree = machine.Tree;
        Pte swap = TArch.EncodeSwap(1, 5);
        Assert.True(tree.MapRange(0, 8, 4, Writable).IsMapped);
        var cursor = new RangeCursor<TArch, TModel>(tree, Page, 2 * Page);
        Assert.True(cursor.MoveNext());
        Assert.True(cursor.TryReplace(swap, out FlushTicket<TModel> ticket));
        ticket.Flush();
        Assert.Equal(RangeKind.NonPresent, cursor.Kind);

        Assert.Equal(FaultReason.NotPresent, tree.Walk(Page).Fault);
        Assert.Equal(FaultReason.NotPresent, tree.Access(Page, AccessKind.Read).Fault);
        Assert.Equal(MapStatus.Occupied, tree.Map(Page, 3, Writable).Status);
        tree.Unmap(Page, out ChangeResult one).Ignore();
        Assert.Equal((ChangeStatus.NotPresent, swap), (one.Status, one.Entry));
        tree.ProtectRange(0, 4 * Page, ReadOnly, out ChangeResult many).Flush();
        Assert.Equal((3UL, 1UL), (many.Pages, many.Skipped));
        tree.UnmapRange(0, 4 * Page, out many).Flush();
        Assert.Equal((3UL, 1UL), (many.Pages, many.Skipped));
        Assert.Equal(swap, tree.Walk(Page).Last);
        machine.AssertCounts();

        Assert.True(cursor.TryReplace(default, out ticket));
        Assert.False(ticket.IsOwed);
        tree.FreeEmptyTables(0, Page);
        machine.AssertAllFreed();
    }

    [Fact]
    public void A_cursor_that_was_overtaken_changes_nothing_and_reads_again()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        PageTable<TArch, TModel> tree = machine.Tree;
        Assert.True(tree.MapRange(0, 8, 3, Writable).IsMapped);
        var cursor = new RangeCursor<TArch, TModel>(tree, 0, 4 * Page);
        Assert.True(cursor.MoveNext());
        Pte before = cursor.Entry;
        tree.Protect(0, ReadOnly, out _).Flush();
        Assert.False(cursor.TryReplace(default, out FlushTicket<TModel> ticket));
        Assert.False(ticket.IsOwed);
        Assert.Equal((RangeKind.Leaf, before), (cursor.Kind, cursor.Entry));
        cursor.Refresh();
        Assert.Equal((0UL, Page, RangeKind.Leaf), (cursor.Start, cursor.End, cursor.Kind));
        Assert.Equal(TArch.Modify(before, ReadOnly, 1), cursor.Entry);
        Assert.True(cursor.TryReplace(default, out ticket));
        ticket.Flush();
        tree.Unmap(Page, out _).Flush();
        cursor.Refresh();
        Assert.Equal((0UL, 2 * Page, RangeKind.Gap), (cursor.Start, cursor.End, cursor.Kind));
        tree.Unmap(2 * Page, out _).Flush();
        machine.AssertAllFreed();
    }

    [Fact]
    public void A_cursor_goes_to_any_page_of_its_range_and_to_no_other()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        PageTable<TArch, TModel> tree = machine.Tree;
        Assert.True(tree.MapRange(0, 8, 4, Writable).IsMapped);
        var cursor = new RangeCursor<TArch, TModel>(tree, Page, 3 * Page);
        Assert.True(cursor.MoveNext() && cursor.MoveNext());
        Assert.Equal(2 * Page, cursor.Start);
        Assert.False(cursor.MoveNext());
        foreach (ulong page in (ulong[])[Page, 2 * Page, Page])
        {
            cursor.Seek(page);
            Assert.True(cursor.MoveNext());
            Assert.Equal(page, cursor.Start);
        }

        Assert.All((ulong[])[0, 3 * Page, Page + 1], address => Assert.True(Refuses(tree, address), $"{address:x}"));
        tree.UnmapRange(0, 4 * Page, out _).Flush();
        machine.AssertAllFreed();
    }

    private static bool Refuses(PageTable<TArch, TModel> tree, ulong address)
    {
        var cursor = new RangeCursor<TArch, TModel>(tree, Page, 3 * Page);
        try
        {
            cursor.Seek(address);
            return false;
        }
        catch (ArgumentException)
        {
            return true;
        }
    }

    [Fact]
    public void Protect_keeps_the_frame_and_the_marks()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        foreach (int level in LeafLevels)
        {
            Pte before = TArch.MakeLeaf(0, Writable, level);
            Assert.True(machine.Tree.Map(0, 0, Writable, level).IsMapped);
            machine.Tree.Protect(0, ReadOnly, out ChangeResult result).Flush();
            Assert.Equal((ChangeStatus.Done, before), (result.Status, result.Entry));
            Assert.Equal(TArch.Modify(before, ReadOnly, level), machine.Tree.Walk(0).Last);
            machine.Tree.ProtectRange(0, Size(level), TArch.ProtectionOf(AccessRights.None), out result).Flush();
            Assert.Equal(Size(level) >> TArch.PageShift, result.Pages);
            Assert.Equal(0UL, machine.Tree.Translate(0));
            machine.Tree.Unmap(0, out _).Flush();
        }

        machine.AssertAllFreed();
    }

    [Fact]
    public void Running_out_of_frames_at_every_allocation_changes_nothing()
    {
        int tablesNeeded = 0;
        for (int left = 0; ; left++)
        {
            using var machine = new PagingMachine<TArch, TModel>(128);
            Assert.True(machine.Tree.Map(0, 3, Writable).IsMapped);
            int before = machine.TableFrames;
            List<uint> taken = machine.Exhaust(left);
            ulong start = Size(TopLevel) - (4 * Page); // the range crosses a border of every level
            MapResult result = machine.Tree.MapRange(start, 40, 8, Writable);
            machine.AssertCounts();
            if (result.IsMapped)
            {
                Assert.Equal(tablesNeeded, left);
                Assert.Equal(before + left, machine.TableFrames);
                machine.Tree.UnmapRange(start, start + (8 * Page), out _).Flush();
            }
            else
            {
                Assert.Equal(MapStatus.OutOfFrames, result.Status);
                Assert.Equal(before, machine.TableFrames);
                for (ulong page = 0; page < 8; page++)
                    Assert.Equal(PageTable<TArch, TModel>.NotMapped, machine.Tree.Translate(start + (page * Page)));
                if (left < TopLevel - 1)
                    Assert.Equal(MapStatus.OutOfFrames, machine.Tree.Map(start + (4 * Page), 9, Writable).Status);
                machine.AssertCounts();
                tablesNeeded = left + 1;
            }

            foreach (uint frame in taken)
                machine.Folios.Put(frame);
            machine.Tree.Unmap(0, out _).Flush();
            machine.AssertAllFreed();
            if (result.IsMapped)
                break;
        }

        // Below the border the first entry is shared with the page at 0; above it every table is new.
        Assert.Equal((TopLevel - 2) + (TopLevel - 1), tablesNeeded);
    }

    [Fact]
    public void Freed_tables_raise_the_generation_and_a_flush_does_too()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        ulong start = machine.Tree.Generation;
        Assert.True(machine.Tree.MapRange(0, 8, 2, Writable).IsMapped);
        Assert.Equal(start, machine.Tree.Generation);
        FlushTicket<TModel> ticket = machine.Tree.Zap(0, out _);
        Assert.Equal((start, 0UL, Page - 1, machine.Tree.Root), (ticket.Generation, ticket.Start, ticket.Last, ticket.Root));
        Assert.Equal(start, machine.Tree.Generation);
        ticket.Flush();
        Assert.Equal(start + 1, machine.Tree.Generation);
        machine.Tree.Unmap(Page, out _).Ignore();
        Assert.Equal(start + 1 + (ulong)(TArch.Levels - 1), machine.Tree.Generation);
        machine.AssertAllFreed();
    }

    [Fact]
    public void A_foreign_tree_can_be_counted_and_then_unmapped()
    {
        using var machine = new PagingMachine<TArch, TModel>();
        for (ulong page = 0; page < 5; page++)
        {
            uint table = machine.Tables.TryEnsureLeafTable(machine.Tree.Root, page * Size(2));
            PageTables<TArch, TModel>.Store(ref machine.Tables.Entry(table, page * Size(2)), TArch.MakeLeaf(page + 30, Writable, 1));
        }

        Assert.Equal(machine.TableFrames, machine.Tree.Recount());
        machine.AssertCounts();
        machine.Tree.UnmapRange(0, 8 * Size(2), out ChangeResult result).Flush();
        Assert.Equal(5UL, result.Pages);
        machine.AssertAllFreed();
    }
}
