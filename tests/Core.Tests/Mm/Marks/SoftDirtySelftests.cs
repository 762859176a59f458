using PageTableEmu.Arch.X64;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using World = PageTableEmu.Core.Tests.Mm.Marks.MarksWorld<PageTableEmu.Arch.X64.X64FourLevel>;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>The rows of soft-dirty.c, and what it leaves out: swap, fork, moves, merging, unsharing.</summary>
public sealed class SoftDirtySelftests
{
    private const string NoFiles = "The page cache of files is not part of this machine.";

    private static readonly SelftestTable<X64FourLevel> Table = new SelftestTable<X64FourLevel>()
        .Row("Test test_simple", Simple)
        .Row("Test test_vma_reuse dirty bit of allocated page", static w => VmaReuse(w, 0))
        .Row("Test test_vma_reuse dirty bit of reused address page", static w => VmaReuse(w, 1))
        .Row("Test test_hugepage huge page allocation", static w => HugePage(w, 0))
        .Row("Test test_hugepage huge page dirty bit", static w => HugePage(w, 1))
        .Row("Test test_mprotect-anon dirty bit of new written page", static w => Mprotect(w, 1))
        .Row("Test test_mprotect-anon soft-dirty clear after clear_refs", static w => Mprotect(w, 2))
        .Row("Test test_mprotect-anon soft-dirty clear after marking RO", static w => Mprotect(w, 3))
        .Row("Test test_mprotect-anon soft-dirty clear after marking RW", static w => Mprotect(w, 4))
        .Row("Test test_mprotect-anon soft-dirty after rewritten", static w => Mprotect(w, 5))
        .Without("Test test_mprotect-file dirty bit of new written page", NoFiles)
        .Without("Test test_mprotect-file soft-dirty clear after clear_refs", NoFiles)
        .Without("Test test_mprotect-file soft-dirty clear after marking RO", NoFiles)
        .Without("Test test_mprotect-file soft-dirty clear after marking RW", NoFiles)
        .Without("Test test_mprotect-file soft-dirty after rewritten", NoFiles)
        .Row("shared: mprotect and rewrite", SharedMprotect)
        .Row("swap: the mark survives swap-out and swap-in", static w => Swapped(w, written: true))
        .Row("swap: swap-in does not set it", static w => Swapped(w, written: false))
        .Row("fork: the child keeps what its parent has", Forked)
        .Row("mremap: a moved page counts as written", Moved)
        .Row("pin: a pinned page keeps mark and permission", Pinned)
        .Row("merge: a new mapping marks the VMA that it extends", Merged)
        .Row("zero page: a load does not set it", ZeroPage);

    public static TheoryData<string> Rows => [.. Table.Names];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Row(string name) => Table.Run(name);

    [Fact]
    public void TheTable_HasTheKernelsFifteenChecks_FiveOfThemAboutFiles()
    {
        Assert.Equal(10, Table.Names.Count(name => name.StartsWith("Test ", StringComparison.Ordinal)));
        Assert.Equal(5, Table.LeftOut.Count);
    }

    private static void Simple(World w)
    {
        w.Map(0, 1);
        for (int i = 0; i < 10000; i++)
        {
            w.ClearSoftDirty();
            Assert.False(w.IsSoftDirty(0), $"{i}");
            w.Write(0, (byte)i);
            Assert.True(w.IsSoftDirty(0), $"{i}");
        }
    }

    private static void VmaReuse(World w, int step)
    {
        w.Map(0, 1);
        Assert.True(w.IsSoftDirty(0)); // a new mapping counts as written
        w.ClearSoftDirty();
        w.Write(0, 1);
        if (step == 0)
            return;
        w.ClearSoftDirty();
        Assert.Equal(MmResult.Ok, w.Machine.Unmap(w.Process, World.At(0), World.Bytes(1)));
        w.Map(0, 1);
        Assert.True(w.IsSoftDirty(0));
    }

    private static void HugePage(World w, int step)
    {
        w.Map(0, World.Span);
        Assert.Equal(MmResult.Ok, w.Advise(0, World.Span, Advice.HugePage));
        w.Write(0, 1);
        Assert.True(w.Mm.Huge.IsMapped(w.Mm.Spaces[w.Process].Root, World.At(0)));
        for (int i = 0; step == 1 && i < 1000; i++)
        {
            w.ClearSoftDirty();
            Assert.False(w.IsSoftDirty(7));
            w.Write(i % World.Span, (byte)i);
            Assert.True(w.IsSoftDirty(7)); // one mark for all of it
            Assert.True(w.Mm.Huge.IsMapped(w.Mm.Spaces[w.Process].Root, World.At(0)));
        }
    }

    private static void Mprotect(World w, int step)
    {
        w.Map(0, 1);
        w.Write(0, 1);
        Assert.True(w.IsSoftDirty(0));
        if (step == 1)
            return;
        w.ClearSoftDirty();
        Assert.False(w.IsSoftDirty(0));
        if (step == 2)
            return;
        Assert.Equal(MmResult.Ok, w.Protect(0, 1, AccessRights.Read));
        Assert.False(w.IsSoftDirty(0));
        if (step == 3)
            return;
        Assert.Equal(MmResult.Ok, w.Protect(0, 1, AccessRights.Read | AccessRights.Write));
        Assert.False(w.IsSoftDirty(0));
        if (step == 4)
            return;
        w.Write(0, 2); // the write fault must not have been optimised away
        Assert.True(w.IsSoftDirty(0));
    }

    private static void SharedMprotect(World w)
    {
        Assert.Equal(MmResult.Ok, w.Machine.MapShared(w.Process, World.At(0), World.Bytes(4), World.ReadWrite));
        for (int page = 0; page < 4; page++)
            w.Write(page, 1);
        w.ClearSoftDirty();
        Assert.Equal(MmResult.Ok, w.Protect(0, 4, AccessRights.Read));
        Assert.Equal(MmResult.Ok, w.Protect(0, 4, AccessRights.Read | AccessRights.Write));
        Assert.False(w.IsSoftDirty(2));
        w.Write(2, 2);
        Assert.Equal([false, false, true, false], Enumerable.Range(0, 4).Select(page => w.IsSoftDirty(page)));
        Assert.Equal(MmResult.Ok, w.Advise(0, 4, Advice.DontNeed));
        Assert.Equal(1, w.Read(1)); // maps its neighbours too, all read-only
        Assert.False(w.IsSoftDirty(0));
        w.Write(0, 3);
        Assert.True(w.IsSoftDirty(0));
    }

    private static void Swapped(World w, bool written)
    {
        w.Map(0, 1);
        w.Write(0, 1);
        w.ClearSoftDirty();
        if (written)
            w.Write(0, 2);
        w.PageOut(0, 1);
        Assert.Equal(SoftLeafKind.Swap, w.Info(0).Kind);
        Assert.Equal(written, w.IsSoftDirty(0));
        Assert.Equal(written ? 2 : 1, w.Read(0));
        Assert.Equal(written, w.IsSoftDirty(0));
        w.PageOut(0, 1);
        w.ClearSoftDirty();
        Assert.False(w.IsSoftDirty(0)); // cleared in the swap entry
        w.Write(0, 3);
        Assert.True(w.IsSoftDirty(0));
    }

    private static void Forked(World w)
    {
        w.Map(0, 2);
        w.Write(0, 1);
        w.Write(1, 1);
        w.ClearSoftDirty();
        w.Write(1, 2);
        uint child = w.Machine.Fork(w.Process);
        Assert.False(w.IsSoftDirty(0, child));
        Assert.True(w.IsSoftDirty(1, child));
        Assert.Equal(1, w.Read(0, child));
        Assert.False(w.IsSoftDirty(0, child));
        w.Write(0, 9, child); // a copy
        Assert.True(w.IsSoftDirty(0, child));
        Assert.False(w.IsSoftDirty(0));
        w.Machine.Exit(child);
    }

    private static void Moved(World w)
    {
        w.Map(0, 4);
        w.Write(0, 1);
        w.Write(1, 1);
        w.PageOut(1, 1);
        w.ClearSoftDirty();
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, World.At(0), World.At(100), World.Bytes(2)));
        Assert.True(w.IsSoftDirty(100));
        Assert.True(w.IsSoftDirty(101));
        Assert.False(w.IsSoftDirty(2));
    }

    private static void Pinned(World w)
    {
        w.Map(0, 2);
        w.Write(0, 1);
        w.Write(1, 1);
        var counters = new FaultCounters();
        const GupFlags Flags = GupFlags.Pin | GupFlags.Write;
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(0), Flags, out uint frame, ref counters));
        w.ClearSoftDirty();
        Assert.True(w.IsSoftDirty(0));
        Assert.True(w.Info(0).Has(PageTableEmu.Mm.Marks.PageInfoFlags.Writable));
        Assert.False(w.IsSoftDirty(1));
        w.Machine.Gup.Put(frame, Flags);
    }

    private static void Merged(World w)
    {
        w.Map(0, 2);
        w.ClearSoftDirty();
        Assert.False(w.IsSoftDirty(0));
        w.Map(2, 2);
        Assert.Equal(1, w.Vmas(0, 4));
        Assert.True(w.IsSoftDirty(0));
    }

    private static void ZeroPage(World w)
    {
        w.Map(0, 1);
        w.ClearSoftDirty();
        Assert.Equal(0, w.Read(0));
        Assert.False(w.IsSoftDirty(0));
        w.Write(0, 1);
        Assert.True(w.IsSoftDirty(0));
    }
}
