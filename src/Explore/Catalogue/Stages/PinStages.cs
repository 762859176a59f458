using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races of those who hold pages for a device or another process, set up.</summary>
internal static class PinStages
{
    /// <summary>A device reads into a page (O_DIRECT) while its process stores beside; reclaim comes by.</summary>
    /// <param name="flags">How the device holds the page.</param>
    /// <param name="readsFirst">Whether the process loads before it stores.</param>
    internal sealed class DeviceRead(GupFlags flags, bool readsFirst) : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            return Scene(small, 2, new Actor("T", () =>
            {
                uint frame = small.Take(space, 0, flags);
                if (readsFirst)
                    small.Load(space, 0);
                small.StoreBeside(space, 0, Other);
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, flags);
                small.Load(space, 0);
            }), new Actor("R", () => small.PageOut(space, 0)));
        }
    }

    /// <summary>The page that a device reads into is in swap already; two threads bring it back.</summary>
    internal sealed class TwoRefault : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            uint frame = small.Take(space, 0, ForWrite);
            small.PageOut(space, 0);
            small.Watch(space, 0);
            return Scene(small, 2, new Actor("T", () =>
            {
                small.StoreBeside(space, 0, Other);
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, ForWrite);
                small.Load(space, 0);
            }), new Actor("U", () => small.Load(space, 0)));
        }
    }

    /// <summary>A device takes a page without locks while its process forks; both write it.</summary>
    internal sealed class PinDuringFork : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            return Scene(small, 2, new Actor("F", () => small.Machine.Fork(space)), new Actor("G", () =>
            {
                if (!small.TryTakeFast(space, 0, PinForWrite, out uint frame))
                    return; // the slow way waits for fork
                small.StoreBeside(space, 0, Other);
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, PinForWrite);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A page is pinned; its process forks and stores, the device writes.</summary>
    internal sealed class PinnedBeforeFork : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            uint frame = small.Take(space, 0, PinForWrite);
            small.Watch(space, 0);
            return Scene(small, 2, new Actor("F", () =>
            {
                small.Machine.Fork(space);
                small.StoreBeside(space, 0, Other);
            }), new Actor("D", () =>
            {
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, PinForWrite);
            }));
        }
    }

    /// <summary>A child has got a page it shared into a pipe and unmapped it; the parent stores, and the pipe is read.</summary>
    internal sealed class Pipe : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint parent = small.CreateSpace(1);
            small.Poke(parent, 0, Old);
            uint child = small.Machine.Fork(parent);
            uint frame = small.TakeSlow(child, 0, GupFlags.Get);
            small.Machine.Unmap(child, ExploredMachine<X64FourLevel, TModel>.At(0), 4096);
            small.Machine.Settle();
            small.Watch(parent, 0);
            return Scene(small, 2, new Actor("P", () => small.Store(parent, 0, New)), new Actor("C", () =>
            {
                byte found = small.DeviceRead(frame);
                small.Put(frame, GupFlags.Get);
                Require(found == Old, $"the pipe holds {found}, and what the child put there was {Old}");
            }));
        }
    }

    /// <summary>A process pins a page that it shares, to read it, and stores to it.</summary>
    internal sealed class ReadOnlyPin : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint parent = small.CreateSpace(1);
            small.Poke(parent, 0, Old);
            small.Machine.Fork(parent);
            small.Machine.Settle();
            small.Watch(parent, 0);
            return Scene(small, 2, new Actor("T", () =>
            {
                uint frame = small.Take(parent, 0, GupFlags.Pin);
                small.Store(parent, 0, New);
                byte found = small.DeviceRead(frame);
                small.Put(frame, GupFlags.Pin);
                Require(found == New, $"the device reads {found}, and the process stored {New}");
            }), new Actor("R", () => small.PageOut(parent, 0)));
        }
    }

    /// <summary>The frame of a page goes to another page while it is taken without locks.</summary>
    internal sealed class Replaced : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(2);
            small.Poke(space, 0, Old);
            small.Machine.Settle(); // so that its frame can be handed out again at once
            small.Watch(space, 1);
            return Scene(small, 2, new Actor("G", () =>
            {
                if (!small.TryTakeFast(space, 0, ForWrite, out uint frame))
                    return;
                byte found = small.DeviceRead(frame);
                small.Put(frame, ForWrite);
                Require(found != Other, $"frame {frame} was taken for page 0 and belongs to page 1");
            }), new Actor("Z", () =>
            {
                small.Advise(space, 0, Advice.DontNeed);
                small.Store(space, 1, Other);
            }));
        }
    }

    /// <summary>Two equal pages are merged while a device takes hold of one of them without locks; later it writes.</summary>
    internal sealed class HeldDuringMerge : Stage
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
            var taken = new Mailbox<TModel>();
            return Scene(small, 2, small.Verify, taken.Clear, new Actor("K", () => small.Machine.Ksm.Scan(1)), new Actor("G", () =>
                taken.Send(small.TryTakeFast(space, 0, ForWrite, out uint frame) ? frame : 0)), new Actor("D", () =>
            {
                uint frame = taken.Receive();
                if (frame == 0)
                    return; // not writable any more: the slow way breaks the sharing
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, ForWrite);
                small.Load(space, 0);
            }));
        }
    }
}
