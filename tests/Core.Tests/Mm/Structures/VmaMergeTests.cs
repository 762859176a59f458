using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>The merge table: two VMAs side by side merge when everything is equal, and each single difference keeps them apart.</summary>
public sealed class VmaMergeTests : IDisposable
{
    private const VmaFlags Rw = VmaFlags.Read | VmaFlags.Write;
    private const int Shift = StructureMachine.PageShift;

    private readonly StructureMachine machine = new();
    private readonly uint mm;

    public VmaMergeTests() => mm = machine.Spaces.TryCreate();

    public void Dispose()
    {
        machine.AssertSound();
        machine.Dispose();
    }

    [Fact]
    public void Map_BetweenTwoEqualVmas_MakesThemOne()
    {
        uint low = machine.Map(mm, 0, 2);
        machine.Map(mm, 4, 6);
        Assert.Equal(2u, machine.Vmas.Count(mm));
        Assert.Equal(low, machine.Map(mm, 2, 4));
        Assert.Equal(1u, machine.Vmas.Count(mm));
        Assert.Equal((0UL, 6UL << Shift, 0UL), Bounds(low));
    }

    [Fact]
    public void Map_BelowAVma_ExtendsItDownwards()
    {
        uint high = machine.Map(mm, 4, 6);
        Assert.Equal(high, machine.Map(mm, 2, 4));
        Assert.Equal((2UL << Shift, 6UL << Shift, 2UL), Bounds(high));
    }

    public static TheoryData<VmaFlags> FlagsThatCount() =>
        new(Enum.GetValues<VmaFlags>().Distinct().Where(flag => flag is not (VmaFlags.None or VmaFlags.Guard or VmaFlags.SoftDirty)));

    [Theory]
    [MemberData(nameof(FlagsThatCount))]
    public void Map_WithAnyOtherFlag_StaysApart(VmaFlags flag)
    {
        machine.Map(mm, 0, 2);
        machine.Map(mm, 2, 4, Rw ^ flag);
        Assert.Equal(2u, machine.Vmas.Count(mm));
    }

    [Theory]
    [InlineData(VmaFlags.Guard)]
    [InlineData(VmaFlags.SoftDirty)]
    public void Map_WithStickyFlag_MergesAndUnites(VmaFlags flag)
    {
        uint low = machine.Map(mm, 0, 2);
        machine.Map(mm, 2, 4, Rw | flag);
        Assert.Equal(1u, machine.Vmas.Count(mm));
        Assert.Equal(Rw | flag, machine.Vmas.FlagsOf(low));
        machine.Map(mm, 4, 6);
        Assert.Equal(Rw | flag, machine.Vmas.FlagsOf(low));
    }

    [Fact]
    public void Map_OfAnotherObject_StaysApart()
    {
        machine.Vmas.TryMap(mm, 0, 2 << Shift, Rw, 0, 1);
        machine.Vmas.TryMap(mm, 2 << Shift, 4 << Shift, Rw, 2, 2);
        machine.Vmas.TryMap(mm, 4 << Shift, 6 << Shift, Rw, 4, 0);
        Assert.Equal(3u, machine.Vmas.Count(mm));
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(3UL)]
    public void Map_AtAnotherPageOffset_StaysApart(ulong offset)
    {
        machine.Map(mm, 0, 2);
        machine.Vmas.TryMap(mm, 2 << Shift, 4 << Shift, Rw, offset, 0);
        Assert.Equal(2u, machine.Vmas.Count(mm));
    }

    [Fact]
    public void Modify_ToAnotherUffdContext_StaysApartAndMergesWhenEqual()
    {
        uint low = machine.Map(mm, 0, 4);
        uint high = machine.Vmas.TryModify(low, 2 << Shift, 4 << Shift, Rw, 5);
        Assert.NotEqual(low, high);
        Assert.Equal(low, machine.Vmas.TryModify(low, 0, 2 << Shift, Rw, 6));
        Assert.Equal(2u, machine.Vmas.Count(mm));
        Assert.Equal(high, machine.Vmas.TryModify(low, 0, 2 << Shift, Rw, 5));
        Assert.Equal(1u, machine.Vmas.Count(mm));
        Assert.Equal(5u, machine.Vmas[high].Uffd);
    }

    [Fact]
    public void Modify_WithEqualAnonVma_MergesBack()
    {
        uint vma = machine.MapTouched(mm, 0, 6);
        uint middle = machine.Vmas.TryModify(vma, 2 << Shift, 4 << Shift, VmaFlags.Read, 0);
        Assert.Equal(3u, machine.Vmas.Count(mm));
        Assert.Equal(3u, machine.AnonVma(machine.Vmas[vma].AnonVma).ActiveVmas);
        Assert.Equal(vma, machine.Vmas.TryModify(middle, 2 << Shift, 4 << Shift, Rw, 0));
        Assert.Equal(1u, machine.Vmas.Count(mm));
        Assert.Equal(1u, machine.AnonVma(machine.Vmas[vma].AnonVma).ActiveVmas);
    }

    [Fact]
    public void Modify_BetweenDifferentAnonVmas_MergesWithTheLowerOnly()
    {
        uint low = machine.MapTouched(mm, 0, 2);
        uint middle = machine.Map(mm, 2, 4, Rw | VmaFlags.DontFork);
        uint high = machine.MapTouched(mm, 4, 6);
        Assert.NotEqual(machine.Vmas[low].AnonVma, machine.Vmas[high].AnonVma);
        Assert.Equal(low, machine.Vmas.TryModify(middle, 2 << Shift, 4 << Shift, Rw, 0));
        Assert.Equal(2u, machine.Vmas.Count(mm));
        Assert.Equal(4UL << Shift, machine.Vmas[low].End);
        Assert.Equal(4UL << Shift, machine.Vmas[high].Start);
    }

    [Fact]
    public void Modify_WithTwoDifferentAnonVmas_StaysApart()
    {
        machine.MapTouched(mm, 0, 2);
        uint high = machine.MapTouched(mm, 2, 4, Rw | VmaFlags.DontFork);
        Assert.Equal(high, machine.Vmas.TryModify(high, 2 << Shift, 4 << Shift, Rw, 0));
        Assert.Equal(2u, machine.Vmas.Count(mm));
    }

    [Fact]
    public void Map_BesideSingleAnonVma_Merges()
    {
        uint low = machine.MapTouched(mm, 0, 2);
        Assert.Equal(low, machine.Map(mm, 2, 4));
        Assert.Equal(low, machine.Map(mm, 4, 6));
    }

    [Fact]
    public void Map_BesideInheritedChain_StaysApart()
    {
        machine.MapTouched(mm, 0, 2);
        uint child = machine.Fork(mm);
        machine.Map(child, 2, 4);
        Assert.Equal(2u, machine.Vmas.Count(child));
        Assert.Equal(2u, machine.Vmas[machine.Vmas.Find(child, 0)].ChainLength);
    }

    [Fact]
    public void Map_BelowUntouchedAndTouched_TakesTheAnonVmaOfTheUpper()
    {
        uint low = machine.Map(mm, 0, 2);
        uint high = machine.MapTouched(mm, 4, 6);
        uint anonVma = machine.Vmas[high].AnonVma;
        Assert.Equal(low, machine.Map(mm, 2, 4));
        Assert.Equal(1u, machine.Vmas.Count(mm));
        Assert.Equal(anonVma, machine.Vmas[low].AnonVma);
        Assert.Equal(1u, machine.Vmas.AnonVmaChainsInUse);
    }

    [Fact]
    public void CopyForMove_BetweenUntouchedAndTouched_MergesWithTheLowerOnly()
    {
        // Where a new mapping would make all three one, a move does not: the kernel compares the two neighbours strictly.
        uint low = machine.Map(mm, 0, 2);
        machine.MapTouched(mm, 4, 6);
        machine.Map(mm, 10, 12);
        Assert.Equal(low, machine.Vmas.TryCopyForMove(machine.Vmas.Find(mm, 10 << Shift), 10 << Shift, 2 << Shift, 2 << Shift, 2));
        Assert.Equal(3u, machine.Vmas.Count(mm));
    }

    [Fact]
    public void CopyForMove_OfUffdVma_LosesTheRegistration()
    {
        uint vma = machine.Map(mm, 0, 2);
        vma = machine.Vmas.TryModify(vma, 0, 2 << Shift, Rw | VmaFlags.UffdWriteProtect, 3);
        uint moved = machine.Vmas.TryCopyForMove(vma, 0, 2 << Shift, 8 << Shift, 8);
        Assert.Equal((0u, Rw), (machine.Vmas[moved].Uffd, machine.Vmas.FlagsOf(moved)));
        Assert.Equal(3u, machine.Vmas[vma].Uffd);
    }

    [Fact]
    public void CopyForMove_ThatClosesTheGapToItself_AbsorbsTheSource()
    {
        uint low = machine.Map(mm, 0, 2);
        machine.Map(mm, 4, 8);
        uint moved = machine.Vmas.TryCopyForMove(machine.Vmas.Find(mm, 4 << Shift), 6 << Shift, 2 << Shift, 2 << Shift, 2);
        Assert.Equal(low, moved);
        Assert.Equal((0UL, 8UL << Shift, 0UL), Bounds(low));
        Assert.Equal(1u, machine.Vmas.Count(mm));
    }

    [Fact]
    public void Prepare_BesideVmaThatDiffersInAccessOnly_SharesItsAnonVma()
    {
        uint low = machine.MapTouched(mm, 0, 2);
        uint high = machine.MapTouched(mm, 2, 4, VmaFlags.Read);
        Assert.Equal(machine.Vmas[low].AnonVma, machine.Vmas[high].AnonVma);
        Assert.Equal(low, machine.Vmas.TryModify(high, 2 << Shift, 4 << Shift, Rw, 0));
    }

    [Fact]
    public void Prepare_BetweenTwo_PrefersTheUpper()
    {
        uint low = machine.MapTouched(mm, 0, 2);
        uint high = machine.MapTouched(mm, 4, 6);
        uint middle = machine.MapTouched(mm, 2, 4, VmaFlags.Read);
        Assert.NotEqual(machine.Vmas[low].AnonVma, machine.Vmas[high].AnonVma);
        Assert.Equal(machine.Vmas[high].AnonVma, machine.Vmas[middle].AnonVma);
    }

    [Fact]
    public void Fork_AfterTheMiddleGenerationLeft_TakesItsAnonVmaOver()
    {
        machine.MapTouched(mm, 0, 2);
        uint child = machine.Fork(mm);
        uint deserted = machine.Vmas[machine.Vmas.Find(child, 0)].AnonVma;
        uint grandchild = machine.Fork(child);
        machine.Exit(child);
        uint next = machine.Fork(grandchild);
        Assert.Equal(deserted, machine.Vmas[machine.Vmas.Find(next, 0)].AnonVma);
        Assert.Equal(3u, machine.Vmas.AnonVmasInUse);
        uint last = machine.Fork(grandchild);
        Assert.NotEqual(deserted, machine.Vmas[machine.Vmas.Find(last, 0)].AnonVma);
    }

    [Fact]
    public void Fork_AfterTheRootsOwnerLeft_NeverTakesTheRootOver()
    {
        uint root = machine.Vmas[machine.MapTouched(mm, 0, 2)].AnonVma;
        uint child = machine.Fork(mm);
        machine.RemoveAll(mm);
        uint grandchild = machine.Fork(child);
        Assert.Equal(root, machine.AnonVma(machine.Vmas[machine.Vmas.Find(grandchild, 0)].AnonVma).Root);
        Assert.NotEqual(root, machine.Vmas[machine.Vmas.Find(grandchild, 0)].AnonVma);
        Assert.Equal(0u, machine.AnonVma(root).ActiveVmas);
    }

    [Fact]
    public void Misuse_Throws()
    {
        uint vma = machine.Map(mm, 2, 4);
        Assert.Throws<ArgumentException>(() => machine.Map(mm, 3, 5));
        Assert.Throws<ArgumentException>(() => machine.Map(mm, 5, 5));
        Assert.Throws<ArgumentException>(() => machine.Vmas.TryMap(mm, 1, 4096, Rw, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => machine.Vmas.TrySplit(vma, 2 << Shift));
        Assert.Throws<ArgumentOutOfRangeException>(() => machine.Vmas.TrySplit(vma, (3 << Shift) + 1));
        Assert.Throws<ArgumentException>(() => machine.Vmas.TryModify(vma, 1 << Shift, 3 << Shift, Rw, 0));
        Assert.Throws<InvalidOperationException>(() => machine.Spaces.Destroy(mm));
    }

    private (ulong Start, ulong End, ulong Offset) Bounds(uint vma) =>
        (machine.Vmas[vma].Start, machine.Vmas[vma].End, machine.Vmas[vma].PageOffset);
}
