using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

public sealed class VmaLookupTests
{
    private const int Shift = StructureMachine.PageShift;

    [Fact]
    public void Find_AmongAsManyVmasAsLinuxAllows_GoesDownALogarithmicWay()
    {
        const uint count = 65_530; // vm.max_map_count
        using var machine = new StructureMachine(vmas: count);
        uint mm = machine.Spaces.TryCreate();
        for (ulong i = 0; i < count; i++)
            Assert.NotEqual(0u, machine.Map(mm, (3 * i) + 1, (3 * i) + 3));
        Assert.Equal(count, machine.Vmas.Count(mm));

        int longest = 0;
        for (ulong i = 0; i < count; i++)
        {
            uint vma = machine.Vmas.Find(mm, ((3 * i) + 2) << Shift);
            Assert.Equal(((3 * i) + 1) << Shift, machine.Vmas[vma].Start);
            Assert.Equal(0u, machine.Vmas.Find(mm, (3 * i) << Shift));
            Assert.Equal(vma, machine.Vmas.FindFirstEndingAbove(mm, (3 * i) << Shift));
            int depth = 0;
            for (uint at = vma; at != 0; at = machine.Vmas[at].Tree.Parent)
                depth++;
            longest = Math.Max(longest, depth);
        }

        Assert.InRange(longest, 16, (int)(1.4405 * Math.Log2(count + 2)));
        machine.AssertSound();
    }

    [Fact]
    public void Lookups_AtEdges_SeeHalfOpenRanges()
    {
        using var machine = new StructureMachine();
        uint mm = machine.Spaces.TryCreate();
        Assert.Equal(0u, machine.Vmas.FindFirstEndingAbove(mm, 0));
        uint low = machine.Map(mm, 1, 2);
        uint high = machine.Map(mm, 2, 4, VmaFlags.Read);
        Assert.Equal(0u, machine.Vmas.Find(mm, (1 << Shift) - 1));
        Assert.Equal(low, machine.Vmas.Find(mm, 1 << Shift));
        Assert.Equal(low, machine.Vmas.Find(mm, (2 << Shift) - 1));
        Assert.Equal(high, machine.Vmas.Find(mm, 2 << Shift));
        Assert.Equal(0u, machine.Vmas.Find(mm, 4 << Shift));
        Assert.Equal(0u, machine.Vmas.FindFirstEndingAbove(mm, 4 << Shift));
        Assert.Equal((high, 0u, low, 0u), (machine.Vmas.Next(low), machine.Vmas.Next(high), machine.Vmas.Previous(high), machine.Vmas.Previous(low)));
        Assert.False(machine.Vmas.Overlaps(mm, 0, 1 << Shift));
        Assert.True(machine.Vmas.Overlaps(mm, 0, (1 << Shift) + 1));
        Assert.False(machine.Vmas.Overlaps(mm, 4 << Shift, 9 << Shift));
    }
}
