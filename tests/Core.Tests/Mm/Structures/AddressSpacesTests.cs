namespace PageTableEmu.Core.Tests.Mm.Structures;

public sealed class AddressSpacesTests : IDisposable
{
    private readonly StructureMachine machine = new();

    public void Dispose() => machine.Dispose();

    [Fact]
    public void MmList_HoldsNewestFirst_AndAChildBehindItsParent()
    {
        uint[] mm = [.. Enumerable.Range(0, 6).Select(_ => machine.Spaces.TryCreate())];
        machine.Spaces.AddToMmList(mm[0]);
        machine.Spaces.AddToMmList(mm[1]);
        machine.Spaces.AddToMmList(mm[0]); // is on it: stays in its place
        machine.Spaces.AddToMmListBehind(mm[2], mm[1]);
        machine.Spaces.AddToMmListBehind(mm[3], mm[4]); // parent not on it: at the head
        machine.Spaces.AddToMmListBehind(mm[5], mm[0]);
        Assert.Equal([mm[3], mm[1], mm[2], mm[0], mm[5]], MmList());
        machine.Spaces.RemoveFromMmList(mm[2]);
        machine.Spaces.RemoveFromMmList(mm[4]); // is not on it
        machine.Spaces.Destroy(mm[5]);
        Assert.Equal([mm[3], mm[1], mm[0]], MmList());
        Assert.Equal(3u, machine.Spaces.MmListCount);
        machine.Spaces.ClearMmList();
        Assert.Empty(MmList());
        machine.Spaces.AddToMmList(mm[1]);
        Assert.Equal([mm[1]], MmList());
    }

    [Fact]
    public void NumbersAreReused_GenerationsAreNot()
    {
        uint first = machine.Spaces.TryCreate();
        ulong generation = machine.Spaces[first].Generation;
        machine.Spaces.Destroy(first);
        Assert.False(machine.Spaces.IsLive(first));
        uint second = machine.Spaces.TryCreate();
        Assert.Equal(first, second);
        Assert.True(machine.Spaces.IsLive(second));
        Assert.NotEqual(generation, machine.Spaces[second].Generation);
    }

    [Fact]
    public void Create_WhenTheyAreUsedUp_GivesZeroAndRecovers()
    {
        var all = new List<uint>();
        for (uint mm = machine.Spaces.TryCreate(); mm != 0; mm = machine.Spaces.TryCreate())
            all.Add(mm);
        Assert.Equal(64, all.Count);
        machine.Spaces.Destroy(all[10]);
        Assert.Equal(all.Where(mm => mm != all[10]), Live());
        Assert.Equal(all[10], machine.Spaces.TryCreate());
    }

    private List<uint> MmList()
    {
        var list = new List<uint>();
        for (uint mm = machine.Spaces.NextOnMmList(0); mm != 0; mm = machine.Spaces.NextOnMmList(mm))
            list.Add(mm);
        return list;
    }

    private List<uint> Live()
    {
        var list = new List<uint>();
        for (uint mm = machine.Spaces.NextLive(0); mm != 0; mm = machine.Spaces.NextLive(mm))
            list.Add(mm);
        return list;
    }
}
