using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Races of swap-in, set up.</summary>
internal static class SwapInStages
{
    private const byte Old = 1;
    private const byte New = 2;

    private static RaceScene Scene<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint slots, params ReadOnlySpan<Actor> actors)
        where TModel : struct, IExplored
    {
        var program = new ExploredProgram(small.Memory, actors) { Oracle = small.Pages, AtEnd = small.Verify };
        string[] pages = [.. small.Pages.Names.Select(name => $"page {name}")];
        string[] names = [.. pages, .. Enumerable.Range(1, (int)slots).Select(slot => $"slot {slot}")];
        return new RaceScene(program, small, names, () =>
        [
            .. pages.Select((_, index) => small.Pages.Draw(index)),
            .. Enumerable.Range(1, (int)slots).Select(slot => small.Pages.DrawSlot(0, (ulong)slot)),
        ]);
    }

    /// <summary>002-A: one entry names the only slot of a synchronous area.</summary>
    internal sealed class Direct : IRaceStage
    {
        public RaceScene SetUp<TModel>()
            where TModel : struct, IExplored
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 1);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.ReclaimAll();
            small.Machine.Settle();
            small.Watch(space, 0);
            return Scene(small, 1, new Actor("T0", () => small.Load(space, 0)), new Actor("T1", () => small.Store(space, 0, New)),
                new Actor("R", () => small.PageOut(space, 0)));
        }
    }

    /// <summary>001-B: parent and child share a folio that is in the swap cache; the area has one slot.</summary>
    internal sealed class LeftCache : IRaceStage
    {
        public RaceScene SetUp<TModel>()
            where TModel : struct, IExplored
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 1);
            uint parent = small.CreateSpace(1);
            small.Poke(parent, 0, Old);
            uint child = small.Machine.Fork(parent);
            small.Machine.ReclaimAll();
            var faults = new FaultCounters();
            small.Machine.Advise(parent, ExploredMachine<X64FourLevel, TModel>.At(0), 4096, Advice.WillNeed, ref faults);
            small.Machine.Settle();
            small.Watch(parent, 0);
            small.Watch(child, 0);
            return Scene(small, 1, new Actor("F1", () => small.Load(parent, 0)), new Actor("F2", () => small.Store(parent, 0, New)),
                new Actor("Q", () => small.Store(child, 0, 3)), new Actor("R", () => small.PageOut(parent, 0)));
        }
    }

    /// <summary>S000-A: a device has got a page to write to, and reclaim comes by.</summary>
    internal sealed class LostRead : IRaceStage
    {
        public RaceScene SetUp<TModel>()
            where TModel : struct, IExplored
        {
            const int Read = 7;
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            small.Machine.Settle();
            ulong address = ExploredMachine<X64FourLevel, TModel>.At(0);
            return Scene(small, 2, new Actor("T", () => ReadFromDevice(small, space, address, Read)),
                new Actor("R", () => small.PageOut(space, 0)));
        }

        /// <summary>A read into the page's first byte, while the process stores to its last one.</summary>
        private static void ReadFromDevice<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space, ulong address, byte data)
            where TModel : struct, IExplored
        {
            var faults = new FaultCounters();
            if (small.Machine.Gup.TryTake(space, address, GupFlags.Get | GupFlags.Write, out uint frame, ref faults) != MmResult.Ok)
                throw new FindingException(new Finding("ACCESS", "the page could not be taken"));
            small.Machine.Write(space, address + 4095, [9], ref faults);
            Span<byte> sector = stackalloc byte[1];
            sector[0] = data;
            SharedBytes<TModel>.Copy(sector, small.Machine.Context.Frames.Bytes(frame)[..1]);
            small.Machine.Context.Frames.Set(frame, Image.FrameFlags.Dirty);
            small.Machine.Gup.Put(frame, GupFlags.Get | GupFlags.Write);
            Span<byte> found = stackalloc byte[1];
            small.Machine.Read(space, address, found, ref faults);
            if (found[0] != data)
                throw new FindingException(new Finding("GU1", $"the device wrote {data}, the process reads {found[0]}"));
        }
    }
}
