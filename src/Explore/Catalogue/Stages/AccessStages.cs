using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>Races of accesses that go past the rights or the entry of a page, set up.</summary>
internal static class AccessStages
{
    /// <summary>
    /// A debugger writes to a read-only private mapping of an object (FOLL_FORCE) while its process drops the copy. The object must not change.
    /// </summary>
    /// <param name="continues">Whether userfaultfd then maps the object's page, which is dirty.</param>
    internal sealed class ForcedWrite(bool continues) : Stage
    {
        private const GupFlags Forced = GupFlags.Get | GupFlags.Write | GupFlags.Force;

        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            ulong address = ExploredMachine<X64FourLevel, TModel>.At(0);
            uint owner = small.CreateSpace(1, shared: true);
            small.Poke(owner, 0, Old);
            uint space = small.Machine.CreateAddressSpace();
            small.Machine.MapObjectPrivately(space, address, 4096, VmaFlags.Read, SharedObjectOf(small, owner), 0);
            if (continues)
            {
                small.Machine.Userfaultfd.Open(space, UserfaultFeatures.None);
                small.Machine.Userfaultfd.Register(space, address, address + 4096, UserfaultModes.Minor);
            }

            small.Machine.Settle();
            small.Watch(owner, 0, Old);
            return Scene(small, 2, new Actor("G", () =>
            {
                uint frame = small.TakeSlow(space, 0, Forced);
                small.DeviceWrite(frame, New);
                small.Put(frame, Forced);
            }), new Actor("Z", () =>
            {
                small.Advise(space, 0, Advice.DontNeed);
                if (continues)
                    small.Machine.Userfaultfd.Continue(space, address, 4096);
            }));
        }
    }

    /// <summary>A debugger writes to read-only memory of a huge page that its process drops; then only zeros are mapped there.</summary>
    internal sealed class ForcedWriteToZeros : Stage
    {
        private const int HugePage = 512;
        private const GupFlags Forced = GupFlags.Get | GupFlags.Write | GupFlags.Force;
        private const GupFlags Look = GupFlags.Get | GupFlags.Touch;

        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2, frames: 5 * HugePage);
            ulong address = ExploredMachine<X64FourLevel, TModel>.At(0);
            uint space = small.Machine.CreateAddressSpace();
            small.Machine.Map(space, address, HugePage << 12, VmaFlags.Read);
            small.Advise(space, 0, Advice.HugePage, HugePage);
            small.Machine.Settle();
            return Scene(small, 2, () => Zeros(small) ?? small.Verify(), new Actor("G", () =>
            {
                uint frame = small.TakeSlow(space, 0, Forced);
                small.DeviceWrite(frame, New);
                small.Put(frame, Forced);
            }), new Actor("Z", () =>
            {
                small.Advise(space, 0, Advice.DontNeed, HugePage);
                small.Read(space, 0);
                small.Put(small.TakeSlow(space, 0, Look), Look);
            }));
        }

        private static Finding? Zeros<TModel>(ExploredMachine<X64FourLevel, TModel> small)
            where TModel : struct, Atomics.IExplored
        {
            byte found = small.Machine.Context.Frames.Bytes(small.Machine.Context.Folios.ZeroFrame)[0];
            return found == 0 ? null : new Finding("G1", $"the zero page holds {found}");
        }
    }

    /// <summary>A page that a device has pinned is made read-only to see who stores to it; its process stores, the device writes.</summary>
    internal sealed class ClearedRefs : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            uint frame = small.Take(space, 0, PinForWrite);
            return Scene(small, 2, new Actor("C", () => small.Machine.ClearRefs(space, ClearRefsKind.SoftDirty)), new Actor("T", () =>
            {
                small.StoreBeside(space, 0, Other);
                small.DeviceWrite(space, 0, frame, New);
                small.Put(frame, PinForWrite);
                small.Load(space, 0);
            }));
        }
    }

    /// <summary>A page is let go of while it is taken without locks; its frame is the only one that another process can get.</summary>
    internal sealed class ZappedFrame : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            var small = new ExploredMachine<X64FourLevel, TModel>(slots: 2);
            uint space = small.CreateSpace(1);
            small.Poke(space, 0, Old);
            uint other = small.CreateSpace(2);
            small.Poke(other, 1, Old); // its tables are there
            small.Machine.Settle();
            while (small.Machine.Context.Folios.Allocator.TryAllocate() != 0)
            {
                // nobody gives these back
            }

            ulong address = ExploredMachine<X64FourLevel, TModel>.At(0);
            return Scene(small, 2, () => null, new Actor("G", () =>
            {
                if (!small.TryTakeFast(space, 0, GupFlags.Get, out uint frame))
                    return;
                byte found = small.DeviceRead(frame);
                small.Put(frame, GupFlags.Get);
                Require(found != Other, $"frame {frame} was taken for a page of process {space} and belongs to process {other}");
            }), new Actor("Z", () => small.Advise(space, 0, Advice.DontNeed)), new Actor("S", () =>
            {
                var faults = new FaultCounters();
                small.Machine.Write(other, address, [Other], ref faults); // out of memory while there is no frame
            }));
        }
    }

    /// <summary>A page moves to another address and is let go of there while its process stores to the old address.</summary>
    internal sealed class StoreDuringMove : Stage
    {
        public override RaceScene SetUp<TModel>()
        {
            (ExploredMachine<X64FourLevel, TModel> small, uint space) = OnePage<TModel>();
            ulong from = ExploredMachine<X64FourLevel, TModel>.At(0);
            ulong to = ExploredMachine<X64FourLevel, TModel>.At(8);
            return Scene(small, 2, new Actor("V", () => small.Machine.Move(space, from, to, 4096)), new Actor("Z", () =>
                small.Advise(space, 8, Advice.DontNeed)), new Actor("U", () =>
            {
                var faults = new FaultCounters();
                small.Machine.Write(space, from + 1, [New], ref faults); // refused when the page has moved
            }));
        }
    }
}
