using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races of swap-in, set up.</summary>
internal static class SwapInStages
{
    /// <summary>One entry names the only slot of a synchronous area: a reader, a writer, reclaim.</summary>
    internal sealed class Direct : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>();
            return Scene(small, 1, new Actor("T0", () => small.Load(space, 0)), new Actor("T1", () => small.Store(space, 0, New)),
                new Actor("R", () => small.PageOut(space, 0)));
        }
    }

    /// <summary>As <see cref="Direct"/>, but nobody stores: the device forgets what is in a slot that is freed.</summary>
    internal sealed class Forgotten : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>();
            return Scene(small, 1, new Actor("T0", () => small.Load(space, 0)), new Actor("T1", () => small.Load(space, 0)),
                new Actor("R", () => small.PageOut(space, 0)));
        }
    }

    /// <summary>As <see cref="Direct"/>, without reclaim: two readers.</summary>
    internal sealed class TwoReaders : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SwappedOut<TModel>();
            return Scene(small, 1, new Actor("W", () => small.Load(space, 0)), new Actor("H", () => small.Load(space, 0)));
        }
    }

    /// <summary>A page of a shared object is in the only slot of a synchronous area.</summary>
    internal sealed class Shared : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 1);
            uint space = small.CreateSpace(1, shared: true);
            small.Poke(space, 0, Old);
            small.Machine.ReclaimAll();
            small.Machine.Settle();
            small.Watch(space, 0, Old);
            return Scene(small, 1, () => LoadOnceMore(small, space), new Actor("S0", () => small.Load(space, 0)),
                new Actor("S1", () => small.Store(space, 0, New)), new Actor("R", () => small.Machine.ReclaimAll()));
        }

        /// <summary>No entry tells what the page holds when the object has it in swap.</summary>
        private static Finding? LoadOnceMore<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space)
            where TModel : struct, IExplored
        {
            small.Memory.NoteAllWritten();
            byte found = small.Read(space, 0);
            byte ghost = small.Pages.Ghost(space, ExploredMachine<X64FourLevel, TModel>.At(0));
            return found == ghost ? small.Verify() : new Finding("G1", $"the shared page is read as {found} at the end; the last store was {ghost}");
        }
    }

    /// <summary>A page in the only slot is charged to a group; its process joins another one, and puts another page there.</summary>
    internal sealed class OtherGroup : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 1);
            uint first = small.Machine.MemoryGroups.TryCreate();
            uint second = small.Machine.MemoryGroups.TryCreate();
            uint space = small.CreateSpace(1);
            small.Machine.MemoryGroups.Join(space, first);
            small.Poke(space, 0, Old);
            small.PageOut(space, 0);
            small.Machine.Settle();
            return Scene(small, 1, () => Charged(small, space, second) ?? small.Verify(), new Actor("T", () => small.Read(space, 0)),
                new Actor("J", () =>
                {
                    small.Machine.MemoryGroups.Join(space, second);
                    small.Advise(space, 0, Advice.DontNeed);
                    small.Poke(space, 0, New);
                    small.PageOut(space, 0);
                }));
        }

        /// <summary>What is there at the end was stored after the process had joined its second group.</summary>
        private static Finding? Charged<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space, uint second)
            where TModel : struct, IExplored
        {
            small.Memory.NoteAllWritten();
            small.Read(space, 0);
            (ulong pages, ulong slots) = small.Machine.MemoryGroups.Usage(second);
            return pages + slots == 1 ? null : new Finding("GROUP", $"the group of the only page is charged {pages} pages and {slots} slots");
        }
    }

    /// <summary>Parent and child share a folio that is in the swap cache; the area has one slot.</summary>
    internal sealed class LeftCache : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 1);
            uint parent = small.CreateSpace(1);
            small.Poke(parent, 0, Old);
            uint child = small.Machine.Fork(parent);
            small.Machine.ReclaimAll();
            small.Advise(parent, 0, Advice.WillNeed);
            small.Machine.Settle();
            small.Watch(parent, 0);
            small.Watch(child, 0);
            return Scene(small, 1, new Actor("F1", () => small.Load(parent, 0)), new Actor("F2", () => small.Store(parent, 0, New)),
                new Actor("Q", () => small.Store(child, 0, Other)), new Actor("R", () => small.PageOut(parent, 0)));
        }
    }

    /// <summary>As <see cref="LeftCache"/> with more slots: the folio can come back into the cache under another one.</summary>
    internal sealed class OtherSlot : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 3);
            uint parent = small.CreateSpace(2);
            small.Poke(parent, 1, Old);
            small.PageOut(parent, 1); // one of three slots: with two, swap is more than half full
            small.Poke(parent, 0, Old);
            uint child = small.Machine.Fork(parent);
            small.Machine.ReclaimAll();
            small.Advise(parent, 0, Advice.WillNeed);
            small.Machine.Settle();
            small.Watch(parent, 0);
            small.Watch(child, 0);
            return Scene(small, 3, new Actor("F1", () => small.Load(parent, 0)), new Actor("Q", () => small.Load(child, 0)),
                new Actor("F2", () => small.Store(parent, 0, New)), new Actor("R", () =>
                {
                    small.PageOut(parent, 0);
                    small.PageOut(child, 0);
                }));
        }
    }

    /// <summary>Two pages were merged by KSM and swapped out; the slot of the merged page is the next one to be handed out again.</summary>
    internal sealed class Merged : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 4, synchronous: true, frames: 48);
            uint space = small.CreateSpace(5);
            small.Advise(space, 0, Advice.Mergeable, pages: 2);
            small.Poke(space, 0, Old);
            small.Poke(space, 1, Old);
            small.Machine.Ksm.Scan(2);
            small.Machine.ReclaimAll();

            // Swap is more than half full and the last slot is the free one: the next search starts at the first slot, that of the merged page.
            for (int filler = 2; filler < 5; filler++)
            {
                small.Poke(space, filler, Old);
                small.PageOut(space, filler);
            }

            small.Read(space, 4);

            // The page whose frame was merged into has kept its soft-dirty mark, so its entry can come again; the other one brings the folio in.
            int page = small.Pages.IsSoftDirty(space, ExploredMachine<X64FourLevel, TModel>.At(0)) ? 0 : 1;
            small.Read(space, 1 - page);
            small.Machine.Settle();
            small.Watch(space, page);
            small.Watch(space, 1 - page);
            return Scene(small, 4, new Actor("F1", () => small.Load(space, page)), new Actor("F2", () => small.Store(space, page, New)),
                new Actor("R", () => small.PageOut(space, page)));
        }
    }

    /// <summary>A page is in swap while its process forks; the child stores, the parent loads.</summary>
    internal sealed class AfterFork : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint parent) = SwappedOut<TModel>();
            return Scene(small, 1, new Actor("F", () =>
            {
                uint child = small.Machine.Fork(parent);
                small.Poke(child, 0, New);
            }), new Actor("P", () => small.Load(parent, 0)));
        }
    }
}
