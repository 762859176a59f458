using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races about folios of more than one page, set up: four pages where that will do, so that an execution stays short.</summary>
internal static class LargeFolioStages
{
    private const int Order = 2;
    private const int Pages = 1 << Order;

    /// <summary>A lazily freed folio of four pages; a device takes hold of one, writes it and lets it go.</summary>
    internal sealed class LazyFree : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = Folio<TModel>(slots: 4, value: 0); // zero: dropped or not, it is read as that
            small.Advise(space, 0, Advice.Free, Pages);
            small.Machine.Settle();
            small.Watch(space, 1);
            return Scene(small, 4, new Actor("T", () =>
            {
                uint frame = small.Take(space, 1, ForWrite);
                small.DeviceWrite(space, 1, frame, New);
                small.Put(frame, ForWrite);
                small.Load(space, 1);
            }), new Actor("R", () => small.Advise(space, 0, Advice.PageOut, Pages)));
        }
    }

    /// <summary>As <see cref="LazyFree"/>, where only the first page is exclusive and writable; somebody holds another one.</summary>
    internal sealed class LazyFreeMixed : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = Folio<TModel>(slots: 4, value: 0);
            small.Machine.Exit(small.Machine.Fork(space)); // all read-only, none exclusive
            small.Poke(space, 0, 0); // this one is again
            small.Advise(space, 0, Advice.Free, Pages);
            small.Machine.Settle();
            for (int page = 0; page < Pages; page++)
                small.Watch(space, page);
            return Scene(small, 4, new Actor("G", () =>
            {
                if (small.TryTakeFast(space, 2, GupFlags.Get, out uint frame))
                    small.Put(frame, GupFlags.Get);
            }), new Actor("R", () => small.Advise(space, 0, Advice.PageOut, Pages)), new Actor("T", () => small.Store(space, 1, New)));
        }
    }

    /// <summary>Four entries name the slots of a folio that went to a synchronous area as a whole: a reader, a writer, reclaim.</summary>
    /// <param name="single">
    /// Whether the writer brings in one page alone, because large folios were switched off, and reclaim sends that out: its slot is the next one
    /// because the first cluster is full.
    /// </param>
    internal sealed class Direct(bool single) : Stage
    {
        private const uint FirstSlot = 512; // of the second cluster: the first has the area's header, and so is none for large folios

        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = Folio<TModel>((2 * FirstSlot) - 1, value: Old);
            small.Advise(space, 0, Advice.PageOut, Pages);
            if (single)
                Fill(small);
            small.Machine.Settle();
            small.Watch(space, 0);
            small.Watch(space, 2);
            return Scene(small, (FirstSlot, Pages), small.Verify, null, new Actor("T0", () => small.Load(space, 0)),
                new Actor("T1", () =>
                {
                    if (single)
                        small.Machine.FolioOrders.Set(Order, FolioOrderPolicy.Never);
                    small.Store(space, 2, New);
                }), new Actor("R", () => small.Advise(space, single ? 2 : 0, Advice.PageOut, single ? 1 : Pages)));
        }

        /// <summary>Another process has the first cluster's slots.</summary>
        private static void Fill<TModel>(ExploredMachine<X64FourLevel, TModel> small)
            where TModel : struct, Atomics.IExplored
        {
            const int Others = (int)FirstSlot - 1;
            uint other = small.CreateSpace(Others);
            for (int page = 0; page < Others; page++)
            {
                small.Poke(other, page, Old);
                small.PageOut(other, page);
            }
        }
    }

    /// <summary>A page of a folio is taken without locks while the folio is split.</summary>
    internal sealed class TakenDuringSplit : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = Folio<TModel>(slots: 2, value: Old);
            small.Watch(space, 0);
            small.Watch(space, 1);
            return Scene(small, 2, new Actor("G", () =>
            {
                if (!small.TryTakeFast(space, 1, ForWrite, out uint frame))
                    return;
                small.DeviceWrite(space, 1, frame, New);
                small.Put(frame, ForWrite);
            }), new Actor("S", () => small.Advise(space, 2, Advice.Free))); // a part of the folio: it is split
        }
    }

    /// <summary>A page is taken without locks while its range is collapsed into a huge page.</summary>
    internal sealed class TakenDuringCollapse : Stage
    {
        private const int HugePage = 512;

        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2, frames: 4 * HugePage);
            uint space = small.CreateSpace(HugePage);
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            small.Watch(space, 0);
            var taken = new Mailbox<TModel>();
            return Scene(small, 2, small.Verify, taken.Clear, new Actor("G", () =>
                taken.Send(small.TryTakeFast(space, 0, PinForWrite, out uint frame) ? frame : 0)), new Actor("K", () =>
                small.Advise(space, 0, Advice.Collapse, HugePage)), new Actor("D", () =>
            {
                uint frame = taken.Receive();
                if (frame == 0)
                    return; // the slow way waits for the mmap_lock
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, PinForWrite);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A folio of which only the first page is exclusive is made read-only and writable again while it is stored to and forked.</summary>
    internal sealed class ProtectMixed : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = Folio<TModel>(slots: 2, value: Old);
            small.Machine.Exit(small.Machine.Fork(space));
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            for (int page = 0; page < Pages; page++)
                small.Watch(space, page);
            return Scene(small, 2, new Actor("P", () =>
            {
                Protect(small, space, AccessRights.Read);
                Protect(small, space, AccessRights.Read | AccessRights.Write);
            }), new Actor("F", () => small.Machine.Fork(space)));
        }

        private static void Protect<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space, AccessRights rights)
            where TModel : struct, Atomics.IExplored
        {
            var faults = new FaultCounters();
            small.Machine.Protect(space, ExploredMachine<X64FourLevel, TModel>.At(0), Pages << 12, rights, ref faults);
        }
    }

    /// <summary>A folio goes to an area that takes no folio as a whole, so it is split and its pages get slots one by one; a thread stores.</summary>
    internal sealed class SplitForSwap : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = Folio<TModel>(slots: 5, value: Old, synchronous: false);
            small.Watch(space, 0);
            small.Watch(space, 3);
            return Scene(small, 5, new Actor("S", () =>
            {
                small.Advise(space, 0, Advice.PageOut, Pages);
                small.Machine.Context.Swap.CompleteWrites();
                small.Advise(space, 0, Advice.PageOut, Pages);
            }), new Actor("T", () =>
            {
                small.Store(space, 3, New); // gives the slot of its page back
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A machine whose process has one folio of four pages.</summary>
    private static (ExploredMachine<X64FourLevel, TModel> Small, uint Space) Folio<TModel>(uint slots, byte value, bool synchronous = true)
        where TModel : struct, Atomics.IExplored
    {
        var small = new ExploredMachine<X64FourLevel, TModel>(slots, synchronous, frames: 48);
        small.Machine.FolioOrders.Set(Order, FolioOrderPolicy.Always);
        uint space = small.CreateSpace(Pages);
        for (int page = 0; page < Pages; page++)
            small.Poke(space, page, value);
        small.Machine.Settle();
        uint frame = small.Machine.PageMap.Look(space, ExploredMachine<X64FourLevel, TModel>.At(1)).Frame;
        if (small.Machine.Context.Frames.OrderOf(frame) != Order)
            throw new InvalidOperationException("There is no large folio.");
        return (small, space);
    }
}
