using PageTableEmu.Arch.Sparc;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races and mistakes about memory tags, set up.</summary>
internal static class TagStages
{
    /// <summary>A page is swapped out, and saving its tags fails.</summary>
    internal sealed class FailingSave : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            return Scene(
                machine, () => machine.Small.Verify() ?? machine.Judge(0), () => machine.Storage.Faults.FailAllocation = 1,
                new Actor("R", () => machine.Small.PageOut(machine.Space, 0)));
        }
    }

    /// <summary>A page is swapped out while a device pins it without locks; the pin lasts.</summary>
    internal sealed class PinDuringUnmap : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            var taken = new Mailbox<TModel>();
            const GupFlags Flags = GupFlags.Pin | GupFlags.Write;
            return Scene(
                machine, () => machine.Small.Verify() ?? machine.Judge(0), taken.Clear,
                new Actor("R", () => machine.Small.PageOut(machine.Space, 0)),
                new Actor("G", () => taken.Send(machine.Small.TryTakeFast(machine.Space, 0, Flags, out uint frame) ? frame : 0)),
                new Actor("D", () =>
                {
                    uint frame = taken.Receive();
                    if (frame != 0)
                        machine.Small.Put(frame, Flags);
                }));
        }
    }

    /// <summary>A tagged page is in swap: swapoff and a thread that loads.</summary>
    internal sealed class SwapOff : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 1);
            return Scene(
                machine, () => machine.Judge(0), new Actor("O", () => machine.Small.Machine.SwapOff(0)),
                new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>A tagged page is moved to another frame while a thread loads.</summary>
    internal sealed class Migrate : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            ulong address = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
            return Scene(
                machine, () => machine.Judge(0), new Actor("M", () => machine.Small.Machine.Migrate(machine.Space, address, Page)),
                new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>A tagged page is moved to another frame while its process lets it go.</summary>
    internal sealed class MigrateAndZap : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            ulong address = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
            return Scene(
                machine, () => machine.Judge(), new Actor("M", () => machine.Small.Machine.Migrate(machine.Space, address, Page)),
                new Actor("Z", () => machine.Small.Advise(machine.Space, 0, Advice.DontNeed)));
        }
    }

    /// <summary>A tagged page is moved to another frame while its process forks.</summary>
    internal sealed class MigrateAndFork : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            ulong address = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
            return Scene(
                machine, () => machine.Judge(0), new Actor("M", () => machine.Small.Machine.Migrate(machine.Space, address, Page)),
                new Actor("F", () => machine.Load(machine.Small.Machine.Fork(machine.Space), 0)));
        }
    }

    /// <summary>The entry of a tagged page in swap is dropped.</summary>
    internal sealed class Zap : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 1);
            return Scene(
                machine, () => machine.Judge(), new Actor("Z", () => machine.Small.Advise(machine.Space, 0, Advice.DontNeed)));
        }
    }

    /// <summary>The entry of a tagged page in swap is copied by fork; the child loads, and the parent.</summary>
    internal sealed class Fork : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 1);
            return Scene(
                machine, () => machine.Judge(0), new Actor("C", () => machine.Load(machine.Small.Machine.Fork(machine.Space), 0)),
                new Actor("P", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>The entry of a tagged page in swap moves to another address.</summary>
    internal sealed class Move : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 1);
            ulong from = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
            ulong to = ExploredMachine<Sun4vM7<TTags>, TModel>.At(64);
            return Scene(
                machine, () => machine.Judge(), new Actor("V", () =>
                {
                    machine.Small.Machine.Move(machine.Space, from, to, Page);
                    machine.Load(machine.Space, 64);
                }));
        }
    }

    /// <summary>A thread brings a tagged page back; another one has its processor walk the tables.</summary>
    internal sealed class Walk : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 1);
            return Scene(
                machine, () => machine.Judge(0), new Actor("T", () => machine.Load(machine.Space, 0)),
                new Actor("U", machine.Walk));
        }
    }

    /// <summary>A tagged page is in swap while its mapping stops checking tags; then it is read.</summary>
    internal sealed class Toggle : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 1);
            ulong address = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
            return Scene(
                machine, () => machine.Judge(), new Actor("T", () =>
                {
                    var faults = new FaultCounters();
                    machine.Small.Machine.Protect(machine.Space, address, Page, AccessRights.Read | AccessRights.Write, ref faults);
                    machine.Small.Load(machine.Space, 0);
                }));
        }
    }

    /// <summary>A tagged page goes out and comes back, twice.</summary>
    internal sealed class TwoRounds : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            return Scene(
                machine, () => machine.Judge(), new Actor("T", () =>
                {
                    for (int round = 0; round < 2; round++)
                    {
                        machine.Small.PageOut(machine.Space, 0);
                        machine.Load(machine.Space, 0);
                    }
                }));
        }
    }
}
