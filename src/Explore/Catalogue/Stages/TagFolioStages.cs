using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>What goes wrong with the tags of pages of large folios, set up.</summary>
internal static class TagFolioStages
{
    private const int Order = 2;
    private const int Pages = 1 << Order;

    /// <summary>
    /// A huge page moves to another block, because one of its pages is asked to (move_pages). On arm64, where its entry is replaced as a whole: on
    /// sparc64 every word at that level counts as present, so huge pages are split there before they move.
    /// </summary>
    internal sealed class HugeMigration : IRaceStage
    {
        private const int HugePage = 512;
        private const int Other = 300;

        public RaceScene SetUp<TModel>()
            where TModel : struct, Atomics.IExplored => SetUp<MteFrameSlot, TModel>();

        public RaceScene SetUp<TTags, TModel>()
            where TTags : struct, IPageTagProvider
            where TModel : struct, Atomics.IExplored
        {
            var small = new ExploredMachine<Arm64FourLevel<TTags>, TModel>(slots: 4, frames: 5 * HugePage);
            var machine = new TaggedMachine<Arm64FourLevel<TTags>, MteFormat, TModel>(small, HugePage, 0, shared: false, order: 9);
            machine.Fill(0);
            machine.Fill(Other);
            machine.Settle();
            ulong start = ExploredMachine<Arm64FourLevel<TTags>, TModel>.At(0);
            if (!small.Machine.Context.Huge.IsMapped(small.Machine.Context.Spaces[machine.Space].Root, start))
                throw new InvalidOperationException("There is no huge page.");
            return TagStage.Scene(
                machine, () => machine.Judge(0, Other), new Actor("M", () => small.Machine.Migrate(machine.Space, start, 4096)),
                new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>A folio of four pages is split, because one of them goes to swap alone; a thread may hold another one for a moment.</summary>
    internal sealed class Split : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Folio<TTags, TModel>();
            return Scene(
                machine, () => machine.Judge(0, 1, 2, 3), new Actor("S", () => machine.Small.PageOut(machine.Space, 3)),
                new Actor("G", () =>
                {
                    if (machine.Small.TryTakeFast(machine.Space, 1, GupFlags.Get, out uint frame))
                        machine.Small.Put(frame, GupFlags.Get);
                }));
        }
    }

    /// <summary>As <see cref="Split"/>, where the data of one page is all zero, and its tags are not.</summary>
    internal sealed class SplitWithZeros : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Folio<TTags, TModel>();
            machine.Write(1, 0);
            return Scene(
                machine, () => machine.Seen(machine.Space, 1, value: 0) ?? machine.Judge(0, 2, 3),
                new Actor("S", () => machine.Small.PageOut(machine.Space, 3)));
        }
    }

    private static TaggedMachine<TTags, TModel> Folio<TTags, TModel>()
        where TTags : struct, IPageTagProvider
        where TModel : struct, Atomics.IExplored
    {
        var machine = new TaggedMachine<TTags, TModel>(Pages, filled: Pages, order: Order);
        machine.Settle();
        uint frame = machine.Small.Machine.PageMap.Look(machine.Space, ExploredMachine<Sun4vM7<TTags>, TModel>.At(1)).Frame;
        if (machine.Small.Machine.Context.Frames.OrderOf(frame) != Order)
            throw new InvalidOperationException("There is no large folio.");
        return machine;
    }
}
