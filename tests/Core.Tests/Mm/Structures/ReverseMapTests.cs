using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

public sealed class ReverseMapTests : IDisposable
{
    private const int Shift = StructureMachine.PageShift;

    private readonly StructureMachine machine = new();
    private readonly uint mm;

    public ReverseMapTests() => mm = machine.Spaces.TryCreate();

    public void Dispose() => machine.Dispose();

    [Fact]
    public void Candidates_AfterForks_ComeByPageOffsetThenAge()
    {
        uint vma = machine.MapTouched(mm, 4, 8);
        uint anonVma = machine.Vmas[vma].AnonVma;
        uint first = machine.Fork(mm);
        uint second = machine.Fork(mm);
        Assert.Equal([(mm, 5UL), (first, 5UL), (second, 5UL)], Places(anonVma, 5));

        // A cut gives both parts of the parent a new age, and the upper part a higher page offset.
        machine.Vmas.TrySplit(vma, 5 << Shift);
        Assert.Equal([(first, 4UL), (second, 4UL), (mm, 4UL)], Places(anonVma, 4));
        Assert.Equal([(first, 5UL), (second, 5UL), (mm, 5UL)], Places(anonVma, 5));
        Assert.Equal([(second, 5UL)], Places(machine.Vmas[machine.Vmas.Find(second, 4 << Shift)].AnonVma, 5));
        Assert.Empty(Places(anonVma, 8));
    }

    [Fact]
    public void Candidates_OfALargeFolio_BeginAtTheFirstPageThatTheVmaHas()
    {
        uint vma = machine.MapTouched(mm, 4, 8);
        var places = new List<ReverseMapPlace>();
        foreach (ReverseMapPlace place in machine.ReverseMap.Candidates(machine.Vmas[vma].AnonVma, 2, 4))
            places.Add(place);
        Assert.Equal([new ReverseMapPlace(vma, 4 << Shift)], places);
    }

    [Fact]
    public void Candidates_OfAMovedVma_FollowThePagesNotTheAddress()
    {
        uint vma = machine.MapTouched(mm, 4, 8);
        uint anonVma = machine.Vmas[vma].AnonVma;
        uint moved = machine.Vmas.TryCopyForMove(vma, 4 << Shift, 4 << Shift, 100 << Shift, 4);
        machine.Vmas.Remove(vma);
        Assert.Equal(anonVma, machine.Vmas[moved].AnonVma);
        Assert.Equal([(mm, 102UL)], Places(anonVma, 6));
    }

    [Fact]
    public void Lock_OfFrame_OnlyWhileItIsMapped()
    {
        uint vma = machine.MapTouched(mm, 4, 8);
        uint frame = Frame(vma, 4 << Shift);
        Assert.Equal(0u, machine.ReverseMap.Lock(frame));
        machine.Folios.Table.AddMapping(frame);
        machine.AssertSound();
        uint locked = machine.ReverseMap.Lock(frame);
        Assert.Equal(machine.Vmas[vma].AnonVma, locked);
        Assert.Equal(0u, machine.ReverseMap.TryLock(frame, out bool busy));
        Assert.True(busy);
        machine.ReverseMap.Unlock(locked);
        Assert.Equal(locked, machine.ReverseMap.TryLock(frame, out busy));
        Assert.False(busy);
        machine.ReverseMap.Unlock(locked);
        machine.Folios.Table.RemoveMapping(frame);
        machine.Exit(mm);
        Assert.Equal(0u, machine.ReverseMap.Lock(frame));
        machine.AssertNothingLeft();
    }

    [Fact]
    public void Lock_OfMappedFrameWithFreedAnonVma_IsReportedAsDamage()
    {
        uint vma = machine.MapTouched(mm, 4, 8);
        uint frame = Frame(vma, 4 << Shift);
        machine.Folios.Table.AddMapping(frame);
        machine.Vmas.Remove(vma);
        Assert.Single(machine.Verifier.VerifyFrames());
        Assert.Throws<CorruptImageException>(() => machine.ReverseMap.Lock(frame));
    }

    [Fact]
    public void Reference_KeepsTheNumberFromBeingReused()
    {
        uint anonVma = machine.Vmas[machine.MapTouched(mm, 4, 8)].AnonVma;
        Assert.True(machine.ReverseMap.TryGet(anonVma));
        machine.RemoveAll(mm);
        Assert.Equal(1u, machine.Vmas.AnonVmasInUse);
        Assert.NotEqual(anonVma, machine.Vmas[machine.MapTouched(mm, 4, 8)].AnonVma);
        machine.ReverseMap.Put(anonVma);
        machine.Exit(mm);
        machine.AssertNothingLeft();
        Assert.False(machine.ReverseMap.TryGet(anonVma));
    }

    private uint Frame(uint vma, ulong va)
    {
        uint frame = machine.Folios.TryAllocateZeroed();
        machine.Folios.Table.Set(frame, FrameFlags.Anon);
        machine.Folios.Table[frame].Mapping = machine.Vmas[vma].AnonVma;
        machine.Folios.Table[frame].Index = machine.Vmas.LinearIndex(vma, va);
        return frame;
    }

    private List<(uint Mm, ulong Page)> Places(uint anonVma, ulong index)
    {
        var places = new List<(uint, ulong)>();
        machine.ReverseMap.LockAnonVma(anonVma);
        foreach (ReverseMapPlace place in machine.ReverseMap.Candidates(anonVma, index))
            places.Add((machine.Vmas[place.Vma].AddressSpace, place.Address >> Shift));
        machine.ReverseMap.Unlock(anonVma);
        return places;
    }
}
