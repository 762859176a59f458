using System.Reflection;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Mm.Behaviour;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>A damaged image ends an operation with an exception, and no lock stays held by it.</summary>
public sealed class LockReliefTests
{
    private const ulong Nonsense = 1UL << 40;

    [Fact]
    public void Reclaim_OfAFolioWithoutAnAnonVma()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: true);
        rig.Write(rig.Process, 0, 7);
        uint frame = rig.Frame(rig.Process, 0);
        rig.Machine.Context.Frames[frame].Mapping = Nonsense;
        Assert.Throws<CorruptImageException>(() => rig.Machine.Reclaim(1));
        AssertNothingHeld(rig, () => rig.Machine.Context.Frames[frame].Mapping = 1);
        rig.Write(rig.Process, 0, 8);
    }

    [Fact]
    public void PageOut_OfAFolioWhoseListIsDamaged()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: true);
        rig.Write(rig.Process, 0, 7);
        rig.Machine.Settle();
        uint frame = rig.Frame(rig.Process, 0);
        uint sound = rig.Machine.Context.Frames[frame].LruPrevious;
        rig.Machine.Context.Frames[frame].LruPrevious = 0xFFFFFF;
        Assert.Throws<CorruptImageException>(() => rig.Advise(rig.Process, 0, 1, Advice.PageOut));
        AssertNothingHeld(rig, () => rig.Machine.Context.Frames[frame].LruPrevious = sound);
        Assert.Equal(7, rig.Read(rig.Process, 0).Value); // it was in swap before its frame was to be freed
    }

    [Fact]
    public void SwapIn_OfACachedFolioWithoutAnAnonVma()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: false);
        rig.Write(rig.Process, 0, 7);
        uint frame = rig.Frame(rig.Process, 0);
        Assert.Equal(MmResult.Ok, rig.Advise(rig.Process, 0, 1, Advice.PageOut));
        Assert.True(rig.Machine.Context.Frames.Has(frame, FrameFlags.SwapCache));
        ulong sound = rig.Machine.Context.Frames[frame].Mapping;
        rig.Machine.Context.Frames[frame].Mapping = 0xFFFFFF;
        Assert.Throws<CorruptImageException>(() => rig.Read(rig.Process, 0));
        AssertNothingHeld(rig, () => rig.Machine.Context.Frames[frame].Mapping = sound);
        Assert.Equal(7, rig.Read(rig.Process, 0).Value);
    }

    [Fact]
    public void PunchingAHole_WhereTheObjectNamesNothing()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: true);
        uint shared = rig.Machine.CreateSharedObject(4);
        const ulong Address = 1UL << 34;
        Assert.Equal(MmResult.Ok, rig.Machine.MapObject(rig.Process, Address, 4 << 12, VmaFlags.Read | VmaFlags.Write, shared, 0));
        var counters = new FaultCounters();
        rig.Machine.Write(rig.Process, Address, [1], ref counters);
        uint frame = rig.Machine.Context.Vmas.Objects.Index.Load(shared, 0).Frame;
        uint tree = rig.Machine.Context.Vmas.Objects[shared].Tree;
        rig.Machine.Context.Vmas.Objects[shared].Tree = 0xFFFFFF;
        Assert.Throws<CorruptImageException>(() => rig.Machine.PunchHole(shared, 0, 1));
        AssertNothingHeld(rig, () => rig.Machine.Context.Vmas.Objects[shared].Tree = tree);
        Assert.True(rig.Machine.Context.Frames.TryLock(frame));
        rig.Machine.Context.Frames.Unlock(frame);
    }

    /// <summary>
    /// Lock words by the record that they lie in. Who adds one adds it to HeldLocks too: else nobody finds it held, and nobody lets go of it. (The
    /// mmap_lock ends with its scope, and the lock of commits gives way when its owner is gone.)
    /// </summary>
    [Fact]
    public void EveryLockWord_IsKnown()
    {
        string[] known =
        [
            "AddressSpace.PageTableLock", "AnonVma.Lock", "FrameCache.Lock", "FrameRecord.Lock", "FrameState.LruLock", "FrameState.SplitLock",
            "KsmState.ListLock", "KsmState.Lock", "MmState.MmListLock", "MmState.SharedSwapLock", "SharedObject.Lock", "SpaceHead.Lock",
            "SwapAreaRecord.HintLock", "SwapAreaRecord.ListLock", "SwapClusterRecord.Lock", "SwapStateRecord.AreasLock",
            "SwapStateRecord.AvailableLock", "SwapStateRecord.OverflowLock", "SwapStateRecord.QueueLock",
        ];
        IEnumerable<string> found = typeof(MachineImage).Assembly.GetTypes().Where(type => type.IsValueType)
            .SelectMany(type => type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => field.FieldType == typeof(ulong) && field.Name.EndsWith("Lock", StringComparison.Ordinal))
            .Select(field => $"{field.DeclaringType!.Name}.{field.Name}");
        Assert.Equal(known, found.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ALockOfEachFloor_IsReportedAndLetGoOf()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: true);
        MmContext<X64FourLevel, CheckedModel> mm = rig.Machine.Context;
        ref FrameState state = ref mm.Image.Record<FrameState>(MetadataRegion.FrameState, 0);
        WordLock<CheckedModel>.Acquire(ref state.SplitLock);
        WordLock<CheckedModel>.Acquire(ref state.LruLock);
        WordLock<CheckedModel>.Acquire(ref mm.Ksm.State.Lock);
        WordLock<CheckedModel>.Acquire(ref mm.Spaces[rig.Process].PageTableLock);
        mm.Swap.Areas[0].ListLock = Owner.Current;
        var verifier = new Verifier<X64FourLevel, CheckedModel>(mm);
        Assert.Equal(5, verifier.HeldLocks().Count());
        LockRelief<X64FourLevel, CheckedModel>.LetGo(mm);
        Assert.Empty(verifier.HeldLocks());
    }

    private static readonly Dictionary<string, Action<BehaviourMachine<X64FourLevel>>> Operations = new()
    {
        ["fork"] = static rig => rig.Machine.Fork(rig.Process),
        ["exit"] = static rig => rig.Machine.Exit(rig.Process),
        ["munmap"] = static rig => rig.Machine.Unmap(rig.Process, At(1), Page),
        ["mmap beside"] = static rig => rig.Machine.Map(rig.Process, At(16), Page, VmaFlags.Read | VmaFlags.Write),
        ["mprotect"] = static rig => rig.Machine.Protect(rig.Process, At(1), Page, AccessRights.Read, ref faults),
        ["mremap"] = static rig => rig.Machine.Move(rig.Process, At(1), At(64), Page),
        ["mremap in place"] = static rig => rig.Machine.Resize(rig.Process, At(0), 16 * Page, 17 * Page, mayMove: false, out _),
        ["mremap to another size"] = static rig => rig.Machine.MoveAndResize(rig.Process, At(1), Page, At(64), 2 * Page, ref faults),
        ["mlock"] = static rig => rig.Machine.Lock(rig.Process, At(1), Page, ref faults),
        ["madvise(DONTFORK)"] = static rig => rig.Advise(rig.Process, 1, 1, Advice.DontFork),
        ["madvise(MERGEABLE)"] = static rig => rig.Advise(rig.Process, 1, 1, Advice.Mergeable),
        ["userfaultfd"] = static rig => rig.Machine.Userfaultfd.Register(rig.Process, At(1), At(2)),
        ["migrate"] = static rig => rig.Machine.Migrate(rig.Process, At(0), Page),
        ["first half of a migration"] = static rig =>
            rig.Machine.Migrator.TryBegin(rig.Frame(rig.Process, 0), MigrationMode.Sync, out _),
        ["memory error"] = static rig => rig.Machine.MemoryFailure(rig.Frame(rig.Process, 0)),
        ["reclaim"] = static rig => rig.Machine.ReclaimAll(),
    };

    private static FaultCounters faults;

    public static TheoryData<string> OperationsOnAnonVmas => [.. Operations.Keys];

    private const ulong Page = 4096;

    /// <summary>A link of an anon_vma leads nowhere. Whoever comes there holds the lock of its family, and most the mmap_lock.</summary>
    [Theory]
    [MemberData(nameof(OperationsOnAnonVmas))]
    public void AnyOperation_ThatMeetsADamagedAnonVma(string operation)
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: true);
        rig.Write(rig.Process, 0, 7);
        rig.Machine.Settle();
        Vmas<CheckedModel> vmas = rig.Machine.Context.Vmas;
        ref TreeLinks links = ref vmas.Anons.Links[vmas[vmas.Find(rig.Process, At(0))].Chain].Tree;
        links.Left = links.Right = 0xFFFFFF;
        Assert.Throws<CorruptImageException>(() => Operations[operation](rig));
        Assert.DoesNotContain(
            new Verifier<X64FourLevel, CheckedModel>(rig.Machine.Context).HeldLocks(),
            held => held.What.Contains("lock", StringComparison.Ordinal) || held.What.Contains("being forked", StringComparison.Ordinal));
    }

    private static ulong At(uint page) => BehaviourMachine<X64FourLevel>.Address(page);

    private static BehaviourMachine<X64FourLevel> Machine(bool synchronous)
    {
        var rig = new BehaviourMachine<X64FourLevel>();
        rig.SwapOn(synchronous);
        return rig;
    }

    private static void AssertNothingHeld(BehaviourMachine<X64FourLevel> rig, Action repair)
    {
        repair();
        Violation[] held = [.. new Verifier<X64FourLevel, CheckedModel>(rig.Machine.Context).Verify(null).Where(found => found.Invariant == "I21")];
        Assert.Empty(held);
    }
}
