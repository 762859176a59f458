using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Pages that somebody wants in memory together, while others come across them, set up.</summary>
internal static class PopulateStages
{
    /// <summary>A page comes in while it is stored to and loaded.</summary>
    internal sealed class Stored : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>(slots: 2);
            return Scene(small, 2, new Actor("P", () => Populate(small, space)), new Actor("T", () =>
            {
                small.Store(space, 0, New);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A device takes a page without locks, while it comes in.</summary>
    internal sealed class Taken : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>(slots: 2);
            return Scene(small, 2, new Actor("P", () => Populate(small, space)), new Actor("D", () =>
            {
                if (!small.TryTakeFast(space, 0, ForWrite, out uint frame))
                    return; // not there yet
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, ForWrite);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A page that is about to come in comes in meanwhile, and goes out to the same slot with other content.</summary>
    internal sealed class SameSlot : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>(slots: 2);
            return Scene(small, 2, new Actor("P", () =>
            {
                Populate(small, space);
                small.Load(space, 0);
            }), new Actor("R", () =>
            {
                small.Load(space, 0);
                small.PageOut(space, 0); // to the other slot
                small.Store(space, 0, New);
                small.PageOut(space, 0); // and to the first one again
            }));
        }
    }

    /// <summary>A page that is about to come in comes in meanwhile, and another one goes out to its slot.</summary>
    internal sealed class OtherPage : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(2);
            small.Poke(space, 0, Old);
            small.Machine.ReclaimAll();
            small.Poke(space, 1, Other);
            small.Machine.Settle();
            small.Watch(space, 0);
            small.Watch(space, 1);
            return Scene(small, 2, new Actor("P", () =>
            {
                Populate(small, space);
                small.Load(space, 0);
            }), new Actor("R", () =>
            {
                small.Load(space, 0);
                small.PageOut(space, 1); // to the slot that was free
                small.Load(space, 1);
                small.PageOut(space, 1); // to that of the first page
            }));
        }
    }

    /// <summary>Somebody brings the page's slot into the swap cache while the page comes in.</summary>
    internal sealed class ReadAhead : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>(slots: 2);
            return Scene(small, 2, new Actor("P", () => Populate(small, space)), new Actor("W", () =>
            {
                small.Advise(space, 0, Advice.WillNeed);
                small.Store(space, 0, New);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>Two pages come in while they are dropped.</summary>
    internal sealed class Dropped : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 4);
            uint space = small.CreateSpace(2);
            small.Poke(space, 0, Old);
            small.Poke(space, 1, Old);
            small.Machine.ReclaimAll();
            small.Machine.Settle();
            return Scene(small, 4, new Actor("P", () => Populate(small, space, pages: 2)), new Actor("Z", () =>
            {
                small.Advise(space, 0, Advice.DontNeed, pages: 2);
                small.Machine.Context.Folios.Lru.Drain();
            }));
        }
    }

    /// <summary>A page comes in while the area is removed.</summary>
    internal sealed class DuringSwapOff : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>(slots: 2);
            return Scene(small, 2, new Actor("SO", () => small.Machine.SwapOff(0)), new Actor("P", () =>
            {
                Populate(small, space);
                small.Load(space, 0);
            }));
        }
    }

    private static void Populate<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space, int pages = 1)
        where TModel : struct, IExplored => small.Advise(space, 0, Advice.PopulateWrite, pages);
}
