using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>mremap_test.c on x86-64.</summary>
public sealed class X64MremapSelftests : MremapSelftests<X64FourLevel>;

/// <summary>mremap_test.c on SPARC.</summary>
public sealed class SparcMremapSelftests : MremapSelftests<Sun4v>;

/// <summary>The rows of mremap_test.c: alignments and sizes, growing with a merge, and moves of several VMAs.</summary>
public abstract class MremapSelftests<TArch>
    where TArch : struct, IArchitecture
{
    private const ulong Mega = 1UL << 20;
    private const ulong Giga = 1UL << 30;

    private static readonly SelftestTable<TArch> Table = new SelftestTable<TArch>()
        .Row("mremap - Source and Destination Regions Overlapping", static w => Refused(w, 0, 0))
        .Row("mremap - Destination Address Misaligned (1KB-aligned)", static w => Refused(w, 0, Mega + 1024))
        .Row("mremap - Source Address Misaligned (1KB-aligned)", static w => Refused(w, 1024, Mega))
        .Row("8KB mremap - Source PTE-aligned, Destination PTE-aligned", static w => Moves(w, Pte, Pte, 2 * Pte))
        .Row("2MB mremap - Source 1MB-aligned, Destination PTE-aligned", static w => Moves(w, Mega, Pte, 2 * Mega))
        .Row("2MB mremap - Source 1MB-aligned, Destination 1MB-aligned", static w => Moves(w, Mega, Mega, 2 * Mega))
        .Row("4MB mremap - Source PMD-aligned, Destination PTE-aligned", static w => Moves(w, Pmd, Pte, 2 * Pmd))
        .Row("4MB mremap - Source PMD-aligned, Destination 1MB-aligned", static w => Moves(w, Pmd, Mega, 2 * Pmd))
        .Row("4MB mremap - Source PMD-aligned, Destination PMD-aligned", static w => Moves(w, Pmd, Pmd, 2 * Pmd))
        .Row("2GB mremap - Source PUD-aligned, Destination PTE-aligned", static w => Moves(w, Pud, Pte, 2 * Giga))
        .Row("2GB mremap - Source PUD-aligned, Destination 1MB-aligned", static w => Moves(w, Pud, Mega, 2 * Giga))
        .Row("2GB mremap - Source PUD-aligned, Destination PMD-aligned", static w => Moves(w, Pud, Pmd, 2 * Giga))
        .Row("2GB mremap - Source PUD-aligned, Destination PUD-aligned", static w => Moves(w, Pud, Pud, 2 * Giga))
        .Row("5MB mremap - Source 1MB-aligned, Destination 1MB-aligned", static w => Moves(w, Mega, Mega, 5 * Mega))
        .Row("5MB mremap - Source 1MB-aligned, Dest 1MB-aligned with 40MB Preamble", static w => Moves(w, Mega, Mega, 5 * Mega, 40 * Mega))
        .Row("1GB mremap - Source PTE-aligned, Destination PTE-aligned", static w => Moves(w, Pte, Pte, Giga))
        .Row("1GB mremap - Source PMD-aligned, Destination PMD-aligned", static w => Moves(w, Pmd, Pmd, Giga))
        .Row("1GB mremap - Source PUD-aligned, Destination PUD-aligned", static w => Moves(w, Pud, Pud, Giga))
        .Row("mremap expand merge", static w => ExpandMerge(w, offset: 0))
        .Row("mremap expand merge offset", static w => ExpandMerge(w, offset: 1))
        .Row("mremap mremap move within range", MoveWithinRange)
        .Row("mremap move 1mb from start at 1MB+256KB aligned src", MoveFromStart)
        .Row("mremap shrink multiple vmas", ShrinkInPlace)
        .Row("mremap shrink multiple vmas, move", ShrinkMoved)
        .Row("mremap move multiple vmas", static w => MoveMultiple(w, dontUnmap: false))
        .Row("mremap move multiple vmas, with MREMAP_DONTUNMAP", static w => MoveMultiple(w, dontUnmap: true))
        .Row("mremap move multiple vmas split", static w => MoveSplit(w, dontUnmap: false))
        .Row("mremap move multiple vmas split, with MREMAP_DONTUNMAP", static w => MoveSplit(w, dontUnmap: true))
        .Row("mremap move multiple invalid vmas", MoveArmed);

    public static TheoryData<string> Rows => [.. Table.Names];

    private static ulong Pte => 1UL << TArch.PageShift;

    private static ulong Pmd => 1UL << TArch.LevelShift(2);

    private static ulong Pud => 1UL << TArch.LevelShift(3);

    [Theory]
    [MemberData(nameof(Rows))]
    public void Row(string name) => Table.Run(name);

    [Fact]
    public void TheTable_HasTheKernelsTwentyNineRows() => Assert.Equal(29, Table.Names.Count);

    private static ulong At(long page) => MarksWorld<TArch>.At(page);

    private static ulong Bytes(long pages) => MarksWorld<TArch>.Bytes(pages);

    private static void Refused(MarksWorld<TArch> w, ulong sourceOffset, ulong targetOffset)
    {
        w.Map(0, 8);
        w.Write(0, 5);
        ulong source = At(0) + sourceOffset;
        ulong target = targetOffset == 0 ? source + Pte : At(0) + targetOffset;
        Assert.Equal(MmResult.Invalid, w.Machine.Move(w.Process, source, target, 2 * Pte));
        Assert.Equal(5, w.Read(0));
    }

    /// <summary>An address that is a multiple of the alignment and of nothing larger.</summary>
    private static ulong Place(ulong @base, ulong alignment) => ((@base + alignment - 1) & ~(alignment - 1)) | alignment;

    /// <summary>Pages that get a pattern: all of a small range, in a large one some at its ends, at borders of tables and between.</summary>
    private static IEnumerable<ulong> Sampled(ulong length)
    {
        ulong pages = length / Pte;
        if (pages <= 512)
            return Enumerable.Range(0, (int)pages).Select(static page => (ulong)page * Pte);
        ulong stride = Math.Max(Pte, (length / 100) & ~(Pte - 1));
        var places = new SortedSet<ulong> { 0, Pte, length - Pte, length - (2 * Pte) };
        for (ulong place = 0; place < length; place += stride)
            places.Add(place);
        for (ulong place = Pmd; place < length && places.Count < 300; place += Pmd)
        {
            places.Add(place);
            places.Add(place - Pte);
        }

        return places;
    }

    private static byte Pattern(ulong offset) => (byte)((offset / Pte * 7) + (offset / Pmd) + 1);

    private static void Fill(MarksWorld<TArch> w, ulong start, ulong length)
    {
        var counters = new FaultCounters();
        foreach (ulong offset in Sampled(length))
            Assert.Equal(UserAccessResult.Ok, w.Machine.Write(w.Process, start + offset, [Pattern(offset)], ref counters));
    }

    private static void IsFilled(MarksWorld<TArch> w, ulong start, ulong length)
    {
        var counters = new FaultCounters();
        var one = new byte[1];
        foreach (ulong offset in Sampled(length))
        {
            Assert.Equal(UserAccessResult.Ok, w.Machine.Read(w.Process, start + offset, one, ref counters));
            Assert.Equal((offset, Pattern(offset)), (offset, one[0]));
        }
    }

    private static void Moves(MarksWorld<TArch> w, ulong sourceAlignment, ulong targetAlignment, ulong length, ulong preamble = 0)
    {
        length = Math.Max(length & ~(Pte - 1), 2 * Pte);
        ulong source = Place(1UL << 35, sourceAlignment);
        ulong target = Place(1UL << 38, targetAlignment);
        Assert.Equal(MmResult.Ok, w.Machine.Map(w.Process, source, length, VmaFlags.Read | VmaFlags.Write));
        Fill(w, source, length);
        if (preamble != 0)
        {
            Assert.Equal(MmResult.Ok, w.Machine.Map(w.Process, target - preamble, preamble, VmaFlags.Read | VmaFlags.Write));
            Fill(w, target - preamble, preamble);
        }

        Assert.Equal(MmResult.Ok, w.Advise((long)((source - At(0)) / Pte), 2, Advice.PageOut)); // swap entries move too
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, source, target, length));
        IsFilled(w, target, length);
        if (preamble != 0)
            IsFilled(w, target - preamble, preamble);
    }

    private static void ExpandMerge(MarksWorld<TArch> w, int offset)
    {
        w.Map(0, 3);
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(1), Bytes(1)));
        if (offset == 0)
        {
            Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, At(0), Bytes(1), Bytes(2), mayMove: false, out _));
        }
        else
        {
            // The VMA is remapped from its second page on.
            Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(2), Bytes(1)));
            Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, At(0), Bytes(1), Bytes(2), mayMove: false, out _));
            Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, At(1), Bytes(1), Bytes(2), mayMove: false, out _));
        }

        Assert.Equal(1, w.Vmas(0, 3));
    }

    private static void MoveWithinRange(MarksWorld<TArch> w)
    {
        ulong start = Place(1UL << 35, Pmd);
        Assert.Equal(MmResult.Ok, w.Machine.Map(w.Process, start, 20 * Mega, VmaFlags.Read | VmaFlags.Write));
        ulong source = start + (6 * Mega);
        Fill(w, source, 2 * Mega);
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, source + Mega, source - (3 * Mega), Mega));
        var counters = new FaultCounters();
        var one = new byte[1];
        foreach (ulong offset in Sampled(2 * Mega))
        {
            ulong now = offset < Mega ? source + offset : source - (3 * Mega) + offset - Mega;
            Assert.Equal(UserAccessResult.Ok, w.Machine.Read(w.Process, now, one, ref counters));
            Assert.Equal(Pattern(offset), one[0]);
        }
    }

    private static void MoveFromStart(MarksWorld<TArch> w)
    {
        ulong source = Place(1UL << 35, Pmd);
        Assert.Equal(MmResult.Ok, w.Machine.Map(w.Process, source, 2 * Mega, VmaFlags.Read | VmaFlags.Write));
        Fill(w, source, 2 * Mega);
        ulong target = Place(1UL << 38, Pmd) + Mega; // nothing is mapped below it in its table
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, source + Mega, target, Mega));
        var counters = new FaultCounters();
        var one = new byte[1];
        foreach (ulong offset in Sampled(2 * Mega))
        {
            Assert.Equal(UserAccessResult.Ok, w.Machine.Read(w.Process, offset < Mega ? source + offset : target + offset - Mega, one, ref counters));
            Assert.Equal(Pattern(offset), one[0]);
        }
    }

    /// <summary>Ten pages of which every second one is unmapped; the others have a pattern.</summary>
    private static void MapWithHoles(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page++)
            w.Write(page, (byte)('a' + page));
        w.PageOut(4, 1);
        for (int page = 1; page < 10; page += 2)
            Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(page), Bytes(1)));
    }

    private static void HasHoles(MarksWorld<TArch> w, long start, byte first = (byte)'a')
    {
        for (int page = 0; page < 10; page++)
        {
            if (page % 2 == 0)
                Assert.Equal(first + page, w.Read(start + page));
            else
                Assert.Equal(UserAccessResult.SegmentationFault, w.TryRead(start + page));
        }
    }

    private static void ShrinkInPlace(MarksWorld<TArch> w)
    {
        MapWithHoles(w);
        Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, At(0), Bytes(10), Bytes(1), mayMove: false, out _));
        Assert.Equal((byte)'a', w.Read(0));
        Assert.Equal(1, w.Vmas(0, 10));
    }

    private static void ShrinkMoved(MarksWorld<TArch> w)
    {
        MapWithHoles(w);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.MoveAndResize(w.Process, At(0), Bytes(10), At(100), Bytes(1), ref counters));
        Assert.Equal(0, w.Vmas(0, 10));
        Assert.Equal(1, w.Vmas(100, 10));
        Assert.Equal((byte)'a', w.Read(100));
    }

    private static void MoveMultiple(MarksWorld<TArch> w, bool dontUnmap)
    {
        MapWithHoles(w);
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, At(0), At(100), Bytes(10), dontUnmap));
        HasHoles(w, 100);
        Assert.Equal(dontUnmap ? 5 : 0, w.Vmas(0, 10));
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, At(100), At(111), Bytes(10), dontUnmap)); // next to itself
        HasHoles(w, 111);
        w.Map(200, 10);
        w.Write(201, 9);
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, At(111), At(200), Bytes(10), dontUnmap)); // over something
        for (int page = 0; page < 10; page += 2)
            Assert.Equal('a' + page, w.Read(200 + page));
        Assert.Equal(9, w.Read(201)); // a gap of the source replaces nothing
    }

    private static void MoveSplit(MarksWorld<TArch> w, bool dontUnmap)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page++)
            w.Write(page, (byte)('a' + page));
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(5), Bytes(1)));
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, At(2), At(100), Bytes(6), dontUnmap));
        for (int page = 2; page < 8; page++)
        {
            if (page == 5)
                Assert.Equal(UserAccessResult.SegmentationFault, w.TryRead(98 + page));
            else
                Assert.Equal('a' + page, w.Read(98 + page));
        }

        foreach (int page in (int[])[0, 1, 8, 9])
            Assert.Equal('a' + page, w.Read(page));
        Assert.Equal(dontUnmap ? UserAccessResult.Ok : UserAccessResult.SegmentationFault, w.TryRead(3));
    }

    private static void MoveArmed(MarksWorld<TArch> w)
    {
        MapWithHoles(w);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, 1, UserfaultModes.Missing));
        Assert.Equal(MmResult.Fault, w.Machine.Move(w.Process, At(0), At(100), Bytes(10)));
        Assert.Equal(0, w.Vmas(100, 10)); // the first one is unfit: nothing was moved
        HasHoles(w, 0);
        Assert.Equal(MmResult.Ok, w.Uffd.Unregister(w.Process, At(0), At(1)));
        Assert.Equal(MmResult.Ok, w.Register(4, 1, UserfaultModes.Missing));
        Assert.Equal(MmResult.Fault, w.Machine.Move(w.Process, At(0), At(100), Bytes(10)));
        Assert.Equal((byte)'a', w.Read(100)); // those before it were
        Assert.Equal((byte)'c', w.Read(102));
        Assert.Equal((byte)'e', w.Read(4));
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, At(4), At(104), Bytes(1))); // alone it may
        Assert.Equal((byte)'e', w.Read(104));
    }
}
