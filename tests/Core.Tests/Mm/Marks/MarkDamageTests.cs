using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using World = PageTableEmu.Core.Tests.Mm.Marks.MarksWorld<PageTableEmu.Arch.X64.X64FourLevel>;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>The verifier tells each kind of wrong mark by its name.</summary>
public sealed class MarkDamageTests
{
    [Fact]
    public void AWriteProtectedPage_InAnUnregisteredMapping_IsMK1() =>
        Tells("MK1", static (w, entry) => X64Leaf.MakeUffdWp(entry));

    [Fact]
    public void AMarker_InAnUnregisteredMapping_IsMK1() =>
        Tells("MK1", static (w, _) => SoftLeaf.OfMarker(PteMarkers.UffdWp).Encode<X64FourLevel>(w.Mm.SwapTypes), page: 1);

    [Fact]
    public void AWriteProtectedPage_ThatIsWritable_IsMK2() => Tells(
        "MK2",
        static (w, entry) =>
        {
            w.Open();
            Assert.Equal(MmResult.Ok, w.Register(0, 8, UserfaultModes.WriteProtect));
            return X64Leaf.MakeWritable(X64Leaf.MakeUffdWp(entry));
        });

    [Fact]
    public void AGuardMarker_InAMappingThatDoesNotKnowOfIt_IsMK3() =>
        Tells("MK3", static (w, _) => SoftLeaf.OfMarker(PteMarkers.Guard).Encode<X64FourLevel>(w.Mm.SwapTypes), page: 1);

    [Fact]
    public void AWritablePage_WhoseStoresWouldNotBeNoticed_IsMK4() => Tells(
        "MK4",
        static (w, entry) =>
        {
            w.ClearSoftDirty();
            return X64Leaf.ClearSoftDirty(entry);
        });

    private static void Tells(string invariant, Func<World, Pte, Pte> damage, long page = 0)
    {
        using var w = new World();
        w.Map(0, 8);
        w.Write(0, 1);
        w.Sound();
        uint table = w.Mm.Tables.LeafTable(w.Mm.Spaces[w.Process].Root, World.At(page));
        ref ulong word = ref w.Mm.Tables.Entry(table, World.At(page));
        Pte before = PageTables<X64FourLevel, CheckedModel>.Load(ref word);
        PageTables<X64FourLevel, CheckedModel>.Store(ref word, damage(w, before));
        Assert.Contains(w.Machine.Verify(), violation => violation.Invariant == invariant);
        PageTables<X64FourLevel, CheckedModel>.Store(ref word, before);
    }
}
