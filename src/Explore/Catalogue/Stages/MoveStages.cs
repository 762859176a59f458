using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Userfaults;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races of userfaultfd's move of a page in swap, set up: an area with one slot left, whose writes complete later.</summary>
internal static class MoveStages
{
    private const int Source = 0;
    private const int Stranger = 1;
    private const int Target = 2;
    private const int Filler = 3;
    private const byte Value = 1;

    /// <summary>The page comes in, goes out to the same slot, and its folio is still in the cache.</summary>
    internal sealed class ComesAndGoes : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SourceInSwap<TModel>();
            return Scene(small, 2, () => AtTarget(small, space), new Actor("V", () => Move(small, space)), new Actor("T", () =>
            {
                Touch(small, space, Source);
                small.PageOut(space, Source);
                small.Machine.Context.Swap.CompleteWrites();
            }));
        }
    }

    /// <summary>Meanwhile another page has the slot.</summary>
    internal sealed class Changes : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = SourceInSwap<TModel>();
            small.Watch(space, Stranger);
            return Scene(small, 2, () => AtTarget(small, space), new Actor("V", () => Move(small, space)), new Actor("T1", () =>
            {
                Touch(small, space, Source);
                small.PageOut(space, Stranger);
                small.Machine.Context.Swap.CompleteWrites();
            }), new Actor("T2", () =>
            {
                small.Store(space, Stranger, New);
                small.PageOut(space, Source);
            }));
        }
    }

    private static (ExploredMachine<X64FourLevel, TModel> Small, uint Space) SourceInSwap<TModel>()
        where TModel : struct, Atomics.IExplored
    {
        var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2, synchronous: false);
        uint space = small.CreateSpace(Filler + 1);
        ulong start = ExploredMachine<X64FourLevel, TModel>.At(0);
        small.Poke(space, Source, Value);
        small.Machine.ReclaimAll(); // also from the cache, because there is a free slot
        small.Poke(space, Filler, Value);
        small.PageOut(space, Filler); // from now on there is none
        small.Machine.Context.Swap.CompleteWrites();
        small.Poke(space, Stranger, Value);
        small.Machine.Userfaultfd.Open(space, UserfaultFeatures.None);
        small.Machine.Userfaultfd.Register(space, start, start + ((Filler + 1) << 12), UserfaultModes.Missing);
        small.Machine.Settle();
        small.Watch(space, Source);
        return (small, space);
    }

    private static void Move<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space)
        where TModel : struct, Atomics.IExplored =>
        small.Machine.Userfaultfd.Move(
            space, ExploredMachine<X64FourLevel, TModel>.At(Target), ExploredMachine<X64FourLevel, TModel>.At(Source), 4096,
            UserfaultMoveFlags.None, out _);

    /// <summary>A load that is refused when the page has moved.</summary>
    private static void Touch<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space, int page)
        where TModel : struct, Atomics.IExplored
    {
        Span<byte> loaded = stackalloc byte[1];
        var faults = new FaultCounters();
        small.Machine.Read(space, ExploredMachine<X64FourLevel, TModel>.At(page), loaded, ref faults);
    }

    /// <summary>What the page holds where it is now, and whether the reverse map finds it there.</summary>
    private static Finding? AtTarget<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space)
        where TModel : struct, Atomics.IExplored
    {
        small.Memory.NoteAllWritten();
        Touch(small, space, Source);
        Touch(small, space, Target);
        return small.Verify();
    }
}
