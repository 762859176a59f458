using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Neighbouring slots that are put together, while others come across them, set up.</summary>
internal static class PutStages
{
    private const int Length = 3;
    private const int Middle = 1;

    /// <summary>Two put the same slots.</summary>
    internal sealed class Twice : Put
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry[] run) = Run<TModel>(slots: Length);
            foreach (SwapEntry slot in run)
                Share(small, holders, slot);
            return Scene(small, holders, new Actor("P", () => holders.Put(run)), new Actor("Q", () => holders.Put(run)));
        }
    }

    /// <summary>Somebody who has one of the slots too shares it once more, and lets go of it.</summary>
    internal sealed class Shared : Put
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry[] run) = Run<TModel>(slots: Length);
            SwapEntry shared = run[Middle];
            Share(small, holders, shared);
            return Scene(small, holders, new Actor("P", () => holders.Put(run)), new Actor("S", () =>
            {
                Share(small, holders, shared);
                for (int reference = 0; reference < 2; reference++)
                {
                    holders.Use(shared);
                    holders.LetGo(shared);
                    small.Machine.Context.Swap.Put(shared);
                }
            }), Taker(holders));
        }
    }

    /// <summary>Somebody reads one of the slots past the swap cache.</summary>
    internal sealed class Pinned : Put
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry[] run) = Run<TModel>(slots: Length);
            SwapEntry read = run[0];
            return Scene(small, holders, new Actor("P", () => holders.Put(run)), new Actor("D", () =>
            {
                if (small.Machine.Context.Swap.TryPinSlot(read) != SwapResult.Ok)
                    return; // freed already
                holders.Take(read, references: 0);
                holders.Use(read);
                holders.LetGo(read, references: 0);
                small.Machine.Context.Swap.UnpinSlot(read);
            }), Taker(holders));
        }
    }

    /// <summary>Somebody brings one of the slots into the swap cache.</summary>
    internal sealed class Cached : Put
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry[] run) = Run<TModel>(slots: Length);
            SwapEntry read = run[Middle];
            MmContext<X64FourLevel, TModel> mm = small.Machine.Context;
            return Scene(small, holders, new Actor("P", () => holders.Put(run)), new Actor("W", () =>
            {
                uint frame = mm.Folios.TryAllocate();
                mm.Frames.Lock(frame);
                mm.Frames.Set(frame, FrameFlags.SwapBacked);
                if (mm.Swap.TryAddToCache(read, frame) == SwapResult.Ok)
                {
                    holders.Take(read, references: 0);
                    holders.Use(read);
                    holders.LetGo(read, references: 0);
                    mm.Swap.RemoveFromCache(frame);
                }

                mm.Frames.Unlock(frame);
                mm.Folios.Put(frame);
            }), Taker(holders));
        }
    }

    /// <summary>Others take slots, and who has put takes some again.</summary>
    internal sealed class Taken : Put
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry[] run) = Run<TModel>(slots: Length + 1);
            return Scene(small, holders, new Actor("P", () =>
            {
                holders.Put(run);
                holders.TakeFree(2);
            }), Taker(holders));
        }
    }

    /// <summary>Pages go to the slots that have just become free and to one that was, and one comes back.</summary>
    internal sealed class Reused : Put
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry[] run) = Run<TModel>(slots: Length + 1);
            uint space = small.CreateSpace(Length + 1);
            for (int page = 0; page <= Length; page++)
            {
                small.Poke(space, page, (byte)(Other + page));
                small.Watch(space, page);
            }

            return Scene(small, holders, new Actor("P", () => holders.Put(run)), new Actor("R", () =>
            {
                small.Advise(space, 0, Advice.PageOut, pages: Length + 1); // they stay where they are if no slot is free yet
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>The area is removed, and another one takes its place.</summary>
    internal sealed class DuringSwapOff : Put
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry[] run) = Run<TModel>(slots: Length);
            return Scene(small, holders, new Actor("SO", () =>
            {
                small.Machine.SwapOff(0);
                small.SwapOn(SwapAreaOptions.Zram(Length + 1));
            }), new Actor("P", () => holders.Put(run)));
        }
    }

    /// <summary>What these stages share.</summary>
    internal abstract class Put : Stage
    {
        /// <summary>A machine with slots in a row that have contents, one reference and no entry: their holder keeps entries himself.</summary>
        protected static (ExploredMachine<X64FourLevel, TModel> Small, SlotHolders<TModel> Holders, SwapEntry[] Run) Run<TModel>(uint slots)
            where TModel : struct, IExplored
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots);
            uint space = small.CreateSpace(Length);
            for (int page = 0; page < Length; page++)
                small.Poke(space, page, (byte)(Old + page));
            small.Machine.ReclaimAll();
            var holders = new SlotHolders<TModel>(small, slots);
            SwapEntry[] run = [.. small.Machine.Context.Swap.UsedSlots().Select(slot => slot.Entry)];
            foreach (SwapEntry slot in run)
                Share(small, holders, slot);
            small.Machine.Exit(space);
            return (small, holders, run);
        }

        protected static void Share<TModel>(ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, SwapEntry slot)
            where TModel : struct, IExplored
        {
            Require(small.Machine.Context.Swap.TryDuplicate(slot) == SwapResult.Ok, $"slot {slot.Offset}, which has references, could not be shared");
            holders.Take(slot);
        }

        /// <summary>Who takes slots that are free by now.</summary>
        protected static Actor Taker<TModel>(SlotHolders<TModel> holders)
            where TModel : struct, IExplored => new("T", () => holders.TakeFree(Length));

        protected static RaceScene Scene<TModel>(
            ExploredMachine<X64FourLevel, TModel> small, SlotHolders<TModel> holders, params ReadOnlySpan<Actor> actors)
            where TModel : struct, IExplored
        {
            small.Machine.Settle();
            holders.BeginHere();
            return Scene(small, holders, (1, Length), holders.AtEnd, null, actors);
        }
    }
}
