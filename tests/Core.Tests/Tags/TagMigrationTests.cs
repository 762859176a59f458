using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Reclaim.Migration;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// Tags of pages that move to other frames or addresses while entries stand, and of pages that a memory error takes: nothing is saved for it,
/// so nothing can be left over. The same with Linux's store is in <see cref="AdiLinuxMigrationTests"/>.
/// </summary>
public abstract class TagMigrationTests<TArch, TFormat>
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
{
    public static TheoryData<Backing> Backings => [Backing.Zram, Backing.Asynchronous];

    [Fact]
    public void Migration_CarriesTags()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        Assert.Equal(4u, w.Migrate(w.Process, 0, 4).Moved);
        Assert.Equal(0u, w.Storage.KeptCount);
        Check(w, "moved");
        w.AssertSeen("moved");
        w.Machine.ReclaimAll();
        w.AssertSeen("out and in");
        Check(w, "end");
    }

    [Theory]
    [InlineData(GupFlags.Pin | GupFlags.Write)]
    [InlineData(GupFlags.Get)]
    public void FailedMigration_LeavesTagsAlone_AndKeepsNothing(GupFlags flags)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        var counters = new FaultCounters();
        ulong pointer = TagWorld<TArch, TFormat, CheckedModel>.At(0);
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, pointer, flags, out uint frame, ref counters));
        for (int attempt = 0; attempt < 3; attempt++)
            Assert.Equal(1u, w.Migrate(w.Process, 0, 1).Failed);
        Assert.Equal(0u, w.Storage.KeptCount);
        w.AssertGhosts("failed");
        w.AssertSeen("failed");
        w.Machine.Gup.Put(frame, flags);
        Check(w, "put");
        Assert.Equal(1u, w.Migrate(w.Process, 0, 1).Moved);
        Check(w, "moved");
        w.AssertSeen("moved");
    }

    [Fact]
    public void UndoneMigration_LeavesTagsAlone()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        DisplacedFolio displaced = w.BeginMigration(w.Process, 1);
        w.AssertGhosts("stands");
        w.AssertSound("stands", displaced.Folio);
        w.UndoMigration(displaced);
        Check(w, "undone");
        w.AssertSeen("undone");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ForkWhileEntriesStand_SharesTags(bool undo)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        DisplacedFolio displaced = w.BeginMigration(w.Process, 1);
        uint child = w.Fork(w.Process);
        w.AssertGhosts("forked");
        End(w, displaced, undo);
        Check(w, "there");
        w.Tag(child, 1, 9, 3);
        w.AssertSeen("copied");
        Check(w, "copied");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ZapWhileEntriesStand_ForgetsTags(bool undo)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        DisplacedFolio displaced = w.BeginMigration(w.Process, 1);
        w.DontNeed(w.Process, 0, 2);
        End(w, displaced, undo);
        Check(w, "gone");
        w.Write(w.Process, 1, 7);
        Assert.Equal(0u, w.TagNow(w.Process, 1));
        w.AssertSeen("new life");
        Check(w, "new life");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void MoveWhileEntriesStand_CarriesTags(bool undo)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        DisplacedFolio displaced = w.BeginMigration(w.Process, 1);
        w.Move(w.Process, 0, 3000, 4);
        w.AssertGhosts("moved");
        End(w, displaced, undo);
        Check(w, "there");
        w.AssertSeen("there");
    }

    [Fact]
    public void FaultWhileEntriesStand_IsAWait_AndRestoresNothing()
    {
        using var w = new TagWorld<Sun4vM7<SpyTags<AdiFrameSlot>>, AdiFormat, CheckedModel>();
        w.Fill(w.Process, 0, 1, 5);
        DisplacedFolio displaced = w.BeginMigration(w.Process, 0); // its lock is this thread's: no await from here on
        var calls = new List<string>();
        UserAccessResult result = UserAccessResult.BusError;
        Task reader = MigrationRig<TArch>.StartThatWaits(() =>
        {
            using (SpyTags<AdiFrameSlot>.Listen((call, _) => calls.Add(call)))
                result = w.TryRead(w.Process, 0, 5, out _);
        });
        w.CompleteMigration(displaced);
        MigrationRig<TArch>.Join(reader);
        Assert.Equal(UserAccessResult.Ok, result);
        Assert.Empty(calls);
        w.AssertGhosts("there");
    }

    [Fact]
    public void CheckSwitchedOnWhileEntriesStand_DefinesTagsBeforeThePageIsSeen()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(pages: 0);
        w.Map(w.Process, 0, 4, VmaFlags.None);
        w.Write(w.Process, 0, 1);
        DisplacedFolio displaced = w.BeginMigration(w.Process, 0);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 4, tags: true));
        w.CompleteMigration(displaced);
        Assert.Equal(0u, w.TagNow(w.Process, 0));
        Check(w, "on");
    }

    [Fact]
    public void MigrationOfAPageWithoutTags_LeavesNoneInTheNewFrame()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(pages: 0);
        w.Map(w.Process, 0, 1, VmaFlags.None);
        w.Write(w.Process, 0, 1);
        Assert.Equal(1u, w.Migrate(w.Process, 0, 1).Moved);
        Assert.True(w.Is(w.Process, 0, out uint frame));
        Assert.False(w.Storage.IsValid(frame));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 1, tags: true));
        Assert.Equal(0u, w.TagNow(w.Process, 0, 7)); // and not the leftovers
        Check(w, "on");
    }

    [Fact]
    public void PageInTheSwapCache_TakesItsTagsToTheNewFrame()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Asynchronous);
        w.Machine.ReclaimAll();
        w.AssertSeen("in, and still cached");
        w.Tag(w.Process, 0, 0, 7); // newer than what the slot keeps
        Assert.Equal(4u, w.Migrate(w.Process, 0, 4).Moved);
        Check(w, "moved");
        Assert.True(w.UnmapByHand(w.Process, 1, pinned: false));
        w.AssertSeen("moved");
        Check(w, "end");
    }

    [Fact]
    public void SharedPage_CarriesTags_ForAllItsProcesses()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        w.MapShared(w.Process, 50, 2);
        w.Fill(w.Process, 50, 1, 6);
        uint child = w.Fork(w.Process);
        Assert.Equal(6u, w.TagNow(child, 50));
        for (int round = 0; round < 5; round++)
            Assert.Equal(1u, w.Migrate(child, 50, 1).Moved);
        Check(w, "moved");
        Assert.Equal(6u, w.TagNow(child, 50));
        w.AssertSeen("moved");
        Assert.Equal(0u, w.Storage.KeptCount);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void UserfaultMove_CarriesTags_OfPresentAndSwappedPages(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.MapForUserfault(w.Process, 3000, 8);
        Assert.Equal(MmResult.Ok, w.MoveByUserfault(w.Process, 0, 3000, 2));
        Check(w, "present");
        w.Machine.ReclaimAll();
        Assert.True(w.IsSwapped(w.Process, 2));
        Assert.Equal(MmResult.Ok, w.MoveByUserfault(w.Process, 2, 3002, 2));
        Check(w, "swapped");
        w.AssertSeen("both");
        Check(w, "end");
    }

    [Fact]
    public void UserfaultMove_ToAPlaceThatChecks_DefinesTags()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(pages: 0);
        w.Map(w.Process, 0, 4, VmaFlags.None);
        w.Write(w.Process, 0, 1);
        w.Write(w.Process, 1, 1);
        w.MapForUserfault(w.Process, 3000, 4);
        Assert.Equal(MmResult.Ok, w.MoveByUserfault(w.Process, 0, 3000, 2));
        Check(w, "moved");
        Assert.Equal(0u, w.TagNow(w.Process, 3001, 5));
    }

    [Fact]
    public void UserfaultFill_GivesTagsOfZero()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(pages: 0);
        w.MapForUserfault(w.Process, 3000, 4);
        ulong at = TagWorld<TArch, TFormat, CheckedModel>.At(3000);
        ulong size = 1UL << TArch.PageShift;
        Assert.Equal(MmResult.Ok, w.Machine.Userfaultfd.Copy(w.Process, at, new byte[size], UserfaultModes.None, out _));
        Assert.Equal(MmResult.Ok, w.Machine.Userfaultfd.ZeroPage(w.Process, at + size, size));
        Check(w, "filled");
        Assert.Equal((0u, 0u), (w.TagNow(w.Process, 3000, 3), w.TagNow(w.Process, 3001, 3)));
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void MemoryError_TakesAPageWithItsTags_OrLeavesBothToTheSlot(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.Machine.ReclaimAll();
        w.AssertSeen("in");
        Assert.True(w.Is(w.Process, 0, out uint frame));
        bool cached = w.Mm.Frames.Has(frame, FrameFlags.SwapCache);
        Assert.Equal(backing == Backing.Asynchronous, cached);
        Assert.Equal(MemoryFailureResult.Recovered, w.Machine.MemoryFailure(frame));
        if (!cached)
        {
            Assert.Equal(UserAccessResult.BusError, w.TryRead(w.Process, 0, 5, out _));
            w.DontNeed(w.Process, 0, 1);
        }

        Check(w, "reported");
        w.AssertSeen("again");
        Check(w, "again");
    }

    [Fact]
    public void MemoryErrorInADirtyCachedPage_LosesItsTagsWithIt()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Asynchronous);
        w.Machine.ReclaimAll();
        w.AssertSeen("in");
        w.Tag(w.Process, 0, 0, 7);
        Assert.True(w.Is(w.Process, 0, out uint frame));
        w.Machine.MemoryFailure(frame);
        Assert.Equal(UserAccessResult.BusError, w.TryRead(w.Process, 0, 7, out _));
        w.DontNeed(w.Process, 0, 1);
        Check(w, "zapped");
        w.Machine.ReclaimAll();
        w.Unmap(w.Process, 0, 16);
        w.Machine.ReclaimAll();
        Assert.Equal(0u, w.Storage.KeptCount);
    }

    [Fact]
    public void PrivateMappingOfAnObject_CopiesItsTags_AndLeavesTheObjectsOwn()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(pages: 0);
        uint image = w.Machine.CreateSharedObject(2);
        const VmaFlags Flags = VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked;
        ulong size = 2UL << TArch.PageShift;
        Assert.Equal(
            MmResult.Ok,
            w.Machine.MapObject(w.Process, TagWorld<TArch, TFormat, CheckedModel>.At(0), size, Flags | VmaFlags.Shared, image, 0));
        Assert.Equal(MmResult.Ok, w.Machine.MapObjectPrivately(w.Process, TagWorld<TArch, TFormat, CheckedModel>.At(100), size, Flags, image, 0));
        w.Fill(w.Process, 0, 1, 6);
        Assert.Equal(6u, w.TagNow(w.Process, 100));
        w.AssertSound("read");
        w.Tag(w.Process, 100, 0, 9); // a store: the page is copied
        Assert.Equal(7u, w.TagNow(w.Process, 100, TagWorld<TArch, TFormat, CheckedModel>.Blocks - 1));
        Assert.Equal(6u, w.TagNow(w.Process, 0));
        w.Machine.ReclaimAll();
        Assert.Equal((9u, 6u), (w.TagNow(w.Process, 100), w.TagNow(w.Process, 0)));
        w.AssertSound("copied");
        w.Machine.ReleaseSharedObject(image);
    }

    private static void End(TagWorld<TArch, TFormat, CheckedModel> w, DisplacedFolio displaced, bool undo)
    {
        if (undo)
            w.UndoMigration(displaced);
        else
            w.CompleteMigration(displaced);
    }

    private static TagWorld<TArch, TFormat, CheckedModel> New(Backing backing)
    {
        var w = new TagWorld<TArch, TFormat, CheckedModel>(backing);
        for (uint page = 0; page < 4; page++)
            w.Fill(w.Process, page, (byte)(page + 1), 5 + page);
        return w;
    }

    private static void Check(TagWorld<TArch, TFormat, CheckedModel> w, string step)
    {
        w.AssertGhosts(step);
        w.AssertSound(step);
    }
}

/// <inheritdoc/>
public sealed class AdiMigrationTests : TagMigrationTests<Sun4vM7<AdiFrameSlot>, AdiFormat>;

/// <inheritdoc/>
public sealed class MteMigrationTests : TagMigrationTests<Arm64FourLevel<MteFrameSlot>, MteFormat>;
