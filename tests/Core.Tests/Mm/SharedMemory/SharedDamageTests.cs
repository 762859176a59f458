using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Verification;
using World = PageTableEmu.Core.Tests.Mm.SharedMemory.SharedWorld<PageTableEmu.Arch.X64.X64FourLevel, PageTableEmu.Atomics.CheckedModel>;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>Every invariant of shared objects fires when what it is about is damaged, and none does before.</summary>
public sealed class SharedDamageTests
{
    private const int InMemory = 0;
    private const int InSwap = 1;

    private static readonly Dictionary<string, Action<World>> Damages = new()
    {
        ["SH1 a frame that does not say so"] = w => w.Machine.Context.Frames.Clear(w.PlaceOf(InMemory).Frame, FrameFlags.SharedMemory),
        ["SH1 a frame of another page"] = w => w.Machine.Context.Frames[w.PlaceOf(InMemory).Frame].Index++,
        ["SH1 a frame of another object"] = w => w.Machine.Context.Frames[w.PlaceOf(InMemory).Frame].Mapping++,
        ["SH1 a frame that no object has"] = w => Forget(w, InMemory),
        ["SH1 a frame outside RAM"] = w => Replace(w, 5, SharedPage.Of(uint.MaxValue - 1)),
        ["SH2 a page behind the end"] = w => w.Objects[w.Object].Pages = 1,
        ["SH3 pages in swap"] = w => w.Objects[w.Object].Swapped++,
        ["SH3 an object off the swap list"] = w => MmState(w).SharedSwapHead = 0,
        ["SH3 a ring"] = w => w.Objects[w.Object].SwapNext = w.Object,
        ["SH4 a VMA that is in no tree"] = w => w.Objects[w.Object].Tree = 0,
        ["SH4 a reference too few"] = w => OneVmaMore(w),
        ["SH5 a block that is nobody's"] = w => LeakBlock(w),
        ["I1 a slot that the object has forgotten"] = w => Forget(w, InSwap),
        ["I18 shared pages"] = w => w.Machine.Context.Spaces[w.First].SharedPages++,
        ["I19 a VMA that shows other pages"] = w => w.Machine.Context.Vmas[w.Machine.Context.Vmas.Find(w.First, World.At(0))].PageOffset++,
        ["I21 an object's lock"] = w => w.Objects[w.Object].Lock = 1,
        ["I21 the swap list's lock"] = w => MmState(w).SharedSwapLock = 1,
        ["R1 a reference too many"] = w => w.Machine.Context.Frames.Get(w.PlaceOf(InMemory).Frame),
        ["IMAGE a block that is in two places"] = w => w.Objects[w.Objects.TryCreate(9)].Index = w.Objects[w.Object].Index,
        ["IMAGE an index too high"] = w => w.Objects[w.Object].Index |= 1UL << 60,
    };

    public static TheoryData<string> Names => [.. Damages.Keys];

    [Fact]
    public void UndamagedWorld_HasNoViolation()
    {
        using World world = New();
        Assert.True(world.PlaceOf(InMemory).IsFrame && world.PlaceOf(InSwap).IsSwap);
        Assert.Empty(world.Machine.Verify());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Damage_IsReportedUnderItsInvariant(string name)
    {
        using World world = New();
        Damages[name](world);
        List<Violation> violations = [.. world.Machine.Verify()];
        string id = name[..name.IndexOf(' ')];
        Assert.True(
            violations.Any(violation => violation.Invariant == id),
            $"{name}: {violations.Count} violations. {string.Join(Environment.NewLine, violations.Take(5))}");
    }

    private static World New()
    {
        var world = new World(Backing.Zram);
        world.Write(world.First, InSwap, 1);
        world.Machine.ReclaimAll();
        world.Write(world.First, InMemory, 2);
        world.AssertSound();
        return world;
    }

    private static ref PageTableEmu.Mm.MmState MmState(World world) =>
        ref world.Machine.Image.Record<PageTableEmu.Mm.MmState>(MetadataRegion.MmState, 0);

    private static void Forget(World world, int page) => Replace(world, page, SharedPage.None);

    private static void Replace(World world, int page, SharedPage place) =>
        Assert.True(world.Objects.Index.TryReplace(world.Object, (ulong)page, world.PlaceOf(page), place));

    /// <summary>Two VMAs and one reference.</summary>
    private static void OneVmaMore(World world)
    {
        uint shared = world.Object;
        Assert.Equal(PageTableEmu.Mm.MmResult.Ok, world.Machine.MapObject(world.First, World.At(50), World.Length(1), World.ReadWrite, shared, 0));
        world.Objects[shared].References--;
    }

    /// <summary>Takes a block and forgets it.</summary>
    private static void LeakBlock(World world)
    {
        uint other = world.Objects.TryCreate(1);
        Assert.True(world.Objects.Index.TryEnsure(other, 0));
        world.Objects[other].Index = 0;
    }
}
