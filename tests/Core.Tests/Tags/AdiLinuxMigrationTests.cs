using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using World = PageTableEmu.Core.Tests.Tags.TagWorld<PageTableEmu.Arch.Sparc.Adi.AdiLinux, PageTableEmu.Atomics.CheckedModel>;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// Migration, moves and memory errors with Linux's store: try_to_migrate saves tags that nobody ever wants, because the copy of the page carries
/// them. T1: something saved that nobody can want.
/// </summary>
public class AdiLinuxMigrationTests
{
    [Fact]
    public void Migration_KeepsTags_AndLeaksWhatItSaved()
    {
        using World w = New();
        for (uint round = 1; round <= 3; round++)
        {
            Assert.Equal(1u, w.Migrate(w.Process, 0, 1).Moved);
            Assert.Equal(5u, w.TagNow(w.Process, 0));
            Assert.Equal(round, Users(w));
            Assert.Equal(["T1"], w.Broken());
        }

        w.Exit(w.Process);
        w.AssertSound("the end of the address space hides it");
    }

    [Fact]
    public void FailedMigration_LeaksOncePerAttempt_ThoughNothingMoved()
    {
        using World w = New();
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(0), GupFlags.Get, out uint frame, ref counters));
        Assert.Equal(1u, w.Migrate(w.Process, 0, 1).InUse);
        uint first = Users(w);
        Assert.NotEqual(0u, first);
        Assert.Equal(1u, w.Migrate(w.Process, 0, 1).InUse);
        Assert.Equal(2 * first, Users(w));
        w.Machine.Gup.Put(frame, GupFlags.Get);
        Assert.Equal(["T1"], w.Broken());
        Assert.Equal(5u, w.TagNow(w.Process, 0));
    }

    [Fact]
    public void UndoneMigration_Leaks()
    {
        using World w = New();
        DisplacedFolio displaced = w.BeginMigration(w.Process, 0);
        w.AssertSound("stands", displaced.Folio);
        w.UndoMigration(displaced);
        Assert.Equal(["T1"], w.Broken());
        w.AssertSeen("undone");
    }

    /// <summary>The share that fails comes after the save.</summary>
    [Fact]
    public void MigrationOfAPinnedPage_Leaks_UnlessTheSaveIsUndone()
    {
        Assert.Equal(["T1"], MigratePinned<AdiLegacy>());
        Assert.Equal(["T1"], MigratePinned<AdiSwapFreeFix>());
        Assert.Empty(MigratePinned<CheckedModel>());
        Assert.Empty(MigratePinned<ShareFirst>());
    }

    [Fact]
    public void FailedSave_LeavesThePageWhereItIs_AndTheNextAttemptMovesIt()
    {
        using World w = New();
        w.Storage.Faults.FailAllocation = 1;
        Assert.Null(w.TryBeginMigration(w.Process, 0));
        Assert.Equal(0, w.Storage.Faults.FailAllocation);
        w.AssertSound("still there");
        w.AssertSeen("still there");
        Assert.Equal(1u, w.Migrate(w.Process, 0, 1).Moved);
    }

    [Fact]
    public void ZapWhileEntriesStand_Leaks()
    {
        using World w = New();
        DisplacedFolio displaced = w.BeginMigration(w.Process, 0);
        w.DontNeed(w.Process, 0, 1);
        w.CompleteMigration(displaced);
        Assert.Equal(["T1"], w.Broken());
        Assert.Equal(1u, Users(w));
    }

    [Fact]
    public void ForkWhileEntriesStand_LeaksInTheParent_AndBothHaveTheirTags()
    {
        using World w = New();
        DisplacedFolio displaced = w.BeginMigration(w.Process, 0);
        uint child = w.Fork(w.Process);
        w.CompleteMigration(displaced);
        w.AssertSeen("both");
        Assert.Equal(["T1"], w.Broken());
        w.Exit(w.Process);
        w.AssertSound("it was the parent's");
        Assert.Equal(5u, w.TagNow(child, 0));
    }

    [Fact]
    public void MoveWhileEntriesStand_LeaksAtTheOldPlace_AndTheNextPageThereGetsForeignTags()
    {
        using World w = New();
        DisplacedFolio displaced = w.BeginMigration(w.Process, 0);
        w.Move(w.Process, 0, 3000, 1);
        w.CompleteMigration(displaced);
        w.AssertSeen("moved");
        Assert.Equal(["T1"], w.Broken());

        w.Map(w.Process, 0, 1, VmaFlags.None);
        w.Write(w.Process, 0, 9);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 1, Advice.PageOut));
        Assert.True(w.IsSwapped(w.Process, 0));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 1, tags: true));
        Assert.Equal(5u, w.TagNow(w.Process, 0));
    }

    [Fact]
    public void UserfaultMoveOfASwapEntry_LosesTags_AndLeaks()
    {
        using World w = New();
        w.MapForUserfault(w.Process, 3000, 4);
        w.Machine.ReclaimAll();
        for (uint frame = 1; frame < w.Machine.Image.FrameCount; frame++)
        {
            if (w.Mm.Frames.References(frame) == 0)
                w.Storage.OfFrame(frame).Fill(0x99);
        }

        Assert.Equal(MmResult.Ok, w.MoveByUserfault(w.Process, 0, 3000, 1));
        Assert.Equal(["T1"], w.Broken());
        Assert.Equal(9u, w.TagNow(w.Process, 3000));
    }

    [Fact]
    public void SharedPage_LeaksOncePerMigration()
    {
        using var w = new World(pages: 0);
        w.MapShared(w.Process, 50, 1);
        w.Fill(w.Process, 50, 1, 6);
        for (uint round = 1; round <= 4; round++)
        {
            Assert.Equal(1u, w.Migrate(w.Process, 50, 1).Moved);
            Assert.Equal(round, Users(w));
        }

        Assert.Equal(["T1"], w.Broken());
        Assert.Equal(6u, w.TagNow(w.Process, 50));
    }

    [Fact]
    public void MigrationInMoreRangesThanTheTableHolds_MakesPagesImmovable_AndUnswappable()
    {
        const uint Apart = 2048; // 16 MiB
        using var w = new World(blocks: 1, pages: 0);
        for (uint range = 0; range <= 256; range++)
        {
            w.Map(w.Process, range * Apart, 1);
            w.Fill(w.Process, range * Apart, 1, 5);
            Assert.Equal(range < 256 ? 1u : 0, w.Migrate(w.Process, range * Apart, 1).Moved);
        }

        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 256 * Apart, 1, Advice.PageOut));
        Assert.False(w.IsSwapped(w.Process, 256 * Apart));
        Assert.Equal(["T1"], w.Broken());
    }

    /// <summary>An entry for each page, saved one by one, and the folio's copy carries all tags anyway.</summary>
    [Fact]
    public void LargeFolioMappedPageByPage_LeaksOncePerPage()
    {
        const int Order = 4;
        using var w = new World(blocks: 8, pages: 0);
        w.Machine.FolioOrders.Set(FolioOrders<Sun4vM7<AdiLinux>, CheckedModel>.Huge, FolioOrderPolicy.Never);
        w.Machine.FolioOrders.Set(Order, FolioOrderPolicy.Always);
        w.Map(w.Process, 0, 1 << Order);
        w.Fill(w.Process, 0, 1, 5);
        Assert.True(w.Is(w.Process, 7, out uint frame) && w.Mm.Frames.OrderOf(frame) == Order);
        Assert.Equal(1u << Order, w.Migrate(w.Process, 0, 1 << Order).Moved);
        Assert.Equal(5u, w.TagNow(w.Process, 0));
        Assert.Equal(["T1"], w.Broken());
        Assert.Equal(1u << Order, Users(w));
    }

    [Fact]
    public void MemoryErrorInADirtyCachedPage_Leaks()
    {
        using World w = New(Backing.Asynchronous);
        w.Machine.ReclaimAll();
        w.AssertSeen("in, and still cached");
        w.Tag(w.Process, 0, 0, 7);
        Assert.True(w.Is(w.Process, 0, out uint frame));
        w.Machine.MemoryFailure(frame);
        Assert.Equal(UserAccessResult.BusError, w.TryRead(w.Process, 0, 7, out _));
        w.DontNeed(w.Process, 0, 1);
        Assert.Equal(["T1"], w.Broken());
    }

    private static IReadOnlyList<string> MigratePinned<TModel>()
        where TModel : struct, IModel
    {
        using var w = new TagWorld<AdiLinux, TModel>();
        w.Fill(w.Process, 0, 1, 5);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(0), GupFlags.Pin, out uint frame, ref counters));
        Assert.Equal(1u, w.Migrate(w.Process, 0, 1).Pinned);
        w.Machine.Gup.Put(frame, GupFlags.Pin);
        return w.Broken();
    }

    private static uint Users(World w)
    {
        var account = new SavedPages();
        Account<AdiLinux>(w, account);
        return account.Total;
    }

    private static void Account<TTags>(World w, SavedPages account)
        where TTags : struct, IPageTagProvider => TTags.Account(w.Storage, w.Process, account);

    private static World New(Backing backing = Backing.Zram)
    {
        var w = new World(backing);
        w.Fill(w.Process, 0, 1, 5);
        return w;
    }

    private sealed class SavedPages : ITagAccount
    {
        internal uint Total { get; private set; }

        public void Range(uint space, ulong first, ulong last, ulong pages, uint buffer) => Total += (uint)pages;
    }
}
