using PageTableEmu.Arch.Sparc;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>What goes wrong with tags that a slot keeps, and more ways in which entries of pages in swap change, set up.</summary>
internal static class TagSlotStages
{
    private const uint Older = 3;

    /// <summary>A page is in the swap cache and mapped, its tags are newer than what its slot keeps; it is unmapped again, and touched.</summary>
    /// <param name="held">Whether a device holds it, so that it is not written.</param>
    internal sealed class NewerFrame(bool held) : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            var machine = new TaggedMachine<TTags, TModel>(pages: 1, filled: 1, synchronous: false);
            machine.Set(0, Older);
            machine.Small.Machine.ReclaimAll();
            machine.Read(0, Older);
            machine.Set(0, TaggedMachine<TTags, TModel>.Tag);
            machine.Settle();
            if (held)
                machine.Small.Take(machine.Space, 0, GupFlags.Get);
            return Scene(
                machine, () => machine.Seen(machine.Space, 0) ?? (held ? null : machine.Judge()),
                new Actor("R", () => machine.Small.PageOut(machine.Space, 0)), new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>Two processes name the slot of a tagged page; one brings it in and stores, then the other one comes.</summary>
    internal sealed class TwoProcesses : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            var machine = new TaggedMachine<TTags, TModel>(pages: 1, filled: 1, synchronous: false);
            machine.Small.Machine.ReclaimAll();
            uint child = machine.Small.Machine.Fork(machine.Space);
            machine.Settle();
            return Scene(
                machine, () => machine.Judge(0), new Actor("C", () => machine.Load(child, 0)), new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>A tagged page in swap is read ahead, becomes dirty without being mapped, is written out again and dropped.</summary>
    internal sealed class ReadAheadAndWritten : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            var machine = new TaggedMachine<TTags, TModel>(pages: 1, filled: 1, synchronous: false);
            machine.Small.Machine.ReclaimAll();
            machine.Settle();
            machine.Small.Advise(machine.Space, 0, Advice.WillNeed);
            machine.Small.Machine.Settle();
            MmContext<Sun4vM7<TTags>, TModel> mm = machine.Small.Machine.Context;
            uint frame = mm.Swap.Lookup(new SwapEntry(0, 1));
            mm.Frames.Set(frame, FrameFlags.Dirty); // as a load from zswap does
            mm.Folios.Put(frame);
            return Scene(
                machine, () => machine.Judge(0), new Actor("R", machine.Small.Machine.ReclaimAll),
                new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>A tagged page moves to another frame while a device pins it without locks.</summary>
    internal sealed class PinDuringMigration : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            const GupFlags Flags = GupFlags.Pin | GupFlags.Write;
            return Scene(
                machine, () => machine.Judge(0), new Actor("M", () =>
                    machine.Small.Machine.Migrate(machine.Space, ExploredMachine<Sun4vM7<TTags>, TModel>.At(0), Page)),
                new Actor("G", () =>
                {
                    if (machine.Small.TryTakeFast(machine.Space, 0, Flags, out uint frame))
                        machine.Small.Put(frame, Flags);
                }));
        }
    }

    /// <summary>Entries of neighbouring tagged pages in swap are dropped at once.</summary>
    /// <param name="advice">How.</param>
    internal sealed class ZapMany(Advice advice) : TagStage
    {
        private const int Pages = 3;

        public override RaceScene SetUp<TTags, TModel>()
        {
            var machine = new TaggedMachine<TTags, TModel>(Pages, filled: Pages);
            machine.Small.Machine.ReclaimAll();
            machine.Settle();
            return Scene(
                machine, () => machine.Judge(), new Actor("Z", () => machine.Small.Advise(machine.Space, 0, advice, Pages)));
        }
    }

    /// <summary>After a tagged page in swap was dropped, another one at its address goes out unchecked and comes back checked.</summary>
    internal sealed class ZapAndReuse : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            var machine = new TaggedMachine<TTags, TModel>(pages: 2, filled: 2);
            machine.Small.PageOut(machine.Space, 1);
            machine.Settle();
            return Scene(
                machine, () => machine.Get(1) is 0 ? machine.Judge() : new Finding("G2", "a page that nobody tagged has the tags of an earlier one"),
                new Actor("Z", () =>
                {
                    machine.Small.Advise(machine.Space, 1, Advice.DontNeed);
                    machine.Check(1, on: false);
                    machine.Small.Poke(machine.Space, 1, TaggedMachine<TTags, TModel>.Value);
                    machine.Small.PageOut(machine.Space, 1);
                    machine.Check(1, on: true);
                }));
        }
    }

    /// <summary>The entry of a tagged page in swap moves to another address by userfaultfd's move, or there and back by mremap.</summary>
    /// <param name="back">Whether by mremap, and back.</param>
    internal sealed class Moved(bool back) : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 2);
            ulong from = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
            ulong to = ExploredMachine<Sun4vM7<TTags>, TModel>.At(back ? 64 : 1);
            machine.Small.Machine.Userfaultfd.Open(machine.Space, UserfaultFeatures.None);
            if (!back)
                machine.Small.Machine.Userfaultfd.Register(machine.Space, from, from + (2 * Page), UserfaultModes.Missing);
            return Scene(machine, () => machine.Judge(), new Actor("V", () =>
            {
                if (back)
                {
                    machine.Small.Machine.Move(machine.Space, from, to, Page);
                    machine.Small.Machine.Move(machine.Space, to, from, Page);
                }
                else
                {
                    machine.Small.Machine.Userfaultfd.Move(machine.Space, to, from, Page, UserfaultMoveFlags.None, out _);
                }

                machine.Load(machine.Space, back ? 0 : 1);
            }));
        }
    }
}
