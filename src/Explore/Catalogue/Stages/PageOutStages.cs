using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Pages that go to swap while others come across them, set up.</summary>
internal static class PageOutStages
{
    /// <summary>A page goes out while it is stored to and loaded.</summary>
    internal sealed class Stored : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            return Scene(small, 2, new Actor("R", () => small.PageOut(space, 0)), new Actor("T", () =>
            {
                small.Store(space, 0, New);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A device takes a page without locks, for reading its content alone, while it goes out and comes back.</summary>
    internal sealed class Taken : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            return Scene(small, 2, new Actor("R", () =>
            {
                small.PageOut(space, 0);
                small.Load(space, 0);
            }), new Actor("D", () =>
            {
                if (!small.TryTakeFast(space, 0, ForWrite, out uint frame))
                    return; // the slow way waits
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, ForWrite);
            }));
        }
    }

    /// <summary>A page that a thread is about to bring back comes back meanwhile, and goes out to the same slot with other content.</summary>
    internal sealed class SameSlot : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>(slots: 2);
            return Scene(small, 2, new Actor("T", () => small.Load(space, 0)), new Actor("R", () =>
            {
                small.Load(space, 0);
                small.PageOut(space, 0); // to the other slot
                small.Store(space, 0, New);
                small.PageOut(space, 0); // and to the first one again
            }));
        }
    }

    /// <summary>Two pages go out while a scan has folios in hand, and puts them back.</summary>
    internal sealed class Scanned : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 4);
            uint space = small.CreateSpace(2);
            small.Poke(space, 0, Old);
            small.Poke(space, 1, Old);
            small.Machine.Settle();
            small.Watch(space, 0);
            small.Watch(space, 1);
            Folios<TModel> folios = small.Machine.Context.Folios;
            LruKind list = folios.Lru.Pages(LruKind.ActiveAnon) != 0 ? LruKind.ActiveAnon : LruKind.InactiveAnon;
            return Scene(small, 4, new Actor("R", () => small.Advise(space, 0, Advice.PageOut, pages: 2)), new Actor("L", () =>
            {
                Span<uint> isolated = stackalloc uint[2];
                int count = folios.Lru.Isolate(list, 2, group: 0, isolated);
                foreach (uint frame in isolated[..count])
                {
                    folios.Lru.PutBack(frame);
                    folios.Put(frame);
                }
            }));
        }
    }

    /// <summary>A page goes out while the area is removed.</summary>
    internal sealed class DuringSwapOff : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            return Scene(small, 2, new Actor("SO", () => small.Machine.SwapOff(0)), new Actor("R", () => small.PageOut(space, 0)));
        }
    }
}
