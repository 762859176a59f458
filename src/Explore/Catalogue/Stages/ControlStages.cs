using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Controls, set up: nothing goes wrong in any kernel, and each guards a check that could be dropped.</summary>
internal static class ControlStages
{
    private const GupFlags Write = GupFlags.Get | GupFlags.Write;

    /// <summary>A clean page, still in the swap cache, that a device writes and lets go of while reclaim removes it from the cache.</summary>
    internal sealed class Remove : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 4, synchronous: false);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.PageOut(space, 0);
            small.Machine.Context.Swap.CompleteWrites();
            small.PageOut(space, 0);
            small.Read(space, 0);
            small.Machine.Settle();
            Require(small.TryTakeFast(space, 0, Write, out uint frame), "the page could not be taken");
            small.Watch(space, 0);
            return Scene(small, 4, new Actor("R", () => small.PageOut(space, 0)), new Actor("D", () =>
            {
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, Write);
            }));
        }
    }

    /// <summary>A page on its way to an asynchronous area, whose write completes while the page is stored to.</summary>
    internal sealed class Writeback : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>(slots: 2, synchronous: false);
            return Scene(small, 2, new Actor("R", () =>
            {
                small.PageOut(space, 0);
                small.Machine.Context.Swap.CompleteWrites();
                small.PageOut(space, 0);
            }), new Actor("T", () => small.Store(space, 0, New)));
        }
    }

    /// <summary>The write of a page completes while the page is mapped, unmapped and dropped again.</summary>
    internal sealed class WriteCompletes : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2, synchronous: false);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            small.PageOut(space, 0);
            small.Watch(space, 0);
            return Scene(small, 2, new Actor("W", () => small.Machine.Context.Swap.CompleteWrites()), new Actor("T", () =>
            {
                small.Load(space, 0);
                small.PageOut(space, 0);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A page moves to another frame while a device takes it without locks, and writes it.</summary>
    internal sealed class MigratedUnderDevice : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            return Scene(small, 2, new Actor("M", () => Migrate(small, space)), new Actor("G", () =>
            {
                if (!small.TryTakeFast(space, 0, PinForWrite, out uint frame))
                    return; // the slow way waits for the migration
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, PinForWrite);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A page moves to another frame while its process stores to it.</summary>
    internal sealed class MigratedUnderStore : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            return Scene(small, 2, new Actor("M", () => Migrate(small, space)), new Actor("T", () => small.Store(space, 0, New)));
        }
    }

    /// <summary>Two equal pages are merged while their process stores to one of them.</summary>
    internal sealed class StoreDuringMerge : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(2);
            small.Advise(space, 0, Advice.Mergeable, pages: 2);
            small.Poke(space, 0, Old);
            small.Poke(space, 1, Old);
            small.Machine.Ksm.Scan(1);
            small.Machine.Settle();
            small.Watch(space, 0);
            small.Watch(space, 1);
            return Scene(small, 2, new Actor("K", () => small.Machine.Ksm.Scan(1)), new Actor("T", () => small.Store(space, 0, New)),
                new Actor("U", () => small.Store(space, 1, Other)));
        }
    }

    /// <summary>A page of a shared object is stored to while the object is cut.</summary>
    internal sealed class StoreDuringTruncate : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1, shared: true);
            ulong address = ExploredMachine<X64FourLevel, TModel>.At(0);
            uint sharedObject = SharedObjectOf(small, space);
            return Scene(small, 2, () => small.Verify() ?? Left(small, sharedObject), new Actor("T", () =>
            {
                var faults = new FaultCounters();
                small.Machine.Write(space, address, [New], ref faults); // refused when the object is cut already
            }), new Actor("TR", () => small.Machine.Truncate(sharedObject, 0)));
        }

        private static Finding? Left<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint sharedObject)
            where TModel : struct, Atomics.IExplored =>
            small.Machine.Context.Vmas.Objects.Index.Load(sharedObject, 0).IsNone
                ? null
                : new Finding("SHM", "the object has a page behind its end");
    }

    /// <summary>Two threads store to different bytes of a page for the first time.</summary>
    internal sealed class TwoFirstStores : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1);
            small.Machine.Settle();
            small.Watch(space, 0);
            return Scene(small, 2, () => small.Verify() ?? Beside(small, space), new Actor("A", () => small.Store(space, 0, New)),
                new Actor("B", () => small.StoreBeside(space, 0, Other)));
        }
    }

    /// <summary>Two threads store to different bytes of a page that their process shares with a child, who lets it go.</summary>
    internal sealed class TwoCopies : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            uint child = small.Machine.Fork(space);
            small.Machine.Settle();
            small.Watch(space, 0);
            return Scene(small, 2, () => small.Verify() ?? Beside(small, space), new Actor("A", () => small.Store(space, 0, New)),
                new Actor("B", () => small.StoreBeside(space, 0, Other)), new Actor("C", () => small.Advise(child, 0, Advice.DontNeed)));
        }
    }

    /// <summary>A page is stored to while its mapping goes.</summary>
    internal sealed class StoreDuringUnmap : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(2);
            small.Poke(space, 1, Old); // the table is there
            small.Machine.Settle();
            ulong address = ExploredMachine<X64FourLevel, TModel>.At(0);
            small.Watch(space, 1);
            return Scene(small, 2, new Actor("T", () =>
            {
                var faults = new FaultCounters();
                small.Machine.Write(space, address, [New], ref faults); // refused when nothing is mapped there any more
            }), new Actor("U", () => small.Machine.Unmap(space, address, 4096)));
        }
    }

    /// <summary>A process whose page is in swap forks while the area is removed.</summary>
    internal sealed class ForkDuringSwapOff : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>();
            return Scene(small, 1, new Actor("SO", () => small.Machine.SwapOff(0)), new Actor("F", () => small.Machine.Fork(space)));
        }
    }

    /// <summary>A load from a page in swap while the area is removed.</summary>
    internal sealed class LoadDuringSwapOff : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>();
            return Scene(small, 1, new Actor("SO", () => small.Machine.SwapOff(0)), new Actor("F", () => small.Load(space, 0)));
        }
    }

    /// <summary>A store frees the last slot of an area that is removed: that of a page in the swap cache, which a child had shared.</summary>
    internal sealed class LastSlot : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 3, synchronous: false);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.ReclaimAll();
            small.Machine.Context.Swap.CompleteWrites();
            small.Read(space, 0);
            small.Machine.Exit(small.Machine.Fork(space));
            small.Machine.Settle();
            small.Watch(space, 0);
            return Scene(small, 3, new Actor("SO", () =>
            {
                small.Machine.SwapOff(0);
                small.SwapOn(new SwapAreaOptions { Slots = 4 }); // in the place of the old one
            }), new Actor("T", () => small.Store(space, 0, New)));
        }
    }

    /// <summary>Pages are touched and dropped while somebody brings new folios to their lists.</summary>
    internal sealed class Arrivals : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(2);
            small.Machine.Settle();
            small.Watch(space, 0, 0);
            small.Watch(space, 1, 0);
            return Scene(small, 2, new Actor("R", () => small.Machine.Context.Folios.Lru.Drain()), new Actor("T", () =>
            {
                small.Store(space, 0, New);
                small.Store(space, 1, New);
                small.Advise(space, 0, Advice.DontNeed, pages: 2);
            }));
        }
    }

    /// <summary>A page in swap is let go of while the area is removed.</summary>
    internal sealed class ZapDuringSwapOff : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2, synchronous: false);
            uint space = small.CreateSpace(2);
            small.Poke(space, 0, Old);
            small.Poke(space, 1, Old);
            small.Machine.ReclaimAll();
            small.Machine.Settle();
            return Scene(small, 2, new Actor("SO", () =>
                {
                    small.Machine.SwapOff(0);
                    small.SwapOn(new SwapAreaOptions { Slots = 3 }); // in the place of the old one
                }),
                new Actor("Z", () => small.Advise(space, 0, Advice.DontNeed, pages: 2)));
        }
    }

    /// <summary>A device pins a page that is about to be unmapped; then its process forks, and both write.</summary>
    /// <param name="migrates">Whether the page is to move to another frame; else it is to go to swap.</param>
    /// <param name="clean">Whether its entry is clean, so that nothing is to be noted when it is cleared.</param>
    internal sealed class PinnedThenForked(bool migrates, bool clean = false) : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = clean ? SwappedOut<TModel>(slots: 2) : OnePage<TModel>();
            if (clean)
                small.Read(space, 0);
            RaceScene scene = Scene(small, 2, new Actor("G", () =>
            {
                if (!small.TryTakeFast(space, 0, PinForWrite, out uint frame))
                    return; // the slow way waits
                small.Machine.Fork(space);
                small.StoreBeside(space, 0, Other);
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, PinForWrite);
                small.Load(space, 0);
            }), migrates ? new Actor("M", () => Migrate(small, space)) : new Actor("R", () => small.PageOut(space, 0)));
            scene.WeakWords = address => small.Memory.PageOf(address) >= 0; // in RAM: entries of page tables
            return scene;
        }
    }

    /// <summary>A page of a shared object comes back from the swap cache while it is cut out, written anew and swapped to the same slot.</summary>
    internal sealed class SharedSlotReused : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 1, synchronous: false);
            uint space = small.CreateSpace(1, shared: true);
            small.Poke(space, 0, Old);
            small.Machine.ReclaimAll();
            small.Machine.Context.Swap.CompleteWrites();
            small.Advise(space, 0, Advice.WillNeed);
            small.Machine.Settle();
            uint sharedObject = SharedObjectOf(small, space);
            return Scene(small, 1, () => Found(small, space) ?? small.Verify(), new Actor("S", () => small.Read(space, 0)), new Actor("P", () =>
            {
                small.Machine.PunchHole(sharedObject, 0, 1);
                small.Poke(space, 0, New);
                small.Machine.ReclaimAll();
            }));
        }

        private static Finding? Found<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space)
            where TModel : struct, Atomics.IExplored
        {
            small.Memory.NoteAllWritten();
            byte found = small.Read(space, 0);
            return found == New ? null : new Finding("G1", $"the shared page is read as {found} at the end; the last store was {New}");
        }
    }

    private static void Migrate<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space)
        where TModel : struct, Atomics.IExplored => small.Machine.Migrate(space, ExploredMachine<X64FourLevel, TModel>.At(0), 4096);
}
