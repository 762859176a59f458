using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>
/// A page that KSM had merged comes back for the place where it does not belong, so that it needs a copy; meanwhile another thread of the process
/// brings it in too, writes it, and it is swapped out to the same slot.
/// </summary>
internal sealed class MergedPageCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private readonly int page;

    public MergedPageCard()
        : base(slots: 4)
    {
        Map(Parent, 5);
        Advise(Parent, 0, 2, Advice.Mergeable);
        Write(Parent, 0, Old);
        Write(Parent, 1, Old);
        Machine.Ksm.Scan(2);
        Machine.ReclaimAll();
        Assert.True(IsSwapped(Parent, 0) && IsSwapped(Parent, 1));

        // Swap is more than half full and the last slot is the free one: the next search starts at the first slot, that of the merged page.
        for (int filler = 2; filler < 5; filler++)
        {
            Write(Parent, filler, Old);
            PageOut(Parent, filler);
        }

        Read(Parent, 4);

        // The page whose frame was merged into has kept its soft-dirty mark, so its entry can come again; the other one brings the folio in.
        page = IsSoftDirty(Parent, 0) ? 0 : 1;
        Read(Parent, 1 - page);
    }

    public override void Observed() => Read(Parent, page);

    public override void Others()
    {
        Write(Parent, page, New);
        PageOut(Parent, page);
    }

    public override string? Judge() => Expect(New, Parent, page) ?? Expect(Old, Parent, 1 - page) ?? FirstViolation();
}

/// <summary>A page shared by fork is found in the swap cache; meanwhile its folio leaves the cache and its slot is used for a newer page.</summary>
internal sealed class LeftCacheCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private readonly uint child;
    private readonly bool childWritesFirst;

    public LeftCacheCard(bool childWritesFirst)
        : base(slots: 1)
    {
        this.childWritesFirst = childWritesFirst;
        Map(Parent, 1);
        Write(Parent, 0, Old);
        child = Machine.Fork(Parent);
        Machine.ReclaimAll();
        Advise(Parent, 0, 1, Advice.WillNeed);
        Assert.True(IsSwapped(Parent, 0) && IsSwapped(child, 0));
    }

    public override void Observed() => Read(Parent, 0);

    public override void Others()
    {
        if (childWritesFirst)
            Write(child, 0, 3);
        Write(Parent, 0, New);
        if (!childWritesFirst)
            Write(child, 0, 3);
        PageOut(Parent, 0);
    }

    public override string? Judge() => Expect(New, Parent, 0) ?? Expect(3, child, 0) ?? FirstViolation();
}

/// <summary>As <see cref="LeftCacheCard{TModel}"/>, but the folio is back in the cache, under another slot.</summary>
internal sealed class OtherSlotCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private readonly uint child;

    public OtherSlotCard()
        : base(slots: 3)
    {
        Map(Parent, 2);
        Write(Parent, 1, Old);
        PageOut(Parent, 1); // one of three slots: with two, swap is more than half full
        Write(Parent, 0, Old);
        child = Machine.Fork(Parent);
        Machine.ReclaimAll();
        Advise(Parent, 0, 1, Advice.WillNeed);
        Assert.True(IsSwapped(Parent, 0) && IsSwapped(child, 0));
    }

    public override void Observed() => Read(Parent, 0);

    public override void Others()
    {
        Read(child, 0);
        Write(Parent, 0, New);
        PageOut(child, 0);
        PageOut(Parent, 0);
    }

    public override string? Judge() => Expect(New, Parent, 0) ?? Expect(Old, child, 0) ?? FirstViolation();
}

/// <summary>A page that only one entry names is read; meanwhile another thread brings it in, writes it, and it goes to the same slot again.</summary>
internal sealed class DirectCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private readonly bool shared;

    public DirectCard(bool shared)
        : base(slots: 1)
    {
        this.shared = shared;
        Map(Parent, 1, shared);
        Write(Parent, 0, Old);
        Machine.ReclaimAll();
        Assert.Equal(1ul, Mm.Swap.TotalInUse);
    }

    public override void Observed() => Read(Parent, 0);

    public override void Others()
    {
        Write(Parent, 0, New);
        if (shared)
            Machine.ReclaimAll();
        else
            PageOut(Parent, 0);
    }

    public override string? Judge() => Expect(New, Parent, 0) ?? FirstViolation();
}

/// <summary>
/// Nobody changes anything, but the device forgets the content of a slot when it is freed: another thread brings the page in, so that the first one
/// reads garbage, and the page goes to the same slot again before that one looks at the entry. Two interruptions.
/// </summary>
internal sealed class ForgottenContentCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    public ForgottenContentCard()
        : base(slots: 1)
    {
        Map(Parent, 1);
        Write(Parent, 0, Old);
        PageOut(Parent, 0);
        Assert.True(IsSwapped(Parent, 0));
    }

    public override Action? BeforeContent => () => Read(Parent, 0);

    /// <summary>With the pin the other thread has to wait for the first one.</summary>
    public override int EnoughSchedules => 0;

    public override void Observed() => Read(Parent, 0);

    public override void Others() => PageOut(Parent, 0);

    public override string? Judge() => Expect(Old, Parent, 0) ?? FirstViolation();
}

/// <summary>
/// A page is brought back while its swap area is removed; then another area comes in its place, and a newer version of the page goes to the same slot
/// of that.
/// </summary>
internal sealed class AreaGoneCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private readonly bool synchronous;

    public AreaGoneCard(bool synchronous)
        : base(slots: 1, synchronous)
    {
        this.synchronous = synchronous;
        Map(Parent, 1);
        Write(Parent, 0, Old);
        Machine.ReclaimAll();
        Assert.True(IsSwapped(Parent, 0));
    }

    public override int EnoughSchedules => 1; // swapoff waits for whoever has pinned the area

    public override void Observed() => Read(Parent, 0);

    public override void Others()
    {
        Assert.Equal(SwapResult.Ok, Machine.SwapOff(0));
        SwapOnAgain(0, synchronous);
        Write(Parent, 0, New);
        PageOut(Parent, 0);
    }

    public override string? Judge() => Expect(New, Parent, 0) ?? FirstViolation();
}

/// <summary>A page's neighbour, which is read ahead, lies in another area that is removed meanwhile; a later one takes its place.</summary>
internal sealed class OtherAreaGoneCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    public OtherAreaGoneCard()
        : base(slots: 1)
    {
        Map(Parent, 2);
        Write(Parent, 1, Old);
        PageOut(Parent, 1); // the first area is full
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(new SwapAreaOptions { Slots = 8 }, out _));
        Write(Parent, 0, Old);
        PageOut(Parent, 0);
        Machine.Settle();
        Machine.ReclaimAll(); // a page that was written stays in the cache until it is met again
        Assert.True(IsSwapped(Parent, 0) && IsSwapped(Parent, 1));
        Assert.Equal((1u, 1u), (Mm.Swap.InUse(0), Mm.Swap.InUse(1)));
        Machine.PageCluster = 3; // the first window has eight pages
    }

    public override int EnoughSchedules => 1;

    public ulong PagesReadAhead => Mm.Swap.Readahead.PagesReadAhead;

    public override void Observed() => Read(Parent, 0);

    public override void Others()
    {
        Assert.Equal(SwapResult.Ok, Machine.SwapOff(0));
        SwapOnAgain(0, synchronous: true);
        Write(Parent, 1, New);
        PageOut(Parent, 1);
    }

    public override string? Judge() => Expect(Old, Parent, 0) ?? Expect(New, Parent, 1) ?? FirstViolation();
}
