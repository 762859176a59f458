using PageTableEmu.Arch.Sparc;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>More of what a store of tags by address gets wrong, set up.</summary>
internal static class TagStoreStages
{
    /// <summary>A tagged page cannot be moved to another frame, because a device holds it.</summary>
    internal sealed class MigrateHeld : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            uint frame = machine.Small.Take(machine.Space, 0, GupFlags.Get);
            return Scene(
                machine, () => machine.Judge(0), new Actor("M", () => Migrate(machine)),
                new Actor("H", () => machine.Small.Put(frame, GupFlags.Get)));
        }
    }

    /// <summary>A tagged page is moved to another frame; threads look at it meanwhile. Only what they see is judged.</summary>
    internal sealed class LoadDuringMigration : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            return Scene(
                machine, () => machine.Seen(machine.Space, 0), new Actor("M", () => Migrate(machine)),
                new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>A tagged page is moved to another frame while its process moves it to another address.</summary>
    internal sealed class MigrateAndMove : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            ulong from = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
            ulong to = ExploredMachine<Sun4vM7<TTags>, TModel>.At(64);
            return Scene(
                machine, () => machine.Judge(64), new Actor("M", () => Migrate(machine)),
                new Actor("V", () => machine.Small.Machine.Move(machine.Space, from, to, Page)));
        }
    }

    /// <summary>A tagged page that fork shares is swapped out, and the tags of the second entry cannot be saved.</summary>
    internal sealed class SecondSaveFails : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = Mapped<TTags, TModel>();
            machine.Small.Machine.Fork(machine.Space);
            machine.Settle();
            return Scene(
                machine, () => machine.Small.Verify() ?? machine.Judge(0), () => machine.Storage.Faults.FailAllocation = 2,
                new Actor("R", () => machine.Small.Machine.ReclaimAll()));
        }
    }

    /// <summary>The process with a tagged page in swap ends.</summary>
    /// <param name="zapsFirst">Whether it lets go of the page before.</param>
    internal sealed class Exit(bool zapsFirst) : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            TaggedMachine<TTags, TModel> machine = SwappedOut<TTags, TModel>(pages: 1);
            return Scene(machine, () => machine.Judge(), new Actor("Z", () =>
            {
                if (zapsFirst)
                    machine.Small.Advise(machine.Space, 0, Advice.DontNeed);
                machine.Small.Machine.Exit(machine.Space);
            }));
        }
    }

    /// <summary>A tagged page of a shared object goes to swap and comes back.</summary>
    internal sealed class SharedObject : TagStage
    {
        public override RaceScene SetUp<TTags, TModel>()
        {
            var machine = new TaggedMachine<TTags, TModel>(pages: 1, filled: 1, shared: true);
            machine.Small.Machine.ReclaimAll();
            machine.Settle();
            return Scene(machine, () => machine.Judge(0), new Actor("T", () => machine.Load(machine.Space, 0)));
        }
    }

    /// <summary>
    /// Two pages of one range of the store and two page tables come back. Tags were saved of one only: the other one was not checked when it went.
    /// </summary>
    internal sealed class StolenCount : TagStage
    {
        private const int Saved = 1023; // the last page of the first table; a range of the store begins there
        private const int NotSaved = 1024;

        public override RaceScene SetUp<TTags, TModel>()
        {
            var machine = new TaggedMachine<TTags, TModel>(NotSaved + 1, filled: 0);
            machine.Fill(Saved);
            machine.Small.Poke(machine.Space, NotSaved, 1);
            Protect(machine, AccessRights.Read | AccessRights.Write);
            machine.Small.PageOut(machine.Space, Saved);
            machine.Small.PageOut(machine.Space, NotSaved);
            Protect(machine, AccessRights.Read | AccessRights.Write | AccessRights.TagChecked);
            machine.Settle();
            return Scene(
                machine, () => machine.Judge(Saved), new Actor("A", () => machine.Load(machine.Space, Saved)),
                new Actor("B", () => Touch(machine)));
        }

        /// <summary>Its tags are of no interest, so neither is whether the access is allowed.</summary>
        private static void Touch<TTags, TModel>(TaggedMachine<TTags, TModel> machine)
            where TTags : struct, IPageTagProvider
            where TModel : struct, Atomics.IExplored
        {
            Span<byte> loaded = stackalloc byte[1];
            var faults = new FaultCounters();
            machine.Small.Machine.Read(machine.Space, ExploredMachine<Sun4vM7<TTags>, TModel>.At(NotSaved), loaded, ref faults);
        }

        private static void Protect<TTags, TModel>(TaggedMachine<TTags, TModel> machine, AccessRights rights)
            where TTags : struct, IPageTagProvider
            where TModel : struct, Atomics.IExplored
        {
            var faults = new FaultCounters();
            machine.Small.Machine.Protect(machine.Space, ExploredMachine<Sun4vM7<TTags>, TModel>.At(NotSaved), Page, rights, ref faults);
        }
    }

    private static void Migrate<TTags, TModel>(TaggedMachine<TTags, TModel> machine)
        where TTags : struct, IPageTagProvider
        where TModel : struct, Atomics.IExplored =>
        machine.Small.Machine.Migrate(machine.Space, ExploredMachine<Sun4vM7<TTags>, TModel>.At(0), TagStage.BytesOfPage);
}
