using PageTableEmu.Arch.X64;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using World = PageTableEmu.Core.Tests.Mm.Marks.MarksWorld<PageTableEmu.Arch.X64.X64FourLevel>;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>The rows of uffd-unit-tests.c and uffd-wp-mremap.c as far as they concern anonymous and shared anonymous memory.</summary>
public sealed class UffdSelftests
{
    private const int Pages = 32;
    private const string NoEvents = "no events of fork, remap and unmap in this machine: a child or a moved range loses its registration";
    private const string NoHugetlb = "no hugetlb pages in this machine";

    private static readonly SelftestTable<X64FourLevel> Table = new SelftestTable<X64FourLevel>()
        .Row("register-ioctls on anon", RegisterIoctls)
        .Row("zeropage on anon", static w => ZeroPage(w, shared: false))
        .Row("zeropage on shmem", static w => ZeroPage(w, shared: true))
        .Without("zeropage on hugetlb", NoHugetlb)
        .Row("move on anon", static w => Move(w, 1, huge: false))
        .Row("move-pmd on anon", static w => Move(w, (int)World.Span, huge: true))
        .Row("move-pmd-split on anon", static w => Move(w, (int)World.Span / 2, huge: true))
        .Row("wp-fork on anon", static w => WpFork(w, shared: false))
        .Row("wp-fork on shmem", static w => WpFork(w, shared: true))
        .Without("wp-fork-with-event on anon", NoEvents)
        .Row("wp-fork-pin on anon", WpForkPin)
        .Without("wp-fork-pin-with-event on anon", NoEvents)
        .Row("wp-unpopulated on anon", WpUnpopulated)
        .Row("minor on shmem", Minor)
        .Row("minor-wp on shmem", MinorWp)
        .Without("minor-collapse on shmem", "Shared objects have no huge pages in this machine.")
        .Row("sigbus on anon", SigBus)
        .Row("sigbus-wp on anon", SigBusWp)
        .Without("events on anon", NoEvents)
        .Without("events-wp on anon", NoEvents)
        .Row("poison on anon", static w => Poison(w, shared: false))
        .Row("poison on shmem", static w => Poison(w, shared: true))
        .Without("mmap-changing on anon", NoEvents)
        .Row("unprotect of a swapped page", UnprotectSwapped)
        .Row("uffd-wp-mremap: base pages, private, in memory", static w => WpMremap(w, shared: false, swapped: false, huge: false))
        .Row("uffd-wp-mremap: base pages, private, swapped out", static w => WpMremap(w, shared: false, swapped: true, huge: false))
        .Row("uffd-wp-mremap: base pages, shared, in memory", static w => WpMremap(w, shared: true, swapped: false, huge: false))
        .Row("uffd-wp-mremap: base pages, shared, swapped out", static w => WpMremap(w, shared: true, swapped: true, huge: false))
        .Row("uffd-wp-mremap: huge pages, private, in memory", static w => WpMremap(w, shared: false, swapped: false, huge: true))
        .Row("uffd-wp-mremap: huge pages, private, swapped out", static w => WpMremap(w, shared: false, swapped: true, huge: true))
        .Without("uffd-wp-mremap: hugetlb", NoHugetlb);

    public static TheoryData<string> Rows => [.. Table.Names];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Row(string name) => Table.Run(name);

    [Fact]
    public void TheTable_IsWhole() => Assert.Equal((23, 8), (Table.Names.Count, Table.LeftOut.Count));

    private static void Map(World w, bool shared, int pages = Pages)
    {
        if (shared)
            Assert.Equal(MmResult.Ok, w.Machine.MapShared(w.Process, World.At(0), World.Bytes(pages), World.ReadWrite));
        else
            w.Map(0, pages);
    }

    private static void RegisterIoctls(World w)
    {
        w.Map(0, Pages);
        Assert.Equal(MmResult.BadDescriptor, w.Register(0, Pages, UserfaultModes.Missing));
        w.Open();
        Assert.Equal(MmResult.Busy, w.Uffd.Open(w.Process, UserfaultFeatures.None));
        Assert.Equal(MmResult.Invalid, w.Register(0, Pages, UserfaultModes.None));
        Assert.Equal(MmResult.Invalid, w.Register(0, Pages, UserfaultModes.Minor)); // private memory has no minor faults
        Assert.Equal(MmResult.Invalid, w.Register(1000, 1, UserfaultModes.Missing));
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.Missing | UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Ok, w.Register(0, 4, UserfaultModes.Missing)); // already so: nothing changes
        Assert.Equal(1, w.Vmas(0, Pages));
        Assert.Equal(MmResult.Ok, w.Uffd.Unregister(w.Process, World.At(4), World.At(8)));
        Assert.Equal(3, w.Vmas(0, Pages));
        Assert.Equal(MmResult.Ok, w.Uffd.Close(w.Process));
        Assert.Equal(1, w.Vmas(0, Pages));
        Assert.Equal(MmResult.BadDescriptor, w.Uffd.Close(w.Process));
        Assert.Equal(0, w.Read(0));
    }

    private static void ZeroPage(World w, bool shared)
    {
        Map(w, shared);
        w.Open();
        Assert.Equal(MmResult.NoEntry, w.Uffd.ZeroPage(w.Process, World.At(0), World.Bytes(1)));
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.Missing));
        Assert.Equal(MmResult.Ok, w.Uffd.ZeroPage(w.Process, World.At(0), World.Bytes(1)));
        Assert.Equal(MmResult.Exists, w.Uffd.ZeroPage(w.Process, World.At(0), World.Bytes(1)));
        Assert.Equal(!shared, w.Info(0).Has(PageInfoFlags.ZeroPage));
        Assert.Equal(0, w.Read(0));
        w.Write(0, 1);
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryRead(1));
    }

    /// <summary>Faults of the destination are resolved by moving chunks of the source, which no fork may share.</summary>
    private static void Move(World w, int chunk, bool huge)
    {
        int pages = huge ? 2 * (int)World.Span : Pages;
        long source = 4 * World.Span;
        w.Map(source, pages);
        w.Map(0, pages);
        if (huge)
            Assert.Equal(MmResult.Ok, w.Advise(source, pages, Advice.HugePage));
        for (int page = 0; page < pages; page++)
            w.Write(source + page, (byte)((page % 250) + 1));
        Assert.Equal(MmResult.Ok, w.Advise(source, pages, Advice.DontFork));
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, pages, UserfaultModes.Missing));
        var mover = new Mover(w, source, chunk);
        w.Uffd.SetHandler(w.Process, mover);
        for (int page = 0; page < pages; page++)
            Assert.Equal((page % 250) + 1, w.Read(page));
        Assert.Equal(pages / chunk, mover.Calls);
        bool whole = huge && chunk == World.Span;
        Assert.Equal(whole, w.Info(0).Has(PageInfoFlags.Huge));
        for (int page = 0; page < pages; page += chunk)
            Assert.Equal(SoftLeafKind.None, w.Info(source + page).Kind);
        Assert.Equal(0, w.Read(source)); // what was moved away reads as zero
        w.Uffd.SetHandler(w.Process, null);
    }

    private static void WpFork(World w, bool shared)
    {
        Map(w, shared);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.WriteProtect));
        w.Write(0, 1);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1));
        Assert.True(w.IsProtected(0));
        uint child = w.Machine.Fork(w.Process);
        Assert.True(w.IsProtected(0));
        Assert.False(w.IsProtected(0, child));
        w.Write(0, 2, child);
        w.Machine.Exit(child);
        w.Machine.ReclaimAll();
        Assert.NotEqual(SoftLeafKind.Present, w.Info(0).Kind);
        Assert.True(w.IsProtected(0)); // in the swap entry, or as a marker
        child = w.Machine.Fork(w.Process);
        Assert.False(w.IsProtected(0, child));
        w.Machine.Exit(child);
        Assert.Equal(shared ? 2 : 1, w.Read(0));
        Assert.True(w.IsProtected(0));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1, protect: false));
        Assert.False(w.IsProtected(0));
        w.Write(0, 3);
    }

    private static void WpForkPin(World w)
    {
        w.Map(0, Pages);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.WriteProtect));
        w.Write(0, 1);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1));
        var counters = new FaultCounters();
        const GupFlags Flags = GupFlags.Pin | GupFlags.LongTerm;
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(0), Flags, out uint pinned, ref counters));
        uint child = w.Machine.Fork(w.Process); // copies the page at once
        Assert.NotEqual(w.Info(0).Frame, w.Info(0, child).Frame);
        Assert.True(w.IsProtected(0));
        Assert.False(w.IsProtected(0, child));
        w.Machine.Gup.Put(pinned, Flags);
        uint second = w.Machine.Fork(w.Process);
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(second, World.At(0), Flags, out pinned, ref counters)); // an unshare fault
        Assert.False(w.IsProtected(0, second));
        w.Machine.Gup.Put(pinned, Flags);
        w.Machine.Exit(child);
        w.Machine.Exit(second);
    }

    private static void WpUnpopulated(World w)
    {
        w.Map(0, Pages);
        w.Open(UserfaultFeatures.WriteProtectUnpopulated);
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1));
        Assert.True(w.IsProtected(0));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1, protect: false));
        Assert.False(w.IsProtected(0));
        Assert.Equal(SoftLeafKind.None, w.Info(0).Kind);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1));
        Assert.Equal(MmResult.Ok, w.Advise(0, 1, Advice.DontNeed));
        Assert.False(w.IsProtected(0)); // a marker of private memory goes
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1));
        Assert.Equal(0, w.Read(0)); // faults in the zero page, protected
        Assert.True(w.IsProtected(0));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1, protect: false));
        w.Write(0, 1);
        Assert.False(w.IsProtected(0));
        w.Write(1, 1);
        Assert.Equal(MmResult.Ok, w.WriteProtect(1, 1));
        Assert.Equal(MmResult.Ok, w.Advise(1, 1, Advice.DontNeed));
        Assert.False(w.IsProtected(1));
    }

    /// <summary>A second mapping of the object fills it; the registered one takes minor faults.</summary>
    private static uint MapTwice(World w)
    {
        uint number = w.Machine.CreateSharedObject(Pages);
        Assert.Equal(MmResult.Ok, w.Machine.MapObject(w.Process, World.At(0), World.Bytes(Pages), World.ReadWrite, number, 0));
        Assert.Equal(MmResult.Ok, w.Machine.MapObject(w.Process, World.At(100), World.Bytes(Pages), World.ReadWrite, number, 0));
        w.Machine.ReleaseSharedObject(number);
        return number;
    }

    private static void Minor(World w)
    {
        MapTwice(w);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.Minor));
        for (int page = 0; page < Pages; page++)
            w.Write(100 + page, (byte)(page + 1));
        w.Machine.ReclaimAll(); // also a page that is in swap is a minor fault
        var counters = new FaultCounters();
        for (int page = 0; page < Pages; page++)
        {
            var one = new byte[1];
            Assert.Equal(
                UserAccessResult.UserfaultPending,
                w.Machine.Read(w.Process, World.At(page), one, ref counters, out UserfaultMessage message));
            Assert.Equal(new UserfaultMessage(w.Process, World.At(page), UserfaultKind.Minor, false), message);
            w.Write(100 + page, (byte)~(page + 1)); // the handler changes the page before it lets it go
            Assert.Equal(MmResult.Ok, w.Uffd.Continue(w.Process, message.Address, World.Bytes(1)));
            Assert.Equal((byte)~(page + 1), w.Read(page));
        }

        Assert.Equal(MmResult.Exists, w.Uffd.Continue(w.Process, World.At(0), World.Bytes(1)));
        w.Map(200, 1);
        Assert.Equal(MmResult.Ok, w.Register(200, 1, UserfaultModes.Missing));
        Assert.Equal(MmResult.Invalid, w.Uffd.Continue(w.Process, World.At(200), World.Bytes(1)));
    }

    private static void MinorWp(World w)
    {
        MapTwice(w);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.Minor | UserfaultModes.WriteProtect));
        w.Write(100, 1);
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryRead(0));
        Assert.Equal(MmResult.Ok, w.Uffd.Continue(w.Process, World.At(0), World.Bytes(1), UserfaultModes.WriteProtect));
        Assert.Equal(1, w.Read(0));
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryWrite(0, 2));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1, protect: false));
        w.Write(0, 2);
        Assert.Equal(2, w.Read(100));
        Assert.Equal(MmResult.Fault, w.Uffd.Continue(w.Process, World.At(1), World.Bytes(1))); // the object has no such page
        Assert.Equal(0, w.Read(1)); // and a missing one is not asked about
    }

    private static void SigBus(World w)
    {
        w.Map(0, Pages);
        w.Open(UserfaultFeatures.BusError);
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.Missing));
        for (int page = 0; page < Pages; page++)
            Assert.Equal(UserAccessResult.BusError, w.TryRead(page));
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(3), World.Page(7), UserfaultModes.None, out _));
        Assert.Equal(7, w.Read(3));
    }

    private static void SigBusWp(World w)
    {
        w.Map(0, Pages);
        w.Open(UserfaultFeatures.BusError);
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.Missing | UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(0), World.Page(1), UserfaultModes.WriteProtect, out _));
        Assert.Equal(1, w.Read(0));
        Assert.Equal(UserAccessResult.BusError, w.TryWrite(0, 2));
        Assert.Equal(1, w.Read(0));
    }

    private static void Poison(World w, bool shared)
    {
        Map(w, shared);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.Missing));
        for (int page = 0; page < Pages; page++)
        {
            Assert.Equal(UserAccessResult.UserfaultPending, w.TryRead(page));
            if (page % 2 == 0)
                Assert.Equal(MmResult.Ok, w.Uffd.Poison(w.Process, World.At(page), World.Bytes(1)));
            else
                Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(page), World.Page((byte)page), UserfaultModes.None, out _));
        }

        for (int page = 0; page < Pages; page++)
        {
            if (page % 2 == 0)
            {
                Assert.Equal(UserAccessResult.BusError, w.TryRead(page));
                Assert.Equal(UserAccessResult.BusError, w.TryWrite(page, 1));
                Assert.True(w.Info(page).Has(PageInfoFlags.Poisoned));
            }
            else
                Assert.Equal(page, w.Read(page));
        }

        Assert.Equal(MmResult.Exists, w.Uffd.Poison(w.Process, World.At(0), World.Bytes(1)));
        uint child = w.Machine.Fork(w.Process);
        Assert.Equal(shared ? UserAccessResult.Ok : UserAccessResult.BusError, w.TryRead(0, child)); // a child faults shared pages in anew
        w.Machine.Exit(child);
    }

    private static void UnprotectSwapped(World w)
    {
        w.Map(0, Pages);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, Pages, UserfaultModes.WriteProtect));
        w.Write(0, 5);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1));
        w.PageOut(0, 1);
        Assert.True(w.IsProtected(0));
        Assert.Equal(SoftLeafKind.Swap, w.Info(0).Kind);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1, protect: false));
        Assert.False(w.IsProtected(0));
        Assert.Equal(5, w.Read(0));
        Assert.False(w.IsProtected(0));
        w.Write(0, 6);
        Assert.False(w.IsProtected(0));
    }

    private static void WpMremap(World w, bool shared, bool swapped, bool huge)
    {
        int pages = huge ? (int)World.Span : Pages;
        Map(w, shared, pages);
        if (huge)
            Assert.Equal(MmResult.Ok, w.Advise(0, pages, Advice.HugePage));
        for (int page = 0; page < pages; page++)
            w.Write(page, 1);
        w.Open(UserfaultFeatures.WriteProtectUnpopulated);
        Assert.Equal(MmResult.Ok, w.Register(0, pages, UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, pages));
        if (swapped)
            w.Machine.ReclaimAll();
        Assert.True(w.IsProtected(pages - 1));
        long target = 4 * World.Span;
        Assert.Equal(MmResult.Ok, w.Machine.Move(w.Process, World.At(0), World.At(target), World.Bytes(pages)));
        for (int page = 0; page < pages; page++)
            Assert.False(w.IsProtected(target + page), $"{page}");
        w.Write(target, 2);
        Assert.Equal(1, w.Read(target + 1));
    }

    private sealed class Mover(World w, long source, int chunk) : IUserfaultHandler
    {
        internal int Calls { get; private set; }

        public bool TryResolve(in UserfaultMessage message)
        {
            Calls++;
            Assert.Equal(UserfaultKind.Missing, message.Kind);
            ulong offset = (message.Address - World.At(0)) & ~(World.Bytes(chunk) - 1);
            MmResult result = w.Uffd.Move(
                w.Process, World.At(0) + offset, World.At(source) + offset, World.Bytes(chunk), UserfaultMoveFlags.None, out ulong moved);
            Assert.Equal((MmResult.Ok, World.Bytes(chunk)), (result, moved));
            return true;
        }
    }
}
