using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races about areas and counts of slots, set up.</summary>
internal static class SwapCountStages
{
    private const byte Shared = 1;

    /// <summary>A page comes back from one area, and its neighbour is read ahead from another one that is being removed.</summary>
    internal sealed class Neighbour : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var area = new SwapAreaOptions { Slots = 2 };
            var small = new ExploredMachine<X64FourLevel, TModel>(area, areas: 2);
            small.SwapOn(area);
            uint space = small.CreateSpace(2);
            for (int page = 0; page < 2; page++)
            {
                small.Poke(space, page, Old);
                small.PageOut(space, page); // one to each area
            }

            small.Machine.Context.Swap.CompleteWrites();
            small.Machine.ReclaimAll();
            small.Machine.Settle();
            small.Watch(space, 0);
            small.Watch(space, 1);
            return Scene(small, 1, new Actor("F", () => small.Load(space, 0)), new Actor("SO", () => small.Machine.SwapOff(1)));
        }
    }

    /// <summary>Two pages, whose counts are kept elsewhere when they are larger than two, are shared by more forks.</summary>
    internal sealed class TwoForks : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint parent, uint child) = Forked<TModel>(pages: 2);
            return Scene(small, 2, new Actor("F1", () => small.Machine.Exit(small.Machine.Fork(parent))), new Actor("F2", () =>
                small.Machine.Fork(child)));
        }
    }

    /// <summary>A fork brings the count over its limit while another process drops its reference.</summary>
    internal sealed class ForkAndDrop : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint parent, uint child) = Forked<TModel>(pages: 1);
            return Scene(small, 2, new Actor("D", () => small.Machine.Fork(parent)), new Actor("P", () =>
            {
                small.Advise(child, 0, Advice.DontNeed);
                small.Load(parent, 0);
            }));
        }
    }

    /// <summary>A machine whose pages are in swap, each slot named by two processes.</summary>
    private static (ExploredMachine<X64FourLevel, TModel> Small, uint Parent, uint Child) Forked<TModel>(int pages)
        where TModel : struct, Atomics.IExplored
    {
        var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
        uint parent = small.CreateSpace(pages);
        for (int page = 0; page < pages; page++)
            small.Poke(parent, page, Shared);
        small.Machine.ReclaimAll();
        uint child = small.Machine.Fork(parent);
        small.Machine.Settle();
        small.Watch(parent, 0);
        return (small, parent, child);
    }
}
