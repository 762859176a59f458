using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>guard-regions.c on x86-64.</summary>
public sealed class X64GuardRegionsSelftests : GuardRegionsSelftests<X64FourLevel>;

/// <summary>guard-regions.c on SPARC.</summary>
public sealed class SparcGuardRegionsSelftests : GuardRegionsSelftests<Sun4v>;

/// <summary>The rows of guard-regions.c as far as they concern anonymous memory.</summary>
public abstract class GuardRegionsSelftests<TArch>
    where TArch : struct, IArchitecture
{
    private const string NoFiles = "The page cache of files is not part of this machine.";
    private const string NoCall = "process_madvise(2) is a loop over madvise(2), which this machine has.";

    private static readonly SelftestTable<TArch> Table = new SelftestTable<TArch>()
        .Row("basic", Basic)
        .Row("multi_vma", MultiVma)
        .Without("process_madvise", NoCall)
        .Row("munmap", Munmap)
        .Row("mprotect", Mprotect)
        .Row("split_merge", SplitMerge)
        .Row("dontneed", DontNeed)
        .Row("mlock", Mlock)
        .Row("mremap_move", MremapMove)
        .Row("mremap_expand", MremapExpand)
        .Row("mremap_shrink", MremapShrink)
        .Row("fork", Fork)
        .Row("fork_cow", ForkCow)
        .Row("fork_wipeonfork", ForkWipe)
        .Row("lazyfree", static w => KeptBy(w, Advice.Free))
        .Row("populate", Populate)
        .Row("cold_pageout", static w => KeptBy(w, Advice.Cold, Advice.PageOut))
        .Row("uffd", Uffd)
        .Without("sequential_read_ahead", NoFiles)
        .Without("map_private", NoFiles)
        .Without("readonly_file", NoFiles)
        .Without("fault_around", NoFiles)
        .Row("truncation", Truncation)
        .Row("hole_punch", HolePunch)
        .Without("memfd_write_seal", NoFiles)
        .Row("anon_zeropage", AnonZeroPage)
        .Row("pagemap", Pagemap)
        .Row("pagemap_scan", PagemapScan)
        .Row("collapse", Collapse);

    public static TheoryData<string> Rows => [.. Table.Names];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Row(string name) => Table.Run(name);

    [Fact]
    public void TheTable_IsWhole() => Assert.Equal((23, 6), (Table.Names.Count, Table.LeftOut.Count));

    private static ulong At(long page) => MarksWorld<TArch>.At(page);

    private static ulong Bytes(long pages) => MarksWorld<TArch>.Bytes(pages);

    private static void Guarded(MarksWorld<TArch> w, long page, uint space = 0)
    {
        Assert.Equal(UserAccessResult.SegmentationFault, w.TryRead(page, space));
        Assert.Equal(UserAccessResult.SegmentationFault, w.TryWrite(page, 1, space));
    }

    private static void Free(MarksWorld<TArch> w, long page, uint space = 0)
    {
        w.Read(page, space);
        w.Write(page, 1, space);
    }

    private static void Install(MarksWorld<TArch> w, long page, long count = 1, uint space = 0) =>
        Assert.Equal(MmResult.Ok, w.Advise(page, count, Advice.GuardInstall, space));

    private static void Remove(MarksWorld<TArch> w, long page, long count = 1, uint space = 0) =>
        Assert.Equal(MmResult.Ok, w.Advise(page, count, Advice.GuardRemove, space));

    private static void Basic(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        Free(w, 0);
        Install(w, 0);
        Guarded(w, 0);
        for (int page = 1; page < 10; page++)
            Free(w, page);
        Install(w, 9);
        Guarded(w, 0);
        Guarded(w, 9);
        Install(w, 0, 10);
        for (int page = 0; page < 10; page++)
            Guarded(w, page);
        Remove(w, 0, 10);
        for (int page = 0; page < 10; page++)
            Assert.Equal(0, w.Read(page));
        Assert.Equal(1, w.Vmas(0, 10));
    }

    private static void MultiVma(MarksWorld<TArch> w)
    {
        for (int page = 0; page < 10; page += 2)
            w.Map(page, 1, page % 4 == 0 ? VmaFlags.Read | VmaFlags.Write : VmaFlags.Read | VmaFlags.Write | VmaFlags.DontDump);
        Assert.Equal(MmResult.NoMemory, w.Advise(0, 10, Advice.GuardInstall)); // the holes; the VMAs are done
        for (int page = 0; page < 10; page += 2)
            Guarded(w, page);
        for (int page = 1; page < 10; page += 2)
            w.Map(page, 1);
        for (int page = 0; page < 10; page++)
        {
            if (page % 2 == 0)
                Guarded(w, page);
            else
                Free(w, page);
        }

        Remove(w, 0, 10);
        for (int page = 0; page < 10; page++)
            Free(w, page);
    }

    private static void Munmap(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        Install(w, 0);
        Install(w, 9);
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(0), Bytes(1)));
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(9), Bytes(1)));
        w.Map(0, 1);
        w.Map(9, 1);
        Free(w, 0);
        Free(w, 9);
    }

    private static void Mprotect(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        Install(w, 5, 2);
        Assert.Equal(MmResult.Ok, w.Protect(0, 10, AccessRights.Read));
        for (int page = 0; page < 10; page++)
            Assert.Equal(page is 5 or 6 ? UserAccessResult.SegmentationFault : UserAccessResult.Ok, w.TryRead(page));
        Assert.Equal(MmResult.Ok, w.Protect(0, 10, AccessRights.Read | AccessRights.Write));
        Guarded(w, 5);
        Guarded(w, 6);
        Free(w, 7);
    }

    private static void SplitMerge(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page += 2)
            Install(w, page);
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(2), Bytes(1)));
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(5), Bytes(1)));
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, At(8), Bytes(1)));
        foreach (int page in (int[])[0, 4, 6])
            Guarded(w, page);
        w.Map(2, 1);
        w.Map(5, 1);
        w.Map(8, 1);
        foreach (int page in (int[])[2, 5, 8])
            Free(w, page); // they are not guarded any more
        Install(w, 0, 10);
        Assert.Equal(MmResult.Ok, w.Protect(3, 2, AccessRights.Read));
        Guarded(w, 3);
        Assert.Equal(MmResult.Ok, w.Protect(3, 2, AccessRights.Read | AccessRights.Write));
        for (int page = 0; page < 10; page++)
            Guarded(w, page);
    }

    private static void DontNeed(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page++)
            w.Write(page, 0x79);
        for (int page = 0; page < 10; page += 2)
            Install(w, page);
        Assert.Equal(MmResult.Ok, w.Advise(0, 10, Advice.DontNeed));
        for (int page = 0; page < 10; page++)
        {
            if (page % 2 == 0)
                Guarded(w, page);
            else
                Assert.Equal(0, w.Read(page));
        }
    }

    private static void Mlock(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page++)
            w.Write(page, 0x79);
        Assert.Equal(MmResult.Ok, w.Lock(0, 10));
        Assert.Equal(MmResult.Invalid, w.Advise(0, 10, Advice.GuardInstall));
        Assert.Equal(0x79, w.Read(3));
        Assert.Equal(MmResult.Ok, w.Machine.Unlock(w.Process, At(0), Bytes(10)));
        Install(w, 0, 5);
        Assert.Equal(MmResult.NoMemory, w.Lock(0, 10)); // guarded pages cannot be faulted in; locked all the same
        Remove(w, 0, 5);
        Assert.Equal(0, w.Read(0));
        Assert.Equal(0x79, w.Read(7));
    }

    private static void MremapMove(MarksWorld<TArch> w)
    {
        w.Map(0, 5);
        Install(w, 0);
        Install(w, 4);
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, At(0), At(20), Bytes(5)));
        Guarded(w, 20);
        Guarded(w, 24);
        Free(w, 22);
        Remove(w, 20, 5);
        Free(w, 20);
    }

    private static void MremapExpand(MarksWorld<TArch> w)
    {
        w.Map(0, 5);
        Install(w, 0);
        Install(w, 4);
        Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, At(0), Bytes(5), Bytes(10), mayMove: false, out _));
        Guarded(w, 0);
        Guarded(w, 4);
        Free(w, 9);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.MoveAndResize(w.Process, At(0), Bytes(10), At(40), Bytes(20), ref counters));
        Guarded(w, 40);
        Guarded(w, 44);
        Free(w, 59);
    }

    private static void MremapShrink(MarksWorld<TArch> w)
    {
        w.Map(0, 5);
        Install(w, 0);
        Install(w, 4);
        Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, At(0), Bytes(5), Bytes(3), mayMove: false, out _));
        Guarded(w, 0);
        Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, At(0), Bytes(3), Bytes(5), mayMove: false, out _));
        Guarded(w, 0);
        Free(w, 4); // the one that was cut off is gone
        Remove(w, 0, 5);
        Free(w, 0);
    }

    private static void Fork(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        Install(w, 0);
        Install(w, 9);
        uint child = w.Machine.Fork(w.Process);
        Guarded(w, 0, child);
        Guarded(w, 9, child);
        Remove(w, 0, 10, child);
        Free(w, 0, child);
        w.Machine.Exit(child);
        Guarded(w, 0);
        Guarded(w, 9);
    }

    private static void ForkCow(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page++)
            w.Write(page, (byte)('a' + page));
        uint child = w.Machine.Fork(w.Process);
        for (int page = 0; page < 10; page++)
            Assert.Equal('a' + page, w.Read(page, child));
        Install(w, 0, 5, child);
        Remove(w, 0, 5, child);
        for (int page = 0; page < 10; page++)
            Assert.Equal(page < 5 ? 0 : 'a' + page, w.Read(page, child));
        w.Machine.Exit(child);
        for (int page = 0; page < 10; page++)
            Assert.Equal('a' + page, w.Read(page));
    }

    private static void ForkWipe(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        Assert.Equal(MmResult.Ok, w.Advise(0, 10, Advice.WipeOnFork));
        Install(w, 0, 5);
        uint child = w.Machine.Fork(w.Process);
        for (int page = 0; page < 10; page++)
            Free(w, page, child);
        w.Machine.Exit(child);
        Guarded(w, 0);
        Free(w, 7);
    }

    private static void KeptBy(MarksWorld<TArch> w, params Advice[] advice)
    {
        w.Map(0, 10);
        Install(w, 0, 10);
        foreach (Advice one in advice)
        {
            Assert.Equal(MmResult.Ok, w.Advise(0, 10, one));
            for (int page = 0; page < 10; page++)
                Guarded(w, page);
        }
    }

    private static void Populate(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        Install(w, 0, 10);
        Assert.Equal(MmResult.Fault, w.Advise(0, 10, Advice.PopulateRead));
        Assert.Equal(MmResult.Fault, w.Advise(0, 10, Advice.PopulateWrite));
        Remove(w, 0, 10);
        Assert.Equal(MmResult.Ok, w.Advise(0, 10, Advice.PopulateWrite));
    }

    private static void Uffd(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, 10, UserfaultModes.Missing));
        Install(w, 0, 10);
        for (int page = 0; page < 10; page++)
            Guarded(w, page); // a signal, no message
        Remove(w, 0, 10);
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryRead(0));
    }

    private static uint MapObject(MarksWorld<TArch> w, int pages)
    {
        uint number = w.Machine.CreateSharedObject((ulong)pages);
        Assert.Equal(MmResult.Ok, w.Machine.MapObject(w.Process, At(0), Bytes(pages), VmaFlags.Read | VmaFlags.Write, number, 0));
        w.Machine.ReleaseSharedObject(number);
        return number;
    }

    private static void Truncation(MarksWorld<TArch> w)
    {
        uint number = MapObject(w, 10);
        for (int page = 0; page < 10; page++)
            w.Write(page, 1);
        for (int page = 0; page < 10; page += 2)
            Install(w, page);
        w.Machine.Truncate(number, 5);
        for (int page = 0; page < 5; page += 2)
            Guarded(w, page);
        w.Machine.Truncate(number, 10);
        for (int page = 0; page < 5; page += 2)
            Guarded(w, page);
        Assert.Equal(1, w.Read(1));
        Assert.Equal(0, w.Read(7));
    }

    private static void HolePunch(MarksWorld<TArch> w)
    {
        uint number = MapObject(w, 10);
        for (int page = 0; page < 10; page++)
            w.Write(page, 1);
        Install(w, 3, 4);
        w.Machine.PunchHole(number, 3, 4);
        for (int page = 3; page < 7; page++)
            Guarded(w, page);
        Remove(w, 3, 4);
        for (int page = 3; page < 7; page++)
            Assert.Equal(0, w.Read(page));
        Assert.Equal(1, w.Read(7));
    }

    private static void AnonZeroPage(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page++)
            Assert.Equal(0, w.Read(page));
        for (int page = 0; page < 10; page += 2)
            Install(w, page);
        Remove(w, 0, 10);
        for (int page = 0; page < 10; page++)
        {
            Assert.Equal(0, w.Read(page));
            Assert.True(w.Info(page).Has(PageInfoFlags.ZeroPage));
        }
    }

    /// <summary>What has a guard region in it does not become a huge page, and the guard regions stay.</summary>
    private static void Collapse(MarksWorld<TArch> w)
    {
        int pages = 2 * (int)MarksWorld<TArch>.Span;
        w.Map(0, pages, VmaFlags.Read);
        Assert.Equal(MmResult.Ok, w.Advise(0, pages, Advice.NoHugePage));
        Assert.Equal(MmResult.Ok, w.Advise(0, pages, Advice.PopulateRead));
        for (int page = 0; page < pages; page += 2)
            Install(w, page);
        Assert.Equal(MmResult.Ok, w.Advise(0, pages, Advice.HugePage));
        Assert.Equal(MmResult.Invalid, w.Advise(0, pages, Advice.Collapse));
        for (int page = 0; page < pages; page += 2)
            Guarded(w, page);
        Assert.Equal(0, w.Read(1));
    }

    private static void Pagemap(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page++)
            Assert.Equal(0UL, w.Info(page).PagemapWord & (1UL << 58));
        for (int page = 0; page < 10; page += 2)
            Install(w, page);
        for (int page = 0; page < 10; page++)
            Assert.Equal(page % 2 == 0 ? 1UL << 58 : 0, w.Info(page).PagemapWord & (1UL << 58));
    }

    private static void PagemapScan(MarksWorld<TArch> w)
    {
        w.Map(0, 10);
        for (int page = 0; page < 10; page += 2)
            Install(w, page);
        var request = new PageScanRequest
        {
            Start = At(0),
            End = At(10),
            Required = PageCategories.Guard,
            Returned = PageCategories.Guard,
        };
        List<PageRegion> found = [];
        Assert.Equal(MmResult.Ok, w.Machine.ScanPages(w.Process, request, found, out ulong end));
        Assert.Equal(At(10), end);
        Assert.Equal([0, 2, 4, 6, 8], found.Select(region => (int)((region.Start - At(0)) >> TArch.PageShift)));
        Assert.All(found, region => Assert.Equal((Bytes(1), PageCategories.Guard), (region.End - region.Start, region.Categories)));
    }
}
