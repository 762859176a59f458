using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// The tests of the selftest, under the names of the recorded run, as functions that say whether what they are about holds: that no process
/// sees what another stored, and that whoever has a pin goes on seeing the same page as the process.
/// </summary>
internal static class CowTests<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    /// <summary>A test of ours: a page that a plain reference keeps is swapped out, and stays the process's page when it comes back.</summary>
    internal const string ReferenceAcrossSwapOut = "R/W GUP reference, swapped out";

    private const GupFlags Reference = GupFlags.Get;

    /// <summary>Tests on private anonymous memory.</summary>
    internal static IReadOnlyDictionary<string, Func<CowWorld<TArch, TModel>, bool>> Anonymous { get; } =
        new Dictionary<string, Func<CowWorld<TArch, TModel>, bool>>
        {
            ["Basic COW after fork()"] = world => StoreAfterFork(world, protect: false),
            ["Basic COW after fork() with mprotect() optimization"] = world => StoreAfterFork(world, protect: true),
            ["vmsplice() + unmap in child"] = world => PipeOfChild(world, protect: false),
            ["vmsplice() + unmap in child with mprotect() optimization"] = world => PipeOfChild(world, protect: true),
            ["vmsplice() before fork(), unmap in parent after fork()"] = world => PipeOfParent(world, before: true),
            ["vmsplice() + unmap in parent after fork()"] = world => PipeOfParent(world, before: false),
            ["R/O-mapping a page registered as iouring fixed buffer"] = FixedBufferMadeReadOnly,
            ["fork() with an iouring fixed buffer"] = FixedBufferAndFork,
            ["R/O GUP pin on R/O-mapped shared page"] = world => PinOfShared(world, stillShared: true, fast: false),
            ["R/O GUP-fast pin on R/O-mapped shared page"] = world => PinOfShared(world, stillShared: true, fast: true),
            ["R/O GUP pin on R/O-mapped previously-shared page"] = world => PinOfShared(world, stillShared: false, fast: false),
            ["R/O GUP-fast pin on R/O-mapped previously-shared page"] = world => PinOfShared(world, stillShared: false, fast: true),
            ["R/O GUP pin on R/O-mapped exclusive page"] = world => PinOfExclusive(world, fast: false),
            ["R/O GUP-fast pin on R/O-mapped exclusive page"] = world => PinOfExclusive(world, fast: true),
            [ReferenceAcrossSwapOut] = ReferenceAndSwapOut,
        };

    /// <summary>Tests on memory that is not anonymous at first.</summary>
    internal static IReadOnlyDictionary<string, Func<CowWorld<TArch, TModel>, bool>> NotAnonymous { get; } =
        new Dictionary<string, Func<CowWorld<TArch, TModel>, bool>>
        {
            ["Basic COW"] = StoreBesideOtherMapping,
            ["R/O longterm GUP pin"] = world => PinAndStore(world, longTerm: true, fast: false),
            ["R/O longterm GUP-fast pin"] = world => PinAndStore(world, longTerm: true, fast: true),
        };

    /// <summary>Tests of MADV_COLLAPSE.</summary>
    internal static IReadOnlyDictionary<string, Func<CowWorld<TArch, TModel>, bool>> Collapsing { get; } =
        new Dictionary<string, Func<CowWorld<TArch, TModel>, bool>>
        {
            ["Basic COW after fork() when collapsing before fork()"] = CollapseAndFork,
            ["Basic COW after fork() when collapsing after fork() (fully shared)"] = world => ForkAndCollapse(world, lower: true, upper: true),
            ["Basic COW after fork() when collapsing after fork() (lower shared)"] = world => ForkAndCollapse(world, lower: true, upper: false),
            ["Basic COW after fork() when collapsing after fork() (upper shared)"] = world => ForkAndCollapse(world, lower: false, upper: true),
        };

    internal static bool Run(CowWorld<TArch, TModel> world, string test, CowMemory memory)
    {
        CowMemories<TArch, TModel>.Prepare(world, memory);
        bool notAnonymous = memory is CowMemory.ZeroPage or CowMemory.HugeZeroPage or CowMemory.PrivateView;
        bool holds = (notAnonymous ? NotAnonymous : Collapsing.ContainsKey(test) ? Collapsing : Anonymous)[test](world);
        world.Finish();
        return holds;
    }

    private static void Store(CowWorld<TArch, TModel> world, uint space)
    {
        world.Reach(CowMoment.BeforeStore);
        world.Fill(space, CowWorld<TArch, TModel>.New);
    }

    private static bool StoreAfterFork(CowWorld<TArch, TModel> world, bool protect)
    {
        uint child = world.Fork();
        byte[] before = world.Snapshot(child);
        if (protect)
            world.ProtectThereAndBack();
        Store(world, world.Parent);
        return world.Snapshot(child).AsSpan().SequenceEqual(before);
    }

    private static bool PipeOfChild(CowWorld<TArch, TModel> world, bool protect)
    {
        uint child = world.Fork();
        byte[] before = world.Snapshot(child);
        CowHold pipe = world.Take(child, Reference, fast: true);
        world.Reach(CowMoment.Held);
        world.Unmap(child);
        if (protect)
            world.ProtectThereAndBack();
        Store(world, world.Parent);
        return world.Contents(pipe).AsSpan().SequenceEqual(before);
    }

    private static bool PipeOfParent(CowWorld<TArch, TModel> world, bool before)
    {
        uint child = before ? 0 : world.Fork(); // nobody looks at the memory before: swapped-out pages are forked as swap entries
        CowHold pipe = world.Take(world.Parent, Reference, fast: true);
        world.Reach(CowMoment.Held);
        if (before)
            child = world.Fork();
        world.Unmap(world.Parent);
        Store(world, child);
        world.Exit(child);
        return !world.Contents(pipe).AsSpan().ContainsAnyExcept(CowWorld<TArch, TModel>.Old);
    }

    private static bool FixedBufferMadeReadOnly(CowWorld<TArch, TModel> world)
    {
        DmaTransfer buffer = world.Register();
        world.KeepReadOnly();
        Assert.False(world.HasWritableEntry(world.Parent));
        Store(world, world.Parent);
        return IsReliable(world, buffer);
    }

    private static bool FixedBufferAndFork(CowWorld<TArch, TModel> world)
    {
        DmaTransfer buffer = world.Register();
        world.Reach(CowMoment.Held);
        uint child = world.Fork();
        byte[] before = world.Snapshot(child);
        Store(world, world.Parent);
        bool reliable = IsReliable(world, buffer);
        return reliable && world.Snapshot(child).AsSpan().SequenceEqual(before);
    }

    /// <summary>The device reads what the process stored, and the process what the device stores; ends the transfer.</summary>
    private static bool IsReliable(CowWorld<TArch, TModel> world, DmaTransfer buffer)
    {
        byte[] seen = new byte[buffer.Length];
        world.Machine.Dma.Read(buffer, 0, seen);
        bool same = seen.AsSpan().SequenceEqual(world.Snapshot(world.Parent)) && !seen.AsSpan().ContainsAnyExcept(CowWorld<TArch, TModel>.New);
        byte[] fromDevice = [.. Enumerable.Range(0, buffer.Length).Select(i => (byte)((i >> 3) ^ 0x5a))];
        world.Machine.Dma.Write(buffer, 0, fromDevice);
        world.Unregister(buffer);
        return same && world.Snapshot(world.Parent).AsSpan().SequenceEqual(fromDevice);
    }

    private static bool PinOfShared(CowWorld<TArch, TModel> world, bool stillShared, bool fast)
    {
        uint child = world.Fork();
        if (!stillShared)
            world.Exit(child);
        return PinAndStore(world, world.LongTerm, fast);
    }

    /// <summary>The pages that were exclusive must also be the ones that are pinned: no copy is needed.</summary>
    private static bool PinOfExclusive(CowWorld<TArch, TModel> world, bool fast)
    {
        world.KeepReadOnly();
        world.Reach(CowMoment.Held);
        uint[] exclusive = world.ExclusiveFrames(world.Parent);
        GupFlags flags = PinFlags(world.LongTerm);
        CowHold pin = world.Take(world.Parent, flags, fast);
        for (int i = 0; i < exclusive.Length; i++)
        {
            if (exclusive[i] != 0)
                Assert.Equal(exclusive[i], pin.Frames[i]);
        }

        Assert.True(!TArch.HasUffdWp || !world.HasWritableEntry(world.Parent));
        return SeesTheStore(world, pin);
    }

    private static bool PinAndStore(CowWorld<TArch, TModel> world, bool longTerm, bool fast) =>
        SeesTheStore(world, world.Take(world.Parent, PinFlags(longTerm), fast));

    private static GupFlags PinFlags(bool longTerm) => GupFlags.Pin | (longTerm ? GupFlags.LongTerm : GupFlags.None);

    private static bool SeesTheStore(CowWorld<TArch, TModel> world, CowHold hold)
    {
        Store(world, world.Parent);
        byte[] seen = world.Contents(hold);
        return seen.AsSpan().SequenceEqual(world.Snapshot(world.Parent)) && !seen.AsSpan().ContainsAnyExcept(CowWorld<TArch, TModel>.New);
    }

    private static bool StoreBesideOtherMapping(CowWorld<TArch, TModel> world)
    {
        byte[] before = world.Snapshot(world.Parent, CowMemories<TArch, TModel>.Other);
        Store(world, world.Parent);
        return world.Snapshot(world.Parent, CowMemories<TArch, TModel>.Other).AsSpan().SequenceEqual(before)
            && !world.Snapshot(world.Parent).AsSpan().ContainsAnyExcept(CowWorld<TArch, TModel>.New);
    }

    /// <summary>
    /// What devices did that took plain references: the page leaves the page table, its frame stays because of the reference, and the swap
    /// entry must remember that it was exclusive, or the next store goes to a copy.
    /// </summary>
    private static bool ReferenceAndSwapOut(CowWorld<TArch, TModel> world)
    {
        CowHold hold = world.Take(world.Parent, Reference | GupFlags.Write, fast: true);
        world.Advise(0, world.Pages, Advice.PageOut);
        world.Reach(CowMoment.Held);
        return SeesTheStore(world, hold);
    }

    private static bool CollapseAndFork(CowWorld<TArch, TModel> world)
    {
        world.Collapse();
        return StoreAfterFork(world, protect: false);
    }

    /// <summary>The child gets one half or both; the parent's pages are collapsed while the child has them too.</summary>
    private static bool ForkAndCollapse(CowWorld<TArch, TModel> world, bool lower, bool upper)
    {
        int half = world.Pages / 2;
        if (!(lower && upper))
            world.Advise(lower ? half : 0, half, Advice.DontFork);
        uint child = world.Fork();
        if (!(lower && upper))
            world.Advise(lower ? half : 0, half, Advice.DoFork);
        ulong start = world.First + CowWorld<TArch, TModel>.Bytes(lower ? 0 : half);
        int pages = lower && upper ? world.Pages : half;
        byte[] before = world.Snapshot(child, start, pages);
        world.Collapse();
        Store(world, world.Parent);
        return world.Snapshot(child, start, pages).AsSpan().SequenceEqual(before);
    }
}
