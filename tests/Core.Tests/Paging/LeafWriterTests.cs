using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>A writer leaves the tree, its counts and its locks as the operations page by page do.</summary>
public abstract class LeafWriterTests<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private protected static readonly Protection Writable = TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);
    private readonly PagingMachine<TArch, CheckedModel> machine = new();

    private protected static ulong Page => 1UL << TArch.PageShift;

    private protected PageTable<TArch, CheckedModel> Tree => machine.Tree;

    [Fact]
    public void Pages_mapped_and_unmapped_across_tables_equal_a_model()
    {
        var model = new Dictionary<ulong, ulong>();
        var random = new Random(3);
        var writer = new LeafWriter<TArch, CheckedModel>(Tree);
        for (int step = 0; step < 8000; step++)
        {
            ulong address = ((ulong)random.Next(3) << TArch.LevelShift(2)) + ((ulong)random.Next(40) * Page);
            if (random.Next(2) == 0)
            {
                MapStatus expected = model.TryAdd(address, (ulong)step + 1) ? MapStatus.Mapped : MapStatus.Occupied;
                Assert.Equal(expected, writer.Map(address, (ulong)step + 1, Writable));
            }
            else
            {
                ChangeStatus status = writer.Unmap(address, out Pte old);
                Assert.Equal(model.Remove(address, out ulong frame) ? ChangeStatus.Done : ChangeStatus.Nothing, status);
                if (status == ChangeStatus.Done)
                    Assert.Equal(frame, TArch.FrameOf(old, 1));
            }

            if (step % 100 == 0)
                writer.Finish().Flush();
        }

        writer.Finish().Flush();
        writer.Dispose();
        foreach ((ulong address, ulong frame) in model)
            Assert.Equal(frame * Page, Tree.Translate(address));
        Tree.UnmapRange(0, 4UL << TArch.LevelShift(2), out ChangeResult result).Flush(); // frees the tables if the counts are right
        Assert.Equal((ulong)model.Count, result.Pages);
        Assert.Equal(0, machine.TableFrames - 1);
        FlushTickets<CheckedModel>.AssertSettled();
    }

    [Fact]
    public void The_flush_covers_what_was_unmapped()
    {
        var writer = new LeafWriter<TArch, CheckedModel>(Tree);
        writer.Map(7 * Page, 1, Writable);
        writer.Map(9 * Page, 2, Writable);
        Assert.False(writer.Finish().IsOwed);
        writer.Unmap(9 * Page, out _);
        writer.Unmap(7 * Page, out _);
        FlushTicket<CheckedModel> ticket = writer.Finish();
        Assert.Equal((true, 7 * Page, (10 * Page) - 1), (ticket.IsOwed, ticket.Start, ticket.Last));
        ticket.Flush();
        writer.Dispose();
    }

    [Fact]
    public void The_lock_is_held_from_the_first_page_to_the_end()
    {
        var writer = new LeafWriter<TArch, CheckedModel>(Tree);
        writer.Map(0, 1, Writable);
        ref FrameRecord record = ref machine.Folios.Table[machine.Tables.LeafTable(Tree.Root, 0)];
        Assert.True(WordLock<CheckedModel>.IsHeld(ref record.Lock));
        writer.Map(1UL << TArch.LevelShift(2), 2, Writable);
        Assert.False(WordLock<CheckedModel>.IsHeld(ref record.Lock));
        writer.Dispose();
        Assert.Equal(0UL, machine.Folios.Table[machine.Tables.LeafTable(Tree.Root, 1UL << TArch.LevelShift(2))].Lock);
    }

    [Fact]
    public void What_is_no_page_is_left_to_the_tree()
    {
        Assert.True(Tree.Map(0, 0, Writable, level: 2).IsMapped);
        Assert.Throws<ArgumentException>(() => Write((ref LeafWriter<TArch, CheckedModel> writer) => writer.Map(1, 1, Writable)));
        Assert.Throws<ArgumentException>(() => Write((ref LeafWriter<TArch, CheckedModel> writer) => writer.Map(Page, 1UL << 60, Writable)));
        Write((ref LeafWriter<TArch, CheckedModel> writer) =>
        {
            Assert.Equal(MapStatus.Occupied, writer.Map(Page, 5, Writable));
            Assert.Equal(ChangeStatus.LeafStraddles, writer.Unmap(Page, out _));
            Assert.Equal(ChangeStatus.Done, writer.Unmap(0, out Pte old));
            Assert.True(TArch.IsLeaf(old, 2));
            Assert.Equal(ChangeStatus.Nothing, writer.Unmap(0, out _));
            writer.Finish().Flush();
        });
    }

    [Fact]
    public void A_flush_that_is_forgotten_is_noticed()
    {
        Assert.Throws<InvalidOperationException>(() => Write((ref LeafWriter<TArch, CheckedModel> writer) =>
        {
            writer.Map(0, 1, Writable);
            writer.Unmap(0, out _);
        }));
    }

    [Fact]
    public void Entries_replaced_across_tables_equal_a_model()
    {
        var model = new Dictionary<ulong, Pte>();
        var random = new Random(4);
        var writer = new LeafWriter<TArch, CheckedModel>(Tree);
        for (ulong table = 0; table < 3; table++)
        {
            writer.Map(table << TArch.LevelShift(2), 1, Writable); // the table is there; this page stays
        }

        for (int step = 0; step < 8000; step++)
        {
            ulong address = ((ulong)random.Next(3) << TArch.LevelShift(2)) + ((ulong)random.Next(1, 40) * Page);
            Pte was = writer.Read(address);
            Assert.Equal(model.GetValueOrDefault(address), was);
            Pte entry = random.Next(3) switch
            {
                0 => default,
                1 => TArch.MakeLeaf((ulong)step + 1, Writable, 1),
                _ => TArch.MakeSwapExclusive(TArch.EncodeSwap(1, (ulong)step + 1)),
            };
            Pte wrong = TArch.EncodeSwap(2, (ulong)step + 1);
            Assert.False(writer.TryReplace(address, entry, wrong));
            Assert.True(writer.TryReplace(address, entry, was));
            if (TArch.IsNone(entry, 1))
                model.Remove(address);
            else
                model[address] = entry;
            if (step % 100 == 0)
                writer.Finish().Flush();
        }

        writer.Finish().Flush();
        foreach (ulong address in model.Keys)
            Assert.True(writer.TryReplace(address, default, model[address]));
        writer.Finish().Flush();
        writer.Dispose();
        machine.AssertCounts();
        Tree.UnmapRange(0, 4UL << TArch.LevelShift(2), out ChangeResult result).Flush();
        Assert.Equal(3UL, result.Pages);
        machine.AssertAllFreed();
    }

    [Fact]
    public void Where_no_leaf_table_is_nothing_is_read_or_replaced()
    {
        Assert.True(Tree.Map(0, 0, Writable, level: 2).IsMapped);
        Write((ref LeafWriter<TArch, CheckedModel> writer) =>
        {
            Assert.Equal(default, writer.Read(Page));
            Assert.False(writer.TryReplace(Page, TArch.EncodeSwap(0, 1), default));
            Assert.Equal(default, writer.Read(1UL << TArch.LevelShift(2)));
            Assert.False(writer.TryReplace(1UL << TArch.LevelShift(2), TArch.EncodeSwap(0, 1), default));
        });
        Assert.Throws<ArgumentException>(() => Write((ref LeafWriter<TArch, CheckedModel> writer) => writer.Read(1)));
        Assert.Throws<ArgumentException>(() => Write((ref LeafWriter<TArch, CheckedModel> writer) => writer.TryReplace(1, default, default)));
    }

    public void Dispose()
    {
        machine.Dispose();
        GC.SuppressFinalize(this);
    }

    private delegate void Use(ref LeafWriter<TArch, CheckedModel> writer);

    private void Write(Use use)
    {
        var writer = new LeafWriter<TArch, CheckedModel>(Tree);
        try
        {
            use(ref writer);
        }
        finally
        {
            writer.Dispose();
        }
    }
}

/// <summary>Here accesses mark leaves; on sparc64 they fault, and software does.</summary>
public sealed class X64LeafWriter : LeafWriterTests<X64FourLevel>
{
    [Fact]
    public void A_leaf_that_an_access_marked_meanwhile_is_not_replaced()
    {
        var writer = new LeafWriter<X64FourLevel, CheckedModel>(Tree);
        writer.Map(Page, 5, Writable);
        Pte before = X64Leaf.MakeOld(writer.Read(Page));
        Assert.True(writer.TryReplace(Page, before, writer.Read(Page)));
        writer.Finish().Flush();
        Assert.Equal(before, writer.Read(Page));
        Pte swapped = X64Swap.Encode(0, 9);
        Assert.Equal(FaultReason.None, Tree.Access(Page, AccessKind.Read).Fault); // takes no lock
        Assert.NotEqual(before, writer.Read(Page));
        Assert.False(writer.TryReplace(Page, swapped, before));
        Assert.False(writer.Finish().IsOwed);
        Assert.True(writer.TryReplace(Page, swapped, writer.Read(Page)));
        FlushTicket<CheckedModel> ticket = writer.Finish();
        Assert.Equal((true, Page, (2 * Page) - 1), (ticket.IsOwed, ticket.Start, ticket.Last));
        ticket.Flush();
        Assert.True(writer.TryReplace(Page, X64Leaf.MakeLeaf(6, Writable, 1), swapped));
        Assert.False(writer.Finish().IsOwed);
        writer.Dispose();
        Assert.Equal(6 * Page, Tree.Translate(Page));
    }
}

public sealed class Sun4vLeafWriter : LeafWriterTests<Sun4v>;
