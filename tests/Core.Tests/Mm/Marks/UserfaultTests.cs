using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Verification;
using World = PageTableEmu.Core.Tests.Mm.Marks.MarksWorld<PageTableEmu.Arch.X64.X64FourLevel>;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>How userfaults reach whoever resolves them, and the rules of each way to resolve one.</summary>
public sealed class UserfaultTests
{
    [Fact]
    public void AStoreToAProtectedPage_IsPending_AndGoesOnAfterwards()
    {
        using World w = Registered(UserfaultModes.WriteProtect);
        w.Write(0, 1);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1));
        var counters = new FaultCounters();
        UserAccessResult result = w.Machine.Write(w.Process, World.At(0) + 9, [2], ref counters, out UserfaultMessage message);
        Assert.Equal(UserAccessResult.UserfaultPending, result);
        Assert.Equal(new UserfaultMessage(w.Process, World.At(0), UserfaultKind.WriteProtect, true), message);
        Assert.Equal(default, counters); // an unfinished fault is not counted
        Assert.Equal(1, w.Read(0)); // loads are not watched
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 1, protect: false));
        w.Write(0, 2);
        w.Sound();
    }

    [Fact]
    public void AnAccessOverTwoPages_TellsTheOneThatIsMissing()
    {
        using World w = Registered(UserfaultModes.Missing);
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(0), World.Page(7), UserfaultModes.None, out _));
        var counters = new FaultCounters();
        var four = new byte[4];
        UserAccessResult result = w.Machine.Read(w.Process, World.At(1) - 2, four, ref counters, out UserfaultMessage message);
        Assert.Equal((UserAccessResult.UserfaultPending, World.At(1)), (result, message.Address));
        Assert.Equal([7, 7, 0, 0], four);
    }

    [Fact]
    public void AHandler_ResolvesInsideTheAccess_WhichTakesAMajorFault()
    {
        using World w = Registered(UserfaultModes.Missing);
        var copier = new Copier(w);
        w.Uffd.SetHandler(w.Process, copier);
        FaultCounters before = w.Faults;
        for (int page = 0; page < 4; page++)
            Assert.Equal(page + 1, w.Read(page));
        Assert.Equal((4, 4, 0), (copier.Calls, w.Faults.Major - before.Major, w.Faults.Minor - before.Minor));
        w.Write(5, 9);
        Assert.Equal(5, copier.Calls);

        // Whoever takes hold of pages for others is served as well.
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(8), GupFlags.Pin, out uint frame, ref counters));
        w.Machine.Gup.Put(frame, GupFlags.Pin);
        Assert.Equal(9, w.Read(8));
        w.Uffd.SetHandler(w.Process, null);
        Assert.Equal(MmResult.Fault, w.Machine.Gup.TryTake(w.Process, World.At(9), GupFlags.Pin, out _, ref counters));
        w.Sound();
    }

    [Fact]
    public void ThreadsWait_UntilAnotherOneReceivesTheirMessages_AndResolvesThem()
    {
        using World w = Registered(UserfaultModes.Missing | UserfaultModes.WriteProtect, pages: 64);
        w.Uffd.SetHandler(w.Process, w.Uffd.Queue);
        const int Threads = 4;
        const int Each = 16;
        int finished = 0;
        var readers = new Thread[Threads];
        for (int i = 0; i < Threads; i++)
        {
            int first = i * Each;
            readers[i] = new Thread(() =>
            {
                var counters = new FaultCounters();
                var one = new byte[1];
                for (int page = first; page < first + Each; page++)
                {
                    if (w.Machine.Read(w.Process, World.At(page), one, ref counters) != UserAccessResult.Ok || one[0] != page + 1
                        || w.Machine.Write(w.Process, World.At(page), [(byte)(page + 2)], ref counters) != UserAccessResult.Ok)
                        return;
                }

                Interlocked.Increment(ref finished);
            });
            readers[i].Start();
        }

        int received = 0;
        var deadline = DateTime.UtcNow.AddSeconds(60);
        while (Volatile.Read(ref finished) < Threads && DateTime.UtcNow < deadline)
        {
            if (!w.Uffd.Queue.TryReceive(w.Process, out UserfaultMessage message))
            {
                Thread.Yield();
                continue;
            }

            received++;
            byte value = (byte)(((message.Address - World.At(0)) / World.Bytes(1)) + 1);
            MmResult result = message.Kind == UserfaultKind.Missing
                ? w.Uffd.Copy(w.Process, message.Address, World.Page(value), UserfaultModes.WriteProtect, out _)
                : w.Uffd.WriteProtect(w.Process, message.Address, message.Address + World.Bytes(1), protect: false);
            Assert.Equal(MmResult.Ok, result);
        }

        Assert.Equal(Threads, Volatile.Read(ref finished));
        foreach (Thread reader in readers)
            reader.Join();
        Assert.Equal(2 * Threads * Each, received); // one missing and one protected page each
        for (int page = 0; page < Threads * Each; page++)
            Assert.Equal(page + 2, w.Read(page));
        w.Sound();
    }

    [Fact]
    public void Close_WakesWhoWaits()
    {
        using World w = Registered(UserfaultModes.Missing);
        w.Uffd.SetHandler(w.Process, w.Uffd.Queue);
        int value = -1;
        var reader = new Thread(() =>
        {
            var counters = new FaultCounters();
            var one = new byte[1];
            if (w.Machine.Read(w.Process, World.At(3), one, ref counters) == UserAccessResult.Ok)
                Volatile.Write(ref value, one[0]);
        });
        reader.Start();
        var deadline = DateTime.UtcNow.AddSeconds(60);
        bool received = false;
        while (!received && DateTime.UtcNow < deadline)
            received = w.Uffd.Queue.TryReceive(w.Process, out _);
        Assert.True(received);
        var verifier = new Verifier<X64FourLevel, CheckedModel>(w.Mm);
        Assert.Contains(verifier.HeldLocks(), violation => violation.ToString().Contains("userfaultfd", StringComparison.Ordinal));
        Assert.Equal(MmResult.Ok, w.Uffd.Close(w.Process));
        Assert.True(reader.Join(TimeSpan.FromSeconds(60)));
        Assert.Equal(0, Volatile.Read(ref value));
        w.Sound();
    }

    [Fact]
    public void Copy_OfSeveralPages_StopsAtOneThatIsThere_AndIntoReadOnlyMemoryItIsDirtyButNotWritable()
    {
        using World w = Registered(UserfaultModes.Missing);
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(2), World.Page(1), UserfaultModes.None, out _));
        Assert.Equal(MmResult.Again, w.Uffd.Copy(w.Process, World.At(0), new byte[4 << 12], UserfaultModes.None, out ulong done));
        Assert.Equal(World.Bytes(2), done);
        Assert.Equal(MmResult.Exists, w.Uffd.Copy(w.Process, World.At(2), World.Page(2), UserfaultModes.None, out done));
        Assert.Equal(0UL, done);
        Assert.Equal(MmResult.Invalid, w.Uffd.Copy(w.Process, World.At(3), new byte[9], UserfaultModes.None, out _));
        Assert.Equal(MmResult.Invalid, w.Uffd.Copy(w.Process, World.At(3), World.Page(2), UserfaultModes.WriteProtect, out _)); // not so registered
        Assert.Equal(MmResult.Ok, w.Protect(0, 16, AccessRights.Read));
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(5), World.Page(5), UserfaultModes.None, out _));
        Assert.True(w.Info(5).Has(PageInfoFlags.Dirty | PageInfoFlags.SoftDirty));
        Assert.False(w.Info(5).Has(PageInfoFlags.Writable));
        Assert.Equal(UserAccessResult.SegmentationFault, w.TryWrite(5, 6));
        Assert.Equal(5, w.Read(5));
        w.Sound();
    }

    [Fact]
    public void Unregister_DissolvesMarksAndMarkers()
    {
        using var w = new World();
        w.Map(0, 16);
        w.Open(UserfaultFeatures.WriteProtectUnpopulated);
        Assert.Equal(MmResult.Ok, w.Register(0, 16, UserfaultModes.WriteProtect));
        w.Write(0, 1);
        w.Write(1, 1);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 3));
        w.PageOut(1, 1);
        Assert.All(Enumerable.Range(0, 3), page => Assert.True(w.IsProtected(page)));
        Assert.Equal(MmResult.Ok, w.Uffd.Unregister(w.Process, World.At(0), World.At(16)));
        Assert.All(Enumerable.Range(0, 3), page => Assert.False(w.IsProtected(page)));
        Assert.Equal(SoftLeafKind.None, w.Info(2).Kind);
        w.Write(0, 2);
        w.Sound();
    }

    [Fact]
    public void AGrowingRegisteredMapping_StaysInPlace_AndItsNewPagesAreWatched()
    {
        using World w = Registered(UserfaultModes.Missing);
        Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, World.At(0), World.Bytes(16), World.Bytes(20), mayMove: true, out ulong now));
        Assert.Equal(World.At(0), now);
        Assert.Equal(1, w.Vmas(0, 20));
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryRead(18));
        w.Sound();
    }

    [Fact]
    public void Collapse_DoesNotFillPages_ThatUserfaultfdWatches()
    {
        using var w = new World();
        w.Map(0, World.Span);
        for (int page = 0; page < World.Span; page++)
            w.Write(page, 1);
        Assert.Equal(MmResult.Ok, w.Advise(7, 1, Advice.DontNeed));
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, World.Span, UserfaultModes.Missing));
        Assert.Equal(MmResult.Busy, w.Advise(0, World.Span, Advice.Collapse));
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryRead(7));
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(7), World.Page(9), UserfaultModes.None, out _));
        Assert.Equal(MmResult.Ok, w.Advise(0, World.Span, Advice.Collapse));
        Assert.Equal((9, true), (w.Read(7), w.Info(7).Has(PageInfoFlags.Huge)));
        w.Sound();
    }

    [Fact]
    public void AGrowingLockedMapping_IsPopulated()
    {
        using var w = new World();
        w.Map(0, 4);
        Assert.Equal(MmResult.Ok, w.Lock(0, 4));
        Assert.Equal(MmResult.Ok, w.Machine.Resize(w.Process, World.At(0), World.Bytes(4), World.Bytes(8), mayMove: false, out _));
        Assert.All(Enumerable.Range(0, 8), page => Assert.Equal(SoftLeafKind.Present, w.Info(page).Kind));
        w.Machine.ReclaimAll();
        Assert.All(Enumerable.Range(0, 8), page => Assert.Equal(SoftLeafKind.Present, w.Info(page).Kind));
        w.Sound();
    }

    [Fact]
    public void AMappingThatMayNotGrow_DoesNot()
    {
        using var w = new World();
        w.Map(0, 4, World.ReadWrite | VmaFlags.DontExpand);
        Assert.Equal(MmResult.Fault, w.Machine.Resize(w.Process, World.At(0), World.Bytes(4), World.Bytes(8), mayMove: true, out _));
    }

    [Fact]
    public void OnSparc_SoftDirtyAndWriteProtection_AreRefused_AndMissingPagesWork()
    {
        using var w = new MarksWorld<Sun4v>();
        w.Map(0, 8);
        Assert.Equal(MmResult.Invalid, w.Machine.ClearRefs(w.Process, ClearRefsKind.SoftDirty));
        Assert.Equal(MmResult.Ok, w.Machine.ClearRefs(w.Process, ClearRefsKind.Referenced));
        Assert.Equal(MmResult.Invalid, w.Uffd.Open(w.Process, UserfaultFeatures.WriteProtectAsync));
        Assert.Equal(MmResult.Invalid, w.Uffd.Register(w.Process, MarksWorld<Sun4v>.At(0), MarksWorld<Sun4v>.At(8)));
        w.Open();
        Assert.Equal(MmResult.Invalid, w.Register(0, 8, UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Invalid, w.Register(0, 8, UserfaultModes.Missing | UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Invalid, w.Register(0, 8, UserfaultModes.Minor));
        Assert.Equal(MmResult.Ok, w.Register(0, 8, UserfaultModes.Missing));
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryRead(0));
        byte[] page = MarksWorld<Sun4v>.Page(3);
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, MarksWorld<Sun4v>.At(0), page, UserfaultModes.None, out _));
        Assert.Equal(3, w.Read(0));
        Assert.False(w.IsSoftDirty(0)); // neither page nor VMA has such a mark
        w.PageOut(0, 1);
        Assert.Equal(MmResult.Ok, w.Move(1, 0, 1));
        Assert.Equal(3, w.Read(1));
        Assert.Equal(MmResult.Ok, w.Uffd.Poison(w.Process, MarksWorld<Sun4v>.At(2), MarksWorld<Sun4v>.Bytes(1)));
        Assert.Equal(UserAccessResult.BusError, w.TryRead(2));
        w.Sound();
    }

    [Fact]
    public void ClearRefs_ForgetsAccesses_OfTheKindAskedFor()
    {
        using var w = new World();
        w.Map(0, 1);
        Assert.Equal(MmResult.Ok, w.Machine.MapShared(w.Process, World.At(8), World.Bytes(1), World.ReadWrite));
        void Touch()
        {
            w.Write(0, 1);
            w.Write(8, 1);
        }

        (bool, bool) Young() => (w.Info(0).Has(PageInfoFlags.Young), w.Info(8).Has(PageInfoFlags.Young));
        foreach ((ClearRefsKind kind, (bool, bool) left) in ((ClearRefsKind, (bool, bool))[])
            [(ClearRefsKind.Referenced, (false, false)), (ClearRefsKind.ReferencedAnonymous, (false, true)),
             (ClearRefsKind.ReferencedMapped, (true, false))])
        {
            Touch();
            Assert.Equal((true, true), Young());
            Assert.Equal(MmResult.Ok, w.Machine.ClearRefs(w.Process, kind));
            Assert.Equal(left, Young());
        }

        Assert.Equal(MmResult.Invalid, w.Machine.ClearRefs(w.Process, 0));
        Assert.Equal(MmResult.Invalid, w.Machine.ClearRefs(w.Process, (ClearRefsKind)5));
        w.Sound();
    }

    private static World Registered(UserfaultModes modes, int pages = 16)
    {
        var w = new World();
        w.Map(0, pages);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, pages, modes));
        return w;
    }

    private sealed class Copier(World w) : IUserfaultHandler
    {
        internal int Calls { get; private set; }

        public bool TryResolve(in UserfaultMessage message)
        {
            Calls++;
            byte value = (byte)(((message.Address - World.At(0)) / World.Bytes(1)) + 1);
            return w.Uffd.Copy(w.Process, message.Address, World.Page(value), UserfaultModes.None, out _) == MmResult.Ok;
        }
    }
}
