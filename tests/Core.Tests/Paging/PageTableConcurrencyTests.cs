using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>Threads on one tree: what the protocol at the top of <see cref="PageTable{TArch, TModel}"/> allows.</summary>
public abstract class PageTableConcurrencyTests<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly Protection Writable = TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);

    private static ulong Page => 1UL << TArch.PageShift;

    [Fact]
    public void Two_threads_map_and_zap_alternating_pages_of_the_same_tables()
    {
        using var machine = new PagingMachine<TArch, CheckedModel>();
        const ulong pages = 1500; // several leaf tables, each made by whoever comes first
        using var start = new Barrier(2);
        void Work(ulong parity)
        {
            start.SignalAndWait();
            for (int round = 0; round < 8; round++)
            {
                for (ulong page = parity; page < pages; page += 2)
                    Assert.True(machine.Tree.Map(page * Page, page + 5, Writable).IsMapped);
                for (ulong page = parity; page < pages; page += 2)
                {
                    Assert.Equal((page + 5) << TArch.PageShift, machine.Tree.Translate(page * Page));
                    machine.Tree.Zap(page * Page, out ChangeResult result).Flush();
                    Assert.Equal(ChangeStatus.Done, result.Status);
                }
            }

            FlushTickets<CheckedModel>.AssertSettled();
        }

        RunAll(() => Work(0), () => Work(1));
        machine.Tree.FreeEmptyTables(0, pages * Page);
        machine.AssertCounts();
        machine.AssertAllFreed();
    }

    [Fact]
    public void A_table_is_freed_when_who_emptied_it_has_given_its_lock_back()
    {
        using var machine = new PagingMachine<TArch, CheckedModel>();
        Assert.True(machine.Tree.Map(5 * Page, 7, Writable).IsMapped);
        int tables = machine.LinkedTables();
        using var emptied = new ManualResetEventSlim();
        bool freed = false;
        void Empty()
        {
            var writer = new LeafWriter<TArch, CheckedModel>(machine.Tree);
            Assert.Equal(ChangeStatus.Done, writer.Unmap(5 * Page, out _));
            emptied.Set(); // the table has no entry any more, and its lock is held
            Thread.Sleep(300);
            Assert.False(Volatile.Read(ref freed));
            Assert.Equal(tables, machine.LinkedTables());
            writer.Finish().Flush();
            writer.Dispose();
        }

        void Free()
        {
            emptied.Wait();
            machine.Tree.FreeEmptyTables(0, 1UL << TArch.LevelShift(2));
            Volatile.Write(ref freed, true);
        }

        RunAll(Empty, Free);
        Assert.Equal(1, machine.LinkedTables());
        machine.AssertAllFreed();
    }

    [Fact]
    public void Walks_beside_a_thread_that_maps_and_frees_tables_see_the_old_or_the_new_state_and_nothing_else()
    {
        using var machine = new PagingMachine<TArch, Mainline>(32);
        ulong address = 77 * Page;
        ulong first = 5UL << TArch.PageShift;
        bool stop = false;
        void Change()
        {
            try
            {
                for (int round = 0; round < 6000; round++)
                {
                    Assert.True(machine.Tree.Map(address, 5, Writable).IsMapped);
                    machine.Tree.Unmap(address, out _).Flush();
                    // Frames of freed tables come back as data full of words that look like entries.
                    machine.Folios.Allocator.AdvanceEpoch();
                    uint frame = machine.Folios.TryAllocate();
                    machine.Tree.Words(frame).Fill(ulong.MaxValue / 3);
                    machine.Folios.Put(frame);
                }
            }
            finally
            {
                Volatile.Write(ref stop, true);
            }
        }

        void Look()
        {
            ulong[] addresses = new ulong[40];
            ulong[] results = new ulong[40];
            Array.Fill(addresses, address);
            while (!Volatile.Read(ref stop))
            {
                ulong physical = machine.Tree.Translate(address);
                Assert.True(physical == first || physical == PageTable<TArch, Mainline>.NotMapped, $"{physical:x}");
                PageWalk walk = machine.Tree.Walk(address);
                Assert.True(walk.Fault is FaultReason.None or FaultReason.NotMapped, walk.Fault.ToString());
                AccessResult access = machine.Tree.Access(address, AccessKind.Read);
                Assert.True(access.Fault is FaultReason.None or FaultReason.NotMapped, access.Fault.ToString());
                machine.Tree.TranslateMany(addresses, results);
                Assert.All(results, result => Assert.True(result == first || result == PageTable<TArch, Mainline>.NotMapped));
            }
        }

        RunAll(Change, Look);
        machine.AssertCounts();
        machine.AssertAllFreed();
    }

    [Fact]
    public void No_dirty_bit_is_lost_between_a_walker_and_one_who_protects()
    {
        using var machine = new PagingMachine<TArch, Mainline>();
        Protection readOnly = TArch.ProtectionOf(AccessRights.Read);
        Assert.True(machine.Tree.Map(0, 5, Writable).IsMapped);
        bool stop = false;
        void Change()
        {
            for (int round = 0; round < 20000; round++)
            {
                machine.Tree.Protect(0, round % 2 == 0 ? readOnly : Writable, out _).Flush();
                if (TArch.IsDirty(machine.Tree.Walk(0).Last))
                    continue;
                // Once dirty, no change of protection may make the page clean.
                Thread.Yield();
            }

            Volatile.Write(ref stop, true);
        }

        bool written = false;
        void Write()
        {
            while (!Volatile.Read(ref stop))
            {
                written |= machine.Tree.Access(0, AccessKind.Write).IsAllowed;
                Assert.Equal(written, TArch.IsDirty(machine.Tree.Walk(0).Last));
            }
        }

        RunAll(Change, Write);
        machine.Tree.Unmap(0, out ChangeResult gone).Flush();
        Assert.Equal(written, TArch.IsDirty(gone.Entry));
        machine.AssertAllFreed();
    }

    [Fact]
    public void Random_words_in_table_frames_never_crash_a_walk()
    {
        using var machine = new PagingMachine<TArch, Mainline>(64);
        var random = new Random(20);
        for (int round = 0; round < 150; round++)
        {
            Poison(machine, random, round);
            for (int i = 0; i < 50; i++)
            {
                ulong address = (ulong)random.NextInt64() >> random.Next(20);
                Survives(() => machine.Tree.Translate(address));
                Survives(() => machine.Tree.Walk(address));
                Survives(() => machine.Tree.Access(address, (AccessKind)random.Next(3)));
                Survives(() => machine.Tables.LeafTable(machine.Tree.Root, address));
            }

            ulong page = (ulong)random.NextInt64(1 << 20) << TArch.PageShift;
            Survives(() => machine.Tree.TranslateMany([page, page + Page, ulong.MaxValue], new ulong[3]));
            Survives(() =>
            {
                var cursor = new RangeCursor<TArch, Mainline>(machine.Tree, page, page + (5000 * Page));
                for (int i = 0; i < 200 && cursor.MoveNext(); i++)
                    Assert.True(cursor.End > cursor.Start);
            });
        }
    }

    // Fills frames with random words of which many are well-formed tables inside RAM, so that the walks go deep, and some lie at its end.
    private static void Poison(PagingMachine<TArch, Mainline> machine, Random random, int round)
    {
        for (uint frame = 1; frame < machine.Image.FrameCount; frame++)
        {
            foreach (ref ulong word in machine.Tree.Words(frame))
            {
                ulong raw = random.Next(4) switch
                {
                    0 => (ulong)random.NextInt64(),
                    1 => TArch.MakeLeaf((ulong)random.Next(100), Writable, 1).Raw,
                    _ => TArch.MakeTable((ulong)random.Next(1, round % 2 == 0 ? 64 : 70) << TArch.PageShift).Raw,
                };
                PageTables<TArch, Mainline>.Store(ref word, new Pte(raw));
            }
        }
    }

    private static void Survives(Action action)
    {
        try
        {
            action();
        }
        catch (CorruptImageException)
        {
            // A typed error is as good an answer as a fault.
        }
    }

    private static void RunAll(params Action[] actions)
    {
        Exception? failure = null;
        Thread[] threads = [.. actions.Select(action => new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, e, null);
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.True(failure is null, failure?.ToString());
    }
}

public sealed class X64FourLevelConcurrency : PageTableConcurrencyTests<X64FourLevel>;

public sealed class X64FiveLevelConcurrency : PageTableConcurrencyTests<X64FiveLevel>;

public sealed class Sun4uConcurrency : PageTableConcurrencyTests<Sun4u>;

public sealed class Sun4vConcurrency : PageTableConcurrencyTests<Sun4v>;

public sealed class Sun4vM7Concurrency : PageTableConcurrencyTests<Sun4vM7>;
