using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races of reclaim, lazily freed pages and swapoff, set up.</summary>
internal static class ReclaimStages
{
    /// <summary>A lazily freed page; a device takes hold of it, writes it and lets it go.</summary>
    /// <param name="slow">Whether the device's page is taken as a fault would.</param>
    internal sealed class LazyFree(bool slow) : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = LazilyFreed<TModel>();
            small.Watch(space, 0);
            RaceScene scene = Scene(small, 4, new Actor("T", () =>
            {
                uint frame = slow ? small.TakeSlow(space, 0, ForWrite) : small.Take(space, 0, ForWrite);
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, ForWrite);
                small.Load(space, 0);
            }), new Actor("R", () => small.PageOut(space, 0)));
            scene.WeakWords = address => small.Memory.PageOf(address) >= 0; // words in RAM are entries of page tables
            return scene;
        }
    }

    /// <summary>A lazily freed page that a device holds already; it writes it and lets it go.</summary>
    internal sealed class LazyFreeHeld : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = LazilyFreed<TModel>();
            uint frame = small.Take(space, 0, ForWrite);
            small.Watch(space, 0);
            return Scene(small, 4, new Actor("R", () => small.PageOut(space, 0)), new Actor("D", () =>
            {
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, ForWrite);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A lazily freed page that somebody holds for a moment. It is free after the next reclaim, or its entry is there.</summary>
    internal sealed class LazyFreeTaken : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = LazilyFreed<TModel>();
            small.Watch(space, 0);
            return Scene(small, 4, new Actor("R", () => small.PageOut(space, 0)), new Actor("G", () =>
            {
                if (small.TryTakeFast(space, 0, GupFlags.Get, out uint frame))
                    small.Put(frame, GupFlags.Get);
            }));
        }
    }

    /// <summary>A lazily freed page that its process writes again.</summary>
    internal sealed class LazyFreeWritten : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = LazilyFreed<TModel>();
            small.Watch(space, 0);
            return Scene(small, 4, new Actor("T", () =>
            {
                small.Store(space, 0, New);
                small.Load(space, 0);
            }), new Actor("R", () =>
            {
                small.PageOut(space, 0);
                small.PageOut(space, 0);
            }));
        }
    }

    /// <summary>A page that fork shares, and that the parent lets go of lazily.</summary>
    /// <param name="clean">Whether it was just read from swap, past the cache: clean, and nowhere else.</param>
    internal sealed class LazyFreeShared(bool clean) : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 4);
            uint parent = small.CreateSpace(1);
            small.Poke(parent, 0, Old);
            if (clean)
            {
                small.PageOut(parent, 0);
                small.Read(parent, 0);
            }

            uint child = small.Machine.Fork(parent);
            small.Machine.Settle();
            small.Watch(child, 0);
            return Scene(small, 4, new Actor("P", () =>
            {
                small.Advise(parent, 0, Advice.Free);
                small.Machine.Settle();
                small.Machine.ReclaimAll();
            }), new Actor("C", () => small.Load(child, 0)));
        }
    }

    /// <summary>A page whose slot was freed when it was read: clean, and nowhere else.</summary>
    internal sealed class CleanPage : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.PageOut(space, 0);
            small.Read(space, 0);
            small.Machine.Settle();
            small.Watch(space, 0);
            return Scene(small, 2, new Actor("R", () => small.PageOut(space, 0)), new Actor("T", () => small.Load(space, 0)));
        }
    }

    /// <summary>A page is on its way to an area with stable writes, and its process stores to it.</summary>
    internal sealed class StableWrites : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(new SwapAreaOptions { Slots = 3, StableWrites = true });
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            small.Watch(space, 0);
            return Scene(small, 2, new Actor("R", () => small.PageOut(space, 0)), new Actor("T", () => small.Store(space, 0, New)));
        }
    }

    /// <summary>A page of a shared object goes to swap while the object is cut.</summary>
    internal sealed class Truncate : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1, shared: true);
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            uint sharedObject = SharedObjectOf(small, space);
            return Scene(small, 2, () => small.Verify() ?? Leaked(small), new Actor("W", () => small.Machine.ReclaimAll()),
                new Actor("TR", () => small.Machine.Truncate(sharedObject, 0)));
        }

        /// <summary>What only the swap cache holds is no leak: the next search for a slot takes it.</summary>
        private static Finding? Leaked<TModel>(ExploredMachine<X64FourLevel, TModel> small)
            where TModel : struct, Atomics.IExplored
        {
            for (ulong offset = 1; offset <= 2; offset++)
            {
                SwapSlotWord word = small.Machine.Context.Swap.Map[new SwapEntry(0, offset)];
                if (word.IsUsed && !(word.IsCached && word.Count == 0))
                    return new Finding("I1", $"slot {offset} is in use, and nothing names it");
            }

            return null;
        }
    }

    /// <summary>Swapoff; a store to a page of the area; reclaim.</summary>
    internal sealed class SwapOff : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>(synchronous: false);
            return Scene(small, 1, new Actor("SO", () => small.Machine.SwapOff(0)), new Actor("F", () => small.Store(space, 0, New)),
                new Actor("R", () => small.PageOut(space, 0)));
        }
    }

    /// <summary>Swapoff of one area; a folio that it finds there moves to a slot of another area, where its content has not arrived.</summary>
    internal sealed class WrongArea : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var area = new SwapAreaOptions { Slots = 3 };
            var small = new ExploredMachine<X64FourLevel, TModel>(area, areas: 2);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.ReclaimAll();
            small.Read(space, 0);
            small.SwapOn(area);
            small.Machine.Settle();
            small.Watch(space, 0);
            return Scene(small, 2, new Actor("SO", () => small.Machine.SwapOff(0)), new Actor("F", () =>
            {
                small.Advise(space, 0, Advice.Free);
                small.Store(space, 0, New);
                small.PageOut(space, 0); // finds that it was written
                small.PageOut(space, 0);
            }));
        }
    }

    private static (ExploredMachine<X64FourLevel, TModel> Small, uint Space) LazilyFreed<TModel>()
        where TModel : struct, Atomics.IExplored
    {
        var small = new ExploredMachine<X64FourLevel, TModel>(slots: 4);
        uint space = small.CreateSpace(1);
        small.Poke(space, 0, 0); // zero, so that it does not matter whether the page is dropped before somebody writes it again
        small.Advise(space, 0, Advice.Free);
        small.Machine.Settle(); // the advice waits in a batch of the processor's until then
        return (small, space);
    }
}
