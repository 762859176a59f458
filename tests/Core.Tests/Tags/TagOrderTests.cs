using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using ByAddress = PageTableEmu.Core.Tests.Tags.SpyTags<PageTableEmu.Arch.Sparc.Adi.AdiLinux>;
using Spy = PageTableEmu.Core.Tests.Tags.SpyTags<PageTableEmu.Arch.Sparc.Adi.AdiFrameSlot>;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>When providers are called, and that a core that forgot one of the calls would be found out.</summary>
public class TagOrderTests
{
    [Theory]
    [InlineData(Backing.Zram, false)]
    [InlineData(Backing.Asynchronous, false)]
    [InlineData(Backing.Zram, true)]
    [InlineData(Backing.Asynchronous, true)]
    public void Restore_ComesBeforeTheEntryIsPresent_AndBeforeTheReferenceGoes(Backing backing, bool swapOff)
    {
        using TagWorld<Spy, CheckedModel> w = New<Spy>(backing);
        w.Machine.ReclaimAll();
        int restored = 0;
        using (Spy.Listen((call, argument) =>
        {
            if (call != nameof(IPageTagProvider.RestoreFromSlot))
                return;
            restored++;
            Assert.True(w.IsSwapped(w.Process, 0));
            Assert.Equal(1u, w.Mm.Swap.Count(new SwapEntry(argument)));
        }))
        {
            if (swapOff)
                Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
            else
                Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 0, 5, out _));
        }

        Assert.Equal(1, restored);
        Assert.True(w.Is(w.Process, 0, out _));
    }

    [Fact]
    public void LinuxRestores_AfterTheEntryIsPresent()
    {
        using TagWorld<ByAddress, CheckedModel> w = New<ByAddress>(Backing.Zram);
        w.Machine.ReclaimAll();
        bool present = false;
        using (ByAddress.Listen((call, _) => present |= call == nameof(IPageTagProvider.Restore) && w.Is(w.Process, 0, out uint _)))
            Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 0, 5, out _));
        Assert.True(present); // another processor could have used the page before it had its tags
    }

    [Fact]
    public void SharedPageFromSwap_IsRestoredBeforeTheIndexShowsIt()
    {
        using TagWorld<Spy, CheckedModel> w = New<Spy>(Backing.Zram);
        w.MapShared(w.Process, 50, 1);
        w.Fill(w.Process, 50, 1, 6);
        w.Machine.ReclaimAll();
        uint vma = w.Mm.Vmas.Find(w.Process, TagWorld<Spy, CheckedModel>.At(50));
        uint number = w.Mm.Vmas[vma].SharedObject;
        int restored = 0;
        using (Spy.Listen((call, _) =>
        {
            if (call != nameof(IPageTagProvider.RestoreFromSlot))
                return;
            restored++;
            Assert.True(w.Mm.Vmas.Objects.Index.Load(number, 0).IsSwap);
        }))
            Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 50, 6, out _));

        Assert.Equal(1, restored);
    }

    [Fact]
    public void Define_ComesBeforeTheEntryIsPresent()
    {
        using TagWorld<Spy, CheckedModel> w = New<Spy>(Backing.Zram);
        bool early = false;
        using (Spy.Listen((call, _) => early |= call == nameof(IPageTagProvider.EnsureDefined) && !w.Is(w.Process, 7, out uint _)))
            w.Write(w.Process, 7, 1);
        Assert.True(early);
    }

    [Fact]
    public void Unmapping_SavesAfterTheReference_AndUndoesBeforeItGoes()
    {
        using TagWorld<ByAddress, CheckedModel> w = New<ByAddress>(Backing.Zram);
        var calls = new List<string>();
        using (ByAddress.Listen((call, _) =>
        {
            Assert.True(w.Is(w.Process, 0, out uint frame) || call is nameof(IPageTagProvider.Save) or nameof(IPageTagProvider.Undo));
            calls.Add(call);
        }))
            Assert.False(w.UnmapByHand(w.Process, 0, pinned: true));
        Assert.Equal(
            [nameof(IPageTagProvider.Save), nameof(IPageTagProvider.Undo)],
            calls.Where(call => call != nameof(IPageTagProvider.OnSlotFree)));
        calls.Clear();
        using (ByAddress.Listen((call, _) => calls.Add(call)))
            Assert.True(w.UnmapByHand(w.Process, 0, pinned: false));
        Assert.Equal([nameof(IPageTagProvider.Save), nameof(IPageTagProvider.Adopt)], calls);
    }

    [Fact]
    public void LoadOfAPresentPage_ChangesNothingOfAProvider()
    {
        using TagWorld<Spy, CheckedModel> w = New<Spy>(Backing.Zram);
        using (Spy.Listen((call, _) => Assert.Fail(call)))
            Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 0, 5, out _));
    }

    [Fact]
    public void EachPrimitive_TellsAProviderThatKeepsTagsByAddress()
    {
        using TagWorld<ByAddress, CheckedModel> w = New<ByAddress>(Backing.Zram);
        w.Fill(w.Process, 1, 1, 6);
        w.Machine.ReclaimAll();
        var calls = new HashSet<string>();
        using (ByAddress.Listen((call, _) => calls.Add(call)))
        {
            uint child = w.Fork(w.Process);
            w.Move(w.Process, 0, 100, 1);
            w.DontNeed(w.Process, 100, 1);
            w.Exit(child);
        }

        Assert.Superset(
            new HashSet<string>
            {
                nameof(IPageTagProvider.OnDuplicate),
                nameof(IPageTagProvider.OnMove),
                nameof(IPageTagProvider.OnDrop),
                nameof(IPageTagProvider.OnSpaceExit),
            },
            calls);
    }

    [Fact]
    public void WholeTable_MovesOnlyIfTheProviderSaysSo()
    {
        uint span = TagWorld<ByAddress, CheckedModel>.Span;
        using var w = new TagWorld<ByAddress, CheckedModel>(pages: 0);
        w.Map(w.Process, 0, span);
        w.Fill(w.Process, 3, 1, 6);
        var calls = new List<string>();
        using (ByAddress.Listen((call, _) => calls.Add(call)))
            w.Move(w.Process, 0, span * 2, span);
        Assert.Contains(nameof(IPageTagProvider.OnMoveRange), calls);
        w.AssertSeen("moved one by one");
    }

    [Theory]
    [InlineData(nameof(IPageTagProvider.EnsureDefined))]
    [InlineData(nameof(IPageTagProvider.CopyFrame))]
    [InlineData(nameof(IPageTagProvider.PrepareToSwap))]
    [InlineData(nameof(IPageTagProvider.RestoreFromSlot))]
    [InlineData(nameof(IPageTagProvider.OnSlotFree))]
    public void ForgottenCall_IsFoundOut(string call)
    {
        using TagWorld<Spy, CheckedModel> w = New<Spy>(Backing.Zram);
        using (Spy.Listen((_, _) => { }, forget: call))
        {
            Exception? found = Record.Exception(() =>
            {
                w.Write(w.Process, 5, 5);
                uint child = w.Fork(w.Process);
                w.Write(child, 0, 3);
                w.AssertGhosts("copied");
                w.AssertSound("copied");
                w.Machine.ReclaimAll();
                w.AssertGhosts("out");
                w.AssertSeen("in");
                w.Exit(child);
                w.DontNeed(w.Process, 0, 6);
                w.Machine.ReclaimAll();
                w.AssertSound("end");
            });
            Assert.True(found is not null, $"Nobody noticed that {call} was forgotten.");
        }
    }

    [Fact]
    public void FrameShownWithoutDefiningItsTags_IsRefused()
    {
        using TagWorld<Spy, CheckedModel> w = New<Spy>(Backing.Zram);
        Assert.True(w.Is(w.Process, 0, out _));
        Pte entry = w.Entry(w.Process, 0);
        using TableGuard<Arch.Sparc.Sun4vM7<Spy>, CheckedModel> guard =
            w.Mm.Leaves.Lock(w.Mm.Spaces[w.Process].Root, TagWorld<Spy, CheckedModel>.At(9));
        bool refused = false;
        try
        {
            guard[TagWorld<Spy, CheckedModel>.At(9)].SetPresent(entry);
        }
        catch (InvalidOperationException)
        {
            refused = true;
        }

        Assert.True(refused);
    }

    [Fact]
    public void CommitWithoutSaving_IsRefused()
    {
        using TagWorld<ByAddress, CheckedModel> w = New<ByAddress>(Backing.Zram);
        ulong at = TagWorld<ByAddress, CheckedModel>.At(0);
        using TableGuard<Arch.Sparc.Sun4vM7<ByAddress>, CheckedModel> guard = w.Mm.Leaves.Lock(w.Mm.Spaces[w.Process].Root, at);
        Unmapping<Arch.Sparc.Sun4vM7<ByAddress>, CheckedModel> unmapping = w.Mm.Leaves.BeginUnmap(guard[at]);
        bool refused = false;
        try
        {
            unmapping.CommitSwap();
        }
        catch (InvalidOperationException)
        {
            refused = true;
        }

        unmapping.Rollback();
        Assert.True(refused);
    }

    private static TagWorld<TTags, CheckedModel> New<TTags>(Backing backing)
        where TTags : struct, IPageTagProvider
    {
        var w = new TagWorld<TTags, CheckedModel>(backing);
        w.Fill(w.Process, 0, 1, 5);
        return w;
    }
}
