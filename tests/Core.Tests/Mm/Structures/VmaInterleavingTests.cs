using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>The two protocols that run without the mmap_lock for writing, with the other thread let in before each single shared access.</summary>
public sealed class VmaInterleavingTests
{
    private const VmaFlags Rw = VmaFlags.Read | VmaFlags.Write;
    private const int Shift = StructureMachine.PageShift;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lock_WhileTheFrameIsUnmappedAndItsAnonVmaReused_LocksNothingOrTheRightOne(bool remap)
    {
        int steps = 0; // of the undisturbed run, which is the first: the disturbed ones may be shorter
        int interferences = 0;
        for (int at = 0; at <= steps; at++)
        {
            using var world = new World();
            uint anonVma = world.Vmas[world.Vma].AnonVma;
            var interference = new Interference(at, () => world.LockWord(anonVma) == 0, () => world.ExitAndReuse(remap));
            StepObserver.Current = interference;
            uint locked = world.ReverseMap.Lock(world.Frame);
            StepObserver.Current = null;
            steps = at == 0 ? interference.Steps : steps;
            interferences += interference.Ran ? 1 : 0;
            world.AssertLockedRightly(locked, interference.Ran, remap);
        }

        Assert.InRange(interferences, 6, steps);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lock_WhenTheFrameIsUnmappedDuringTheWait_LooksAgain(bool remap)
    {
        using var world = new World();
        uint anonVma = world.Vmas[world.Vma].AnonVma;
        world.LockWord(anonVma) = ulong.MaxValue; // somebody else's
        var interference = new Interference(0, () => true, () =>
        {
            world.LockWord(anonVma) = 0;
            world.ExitAndReuse(remap);
        });
        StepObserver.Current = interference;
        uint locked = world.ReverseMap.Lock(world.Frame);
        StepObserver.Current = null;
        Assert.True(interference.Ran);
        Assert.Equal(0u, locked);
        Assert.Empty(world.Verifier.VerifyAll());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Prepare_WhileAnotherFaultPreparesTheSameVma_LinksOnce(bool neighbour)
    {
        int steps = 0; // of the undisturbed run, which is the first: the disturbed ones may be shorter
        int interferences = 0;
        for (int at = 0; at <= steps; at++)
        {
            using var world = new World();
            uint mm = world.Spaces.TryCreate();
            uint vma = world.Vmas.TryMap(mm, 0, 2 << Shift, Rw, 0, 0);
            uint beside = world.Vmas.TryMap(mm, 2 << Shift, 4 << Shift, VmaFlags.Read, 2, 0);
            uint first = neighbour ? beside : vma;
            var interference = new Interference(at, () => world.CanPrepare(mm, vma), () =>
            {
                Assert.True(world.Vmas.TryPrepareAnonVma(first));
                Assert.True(world.Vmas.TryPrepareAnonVma(vma));
            });
            StepObserver.Current = interference;
            Assert.True(world.Vmas.TryPrepareAnonVma(vma));
            StepObserver.Current = null;
            steps = at == 0 ? interference.Steps : steps;
            interferences += interference.Ran ? 1 : 0;
            Assert.Equal(1u, world.Vmas[vma].ChainLength);
            Assert.Empty(world.Verifier.VerifyAll());
        }

        Assert.InRange(interferences, 6, steps);
    }

    /// <summary>One process with one page of one VMA mapped.</summary>
    private sealed class World : IDisposable
    {
        private readonly MachineImage image = MachineImage.CreatePrivate(new MachineImageOptions
        {
            RamBytes = 1 << 20,
            AddressSpaces = 8,
            Vmas = 16,
            AnonVmas = 16,
            AnonVmaChains = 16,
            SwapSlots = 64,
            SwapStoreSlots = 64,
        });

        private uint mm;

        public World()
        {
            Folios = new Folios<InterferingModel>(image);
            Spaces = new AddressSpaces<InterferingModel>(Folios, image);
            Vmas = new Vmas<InterferingModel>(Spaces, image);
            ReverseMap = new ReverseMap<InterferingModel>(Vmas);
            Verifier = new VmaVerifier<InterferingModel>(Vmas);
            Frame = Folios.TryAllocateZeroed();
            Folios.Table.Set(Frame, FrameFlags.Anon);
            Start();
            MapFrame();
        }

        public Folios<InterferingModel> Folios { get; }

        public AddressSpaces<InterferingModel> Spaces { get; }

        public Vmas<InterferingModel> Vmas { get; }

        public ReverseMap<InterferingModel> ReverseMap { get; }

        public VmaVerifier<InterferingModel> Verifier { get; }

        public uint Frame { get; }

        public uint Vma { get; private set; }

        public ref ulong LockWord(uint anonVma) => ref image.Record<AnonVma>(MetadataRegion.AnonVmas, anonVma - 1).Lock;

        /// <summary>Whether neither the deciding lock nor, once the VMA has an anon_vma that its neighbour would share, that one's is held.</summary>
        public bool CanPrepare(uint space, uint vma) =>
            Spaces[space].PageTableLock == 0 && (Vmas[vma].AnonVma == 0 || LockWord(Vmas[vma].AnonVma) == 0);

        /// <summary>The process exits; another one gets its record numbers, and maps the frame as well or does not.</summary>
        public void ExitAndReuse(bool remap)
        {
            Folios.Table.RemoveMapping(Frame);
            Vmas.Remove(Vma);
            Spaces.Destroy(mm);
            Start();
            if (remap)
                MapFrame();
        }

        public void AssertLockedRightly(uint locked, bool interfered, bool remap)
        {
            bool mapped = !interfered || remap;
            if (locked == 0)
            {
                Assert.True(interfered); // an unmapped moment is a reason to give up, even when the frame is mapped again
            }
            else
            {
                Assert.True(mapped);
                Assert.Equal(Vmas[Vma].AnonVma, locked);
                Assert.Equal(2u, image.Record<AnonVma>(MetadataRegion.AnonVmas, locked - 1).References);
                ReverseMap.Unlock(locked);
            }

            Assert.Empty(Verifier.VerifyAll().Concat(Verifier.VerifyFrames()));
        }

        public void Dispose() => image.Dispose();

        private void Start()
        {
            mm = Spaces.TryCreate();
            Vma = Vmas.TryMap(mm, 4 << Shift, 8 << Shift, Rw, 4, 0);
            Assert.True(Vmas.TryPrepareAnonVma(Vma));
        }

        private void MapFrame()
        {
            Folios.Table[Frame].Mapping = Vmas[Vma].AnonVma;
            Folios.Table[Frame].Index = 5;
            Folios.Table.AddMapping(Frame);
        }
    }
}
