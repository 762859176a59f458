using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Reclaim.Migration;
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

    /// <summary>
    /// The entries are replaced once in a round, however often the rest is tried: once by a call that does not wait, and twice by one that does.
    /// </summary>
    [Fact]
    public void FailedMigration_LeaksOncePerRound_ThoughNothingMoved()
    {
        using World w = New();
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(0), GupFlags.Get, out uint frame, ref counters));
        for (uint call = 1; call <= 3; call++)
        {
            Assert.Equal(1u, w.Migrate(w.Process, 0, 1).InUse);
            Assert.Equal(2 * call, Users(w));
        }

        uint target = w.Mm.Folios.TryAllocate();
        w.Mm.Folios.TryGet(frame);
        Assert.Equal(MigrationResult.InUse, w.Machine.Migrator.Move(frame, target, MigrationMode.Async));
        Assert.Equal(7u, Users(w));
        w.Mm.Folios.Put(frame);
        w.Mm.Folios.Put(target);
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

    /// <summary>The share that fails comes after the save; nothing stands between the passes then, so each of them saves again.</summary>
    [Fact]
    public void MigrationOfAPinnedPage_LeaksInEachPass_UnlessTheSaveIsUndone()
    {
        Assert.Equal(["T1"], MigratePinned<AdiLegacy>(out uint users));
        Assert.Equal(10u, users);
        Assert.Equal(["T1"], MigratePinned<AdiSwapFreeFix>(out users));
        Assert.Equal(10u, users);
        Assert.Empty(MigratePinned<CheckedModel>(out users));
        Assert.Equal(0u, users);
        Assert.Empty(MigratePinned<ShareFirst>(out users));
        Assert.Equal(0u, users);
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

    /// <summary>The fault waits, and is tried again when a present entry stands: it is no swap fault, so it restores nothing.</summary>
    [Fact]
    public void FaultWhileEntriesStand_RestoresNothing_SoTheSaveLeaks()
    {
        using World w = New();
        DisplacedFolio displaced = w.BeginMigration(w.Process, 0);
        UserAccessResult result = UserAccessResult.BusError;
        Task reader = MigrationRig<Sun4vM7<AdiLinux>>.StartThatWaits(() => result = w.TryRead(w.Process, 0, 5, out _));
        w.CompleteMigration(displaced);
        MigrationRig<Sun4vM7<AdiLinux>>.Join(reader);
        Assert.Equal(UserAccessResult.Ok, result);
        Assert.Equal(1u, Users(w));
        Assert.Equal(["T1"], w.Broken());
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
        w.Spoil();

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

    private static IReadOnlyList<string> MigratePinned<TModel>(out uint users)
        where TModel : struct, IModel
    {
        using var w = new TagWorld<AdiLinux, TModel>();
        const uint Apart = 2048; // 16 MiB
        w.Map(w.Process, Apart, 1);
        w.Fill(w.Process, Apart, 1, 5);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, Apart, 1, Advice.PageOut)); // takes the first range, which loses a buffer with each use
        w.Fill(w.Process, 0, 1, 5);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(0), GupFlags.Pin, out uint frame, ref counters));
        Assert.Equal(1u, w.Migrate(w.Process, 0, 1).Pinned);
        w.Machine.Gup.Put(frame, GupFlags.Pin);
        users = Users(w) - 1;
        return w.Broken();
    }

    private static uint Users<TModel>(TagWorld<AdiLinux, TModel> w)
        where TModel : struct, IModel
    {
        var account = new SavedPages();
        Account<AdiLinux, TModel>(w, account);
        return account.Total;
    }

    private static void Account<TTags, TModel>(TagWorld<TTags, TModel> w, SavedPages account)
        where TTags : struct, IPageTagProvider
        where TModel : struct, IModel => TTags.Account(w.Storage, w.Process, account);

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
