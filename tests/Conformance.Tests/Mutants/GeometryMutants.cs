using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>Shapes broken in one place each.</summary>
public static class GeometryMutants
{
    public static IEnumerable<Mutant> All =>
    [
        Mutant.Of<LevelGap>("geometry/levels", "level 3 covers twice what the tables below it cover"),
        Mutant.Of<TableTooLarge>("geometry/tables", "a table has 1024 entries"),
        Mutant.Of<UserSpaceInHole>("geometry/user-space", "user space reaches into the hole"),
        Mutant.Of<UserSpaceUnaligned>("geometry/user-space", "user space ends inside a page"),
        Mutant.Of<NoHole>("geometry/user-space", "every address is canonical"),
        Mutant.Of<SignedRoot>("walk/quick", "the root index is taken for signed, which loses half of all addresses"),
        Mutant.Of<HugeIsGigantic>("geometry/huge", "the huge page is that of level 3"),
        Mutant.Of<OddCluster>("geometry/identity", "a cluster has 500 slots"),
        Mutant.Of<NumberOfNobody>("geometry/identity", "the number in the image is 0"),
    ];

    private readonly struct LevelGap : IMutant<X64FourLevel>
    {
        static int IPageGeometry.LevelShift(int level) => X64Geometry.LevelShift(level) + (level >= 3 ? 1 : 0);
    }

    private readonly struct TableTooLarge : IMutant<X64FourLevel>
    {
        static int IPageGeometry.LevelBits(int level) => 10;
    }

    private readonly struct UserSpaceInHole : IMutant<X64FourLevel>
    {
        static ulong IPageGeometry.UserSpaceEnd => 1UL << 48;
    }

    private readonly struct UserSpaceUnaligned : IMutant<X64FourLevel>
    {
        static ulong IPageGeometry.UserSpaceEnd => (1UL << 47) - 1;
    }

    private readonly struct NoHole : IMutant<X64FourLevel>
    {
        static bool IPageGeometry.IsCanonical(ulong virtualAddress) => true;
    }

    private readonly struct SignedRoot : IMutant<Arm64FourLevel>
    {
        static bool IQuickWalk.RootIndexIsSigned => true;
    }

    private readonly struct HugeIsGigantic : IMutant<X64FourLevel>
    {
        static int IArchitecture.HugePageShift => X64Geometry.LevelShift(3);
    }

    private readonly struct OddCluster : IMutant<X64FourLevel>
    {
        static int IArchitecture.SwapClusterSlots => 500;
    }

    private readonly struct NumberOfNobody : IMutant<X64FourLevel>
    {
        static uint IArchitecture.Id => 0;
    }
}
