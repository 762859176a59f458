using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Soak.Exact;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;

namespace PageTableEmu.Core.Tests.Soak;

/// <summary>One thread of a soak: does random operations and checks what it loads.</summary>
internal sealed class SoakWorker<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    private static readonly (string Name, int Weight)[] Mix =
    [
        ("store", 72), ("load", 60), ("load with the gate", 36), ("free for all", 30),
        ("fork", 6), ("work in the child", 30), ("exit of the child", 6),
        ("reclaim", 18), ("reclaim all", 1), ("pageout", 15), ("cold", 6), ("willneed", 12), ("free", 12), ("dontneed", 9),
        ("protect", 9), ("lock", 4), ("move", 9), ("map anew", 9), ("populate read", 9), ("populate write", 9),
        ("swapoff", 1), ("settle", 6), ("complete writes", 12), ("orders", 2), ("migrate", 18), ("migrate in the child", 9), ("compact", 2),
        ("mergeable", 9), ("unmergeable", 3), ("scan for equal pages", 6), ("unmerge all", 1),
        ("exact", 240), ("limit", 3),
    ];

    private readonly SoakRun<TArch, TModel> run;
    private readonly Machine<TArch, TModel> machine;
    private readonly Random random;
    private readonly byte[] buffer;
    private readonly byte[] expected;
    private readonly ExactWorker<TArch, TModel> exact;
    private FaultCounters counters;
    private SoakSpace? child;
    private int progress;

    public SoakWorker(SoakRun<TArch, TModel> run, int seed)
    {
        this.run = run;
        machine = run.Machine;
        random = new Random(seed);
        buffer = new byte[machine.Image.PageSize];
        expected = new byte[machine.Image.PageSize];
        exact = run.NewExactWorker(random);
    }

    public Dictionary<string, long> Counts { get; } = Mix.ToDictionary(entry => entry.Name, _ => 0L);

    /// <summary>Operations begun.</summary>
    public int Progress => Volatile.Read(ref progress);

    /// <summary>The operation that the worker is in.</summary>
    public string Current { get; private set; } = "";

    /// <summary>The same, in detail.</summary>
    public string Detail => Current == "exact" ? exact.Current : Current;

    public long OutOfMemory { get; private set; }

    public long PagesMoved { get; private set; }

    /// <summary>Operations that ran out of memory, all kinds.</summary>
    public long AllOutOfMemory => OutOfMemory + exact.OutOfMemory;

    public void Work()
    {
        int total = Mix.Sum(entry => entry.Weight);
        while (!run.IsOver)
        {
            int choice = random.Next(total);
            int index = 0;
            while (choice >= Mix[index].Weight)
                choice -= Mix[index++].Weight;
            Current = Mix[index].Name;
            Volatile.Write(ref progress, progress + 1);
            Counts[Current]++;
            Do(Current, run.Spaces[random.Next(run.Spaces.Length)]);
        }

        Current = "exit of the last child";
        exact.Finish();
        LetChildGo();
        Current = "";
    }

    private void Do(string operation, SoakSpace space)
    {
        switch (operation)
        {
            case "limit":
                run.ChangeLimit(random);
                break;
            case "exact":
                exact.Step();
                break;
            case "store":
                Store(space, random.Next(run.Pages));
                break;
            case "load":
                Load(space, random.Next(run.Pages));
                break;
            case "load with the gate":
                LoadWithGate(space, random.Next(run.Pages));
                break;
            case "free for all":
                FreeForAll(space);
                break;
            case "fork":
                Fork(child != null && random.Next(2) == 0 ? child : space);
                break;
            case "work in the child":
                WorkInChild();
                break;
            case "exit of the child":
                LetChildGo();
                break;
            case "reclaim":
                machine.Reclaim(random.Next(1, 64));
                break;
            case "reclaim all":
                machine.ReclaimAll();
                break;
            case "scan for equal pages":
                machine.Ksm.Scan();
                break;
            case "unmerge all":
                if (machine.Ksm.UnmergeAll() != MmResult.Ok)
                    OutOfMemory++;
                break;
            case "swapoff":
                run.SwapOffAndOn(random);
                break;
            case "settle":
                machine.Settle();
                break;
            case "complete writes":
                machine.Context.Swap.CompleteWrites(random.Next(1, 8));
                break;
            case "orders":
                if (run.WithOrders)
                    run.ChangeOrders(random);
                break;
            case "migrate":
                Migrate(space);
                break;
            case "migrate in the child":
                Migrate(child ?? space);
                break;
            case "compact":
                machine.Compact();
                break;
            default:
                DoRange(operation, space);
                break;
        }
    }

    /// <summary>Moves pages to other frames, wherever they are mapped: nobody may notice.</summary>
    private void Migrate(SoakSpace space)
    {
        int first = random.Next(SoakSpace.Pages);
        int count = Math.Min(random.Next(1, 24), SoakSpace.Pages - first);
        MigrationCounts counts = machine.Migrate(space.Space, space.Address(first, random.Next(2)), (ulong)count * space.PageSize);
        PagesMoved += counts.Moved;
        OutOfMemory += counts.NoMemory;
    }

    private void DoRange(string operation, SoakSpace space)
    {
        int first = random.Next(run.Pages);
        int count = Math.Min(random.Next(1, 24), run.Pages - first);
        switch (operation)
        {
            case "pageout":
                Advise(space, first, count, random.Next(2), Advice.PageOut);
                break;
            case "cold":
                Advise(space, first, count, random.Next(2), Advice.Cold);
                break;
            case "mergeable":
                Advise(space, first, count, random.Next(2), Advice.Mergeable);
                break;
            case "unmergeable":
                Advise(space, first, count, random.Next(2), Advice.Unmergeable);
                break;
            case "willneed":
                Advise(space, first, count, random.Next(2), Advice.WillNeed);
                break;
            case "populate read":
                Advise(space, first, count, random.Next(2), Advice.PopulateRead);
                break;
            case "populate write":
                Advise(space, first, count, random.Next(2), Advice.PopulateWrite);
                break;
            default:
                ChangeRange(operation, space, first, count);
                break;
        }
    }

    private void Advise(SoakSpace space, int first, int count, int side, Advice advice) =>
        machine.Advise(space.Space, space.Address(first, side), (ulong)count * space.PageSize, advice, ref counters);

    /// <summary>Operations that change contents or places: others that would are kept out, readers are not.</summary>
    private void ChangeRange(string operation, SoakSpace space, int first, int count)
    {
        space.Enter(first, count);
        Span<SoakPage> pages = space.TrackedPages.AsSpan(first, count);
        int side = pages[0].Side;
        int same = 1;
        while (same < count && pages[same].Side == side)
            same++;
        pages = pages[..same]; // those that lie one behind the other
        ulong start = space.Address(first, side);
        ulong length = (ulong)same * space.PageSize;
        switch (operation)
        {
            case "free":
                foreach (SoakPage page in pages)
                {
                    page.BeginZeroing();
                    if (SoakRun<TArch, TModel>.FreesForFamily)
                        page.CountFreeForFamily();
                }

                Require(machine.Advise(space.Space, start, length, Advice.Free, ref counters));
                break;
            case "dontneed":
                foreach (SoakPage page in pages)
                    page.BeginZeroing();
                Require(machine.Advise(space.Space, start, length, Advice.DontNeed, ref counters));
                foreach (SoakPage page in pages)
                    page.EndZeroing();
                break;
            case "protect":
                foreach (SoakPage page in pages)
                    page.CountProtection();
                Require(machine.Protect(space.Space, start, length, AccessRights.Read, ref counters));
                Require(machine.Protect(space.Space, start, length, AccessRights.Read | AccessRights.Write, ref counters));
                foreach (SoakPage page in pages)
                    page.CountProtection();
                break;
            case "lock":
                RequireOrNoMemory(machine.Lock(space.Space, start, length, ref counters));
                Require(machine.Unlock(space.Space, start, length));
                break;
            case "move":
                Move(space, pages, start, space.Address(first, 1 - side), length);
                break;
            default:
                MapAnew(space, pages, start, length);
                break;
        }

        space.Exit(first, count);
    }

    private void Move(SoakSpace space, Span<SoakPage> pages, ulong from, ulong to, ulong length)
    {
        foreach (SoakPage page in pages)
            page.CountRemapping();
        bool dontUnmap = pages.Length == 1 && random.Next(2) == 0;
        MmResult result = machine.Move(space.Space, from, to, length, dontUnmap);
        RequireOrNoMemory(result);
        for (int i = 0; i < pages.Length; i++)
        {
            // Several VMAs move one after the other. Out of memory (for merged pages, say), those before have moved.
            if (result == MmResult.Ok || (!dontUnmap && !IsMapped(space, from + ((ulong)i * space.PageSize))))
                pages[i].Side = 1 - pages[i].Side;
            pages[i].CountRemapping();
        }
    }

    private bool IsMapped(SoakSpace space, ulong address)
    {
        MmContext<TArch, TModel> mm = machine.Context;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space.Space);
        return mm.Vmas.Find(space.Space, address) != 0;
    }

    private void MapAnew(SoakSpace space, Span<SoakPage> pages, ulong start, ulong length)
    {
        foreach (SoakPage page in pages)
        {
            page.BeginZeroing();
            page.CountRemapping();
        }

        Require(machine.Unmap(space.Space, start, length));
        Require(machine.Map(space.Space, start, length, VmaFlags.Read | VmaFlags.Write));
        foreach (SoakPage page in pages)
        {
            page.EndZeroing();
            page.CountRemapping();
        }
    }

    private void Store(SoakSpace space, int index)
    {
        SoakPage page = space.TrackedPages[index];
        lock (page.Gate)
        {
            long value = run.NextValue();
            SoakPage.Fill(expected, page.Number, value);
            long before = page.BeginStore(value);
            UserAccessResult result = machine.Write(space.Space, space.Address(index, page.Side), expected, ref counters);
            if (result == UserAccessResult.Ok)
            {
                page.EndStore(value);
                return;
            }

            page.CancelStore(before);
            RequireOutOfMemory(result, "store");
        }
    }

    private void Load(SoakSpace space, int index)
    {
        SoakPage page = space.TrackedPages[index];
        SoakPage.Bounds before = page.Read();
        UserAccessResult result = machine.Read(space.Space, space.Address(index, page.Side), buffer, ref counters);
        if (!page.WasReachable(before))
            return;
        if (result != UserAccessResult.Ok)
            RequireOutOfMemory(result, $"load of {page}");
        else if (!page.Allows(before, SoakPage.Parse(buffer, page.Number)))
            Wrong(space, page, before);
    }

    private void LoadWithGate(SoakSpace space, int index)
    {
        SoakPage page = space.TrackedPages[index];
        lock (page.Gate)
        {
            SoakPage.Bounds before = page.Read();
            UserAccessResult result = machine.Read(space.Space, space.Address(index, page.Side), buffer, ref counters);
            long? value = SoakPage.Parse(buffer, page.Number);
            if (result != UserAccessResult.Ok)
                RequireOutOfMemory(result, $"load of {page}");
            else if (!page.Allows(before, value))
                Wrong(space, page, before);
            else
                page.Settle(value!.Value);
        }
    }

    private void Wrong(SoakSpace space, SoakPage page, SoakPage.Bounds before) =>
        throw new InvalidOperationException(
            $"Address space {space.Space}, {page} ({before} at the time): loaded {BitConverter.ToUInt64(buffer)}, "
            + $"{BitConverter.ToUInt64(buffer, 8)}, ..., {BitConverter.ToUInt64(buffer, buffer.Length - 8)}.");

    /// <summary>Pages that everybody maps, moves and drops as he likes: what is loaded must at least have been stored there.</summary>
    private void FreeForAll(SoakSpace space)
    {
        int first = random.Next(SoakSpace.Tracked, SoakSpace.Pages);
        int count = Math.Min(random.Next(1, 6), SoakSpace.Pages - first);
        int side = random.Next(2);
        ulong start = space.Address(first, side);
        ulong length = (ulong)count * space.PageSize;
        switch (random.Next(14))
        {
            case 0:
                machine.Map(space.Space, start, length, VmaFlags.Read | VmaFlags.Write);
                break;
            case 1:
                machine.Unmap(space.Space, start, length);
                break;
            case 2:
                machine.Move(space.Space, start, space.Address(first, 1 - side), length, random.Next(2) == 0);
                break;
            case 3:
                AccessRights rights = random.Next(3) == 0 ? AccessRights.None : AccessRights.Read | AccessRights.Write;
                machine.Protect(space.Space, start, length, rights, ref counters);
                break;
            case 4:
                machine.Advise(space.Space, start, length, (Advice)random.Next((int)Advice.PopulateWrite + 1), ref counters);
                break;
            case 5:
                machine.Lock(space.Space, start, length, ref counters);
                break;
            case 6:
                machine.Unlock(space.Space, start, length);
                break;
            case < 10:
                SoakPage.Fill(expected, (uint)first + 1, run.NextValue());
                machine.Write(space.Space, start, expected, ref counters);
                break;
            default:
                if (machine.Read(space.Space, start, buffer, ref counters) == UserAccessResult.Ok && SoakPage.Parse(buffer, (uint)first + 1) == null)
                    Wrong(space, new SoakPage((uint)first + 1), default);
                break;
        }
    }

    private void Fork(SoakSpace parent)
    {
        // After a change of place or rights between the looks at the pages and the fork nobody knows what the child has: the bounds tell.
        SoakPage.Bounds[] before = parent.ReadBounds();
        uint number = machine.Fork(parent.Space);
        if (number == 0)
        {
            OutOfMemory++;
            return;
        }

        SoakSpace forked = parent.Forked(number, before);
        bool still = parent.TrackedPages.Select((page, i) => page.WasWritable(before[i])).All(writable => writable);
        if (!still)
        {
            machine.Exit(number);
            return;
        }

        LetChildGo();
        child = forked;
    }

    private void WorkInChild()
    {
        if (child == null)
            return;
        for (int i = 0; i < 4; i++)
        {
            int index = random.Next(run.Pages);
            if (random.Next(3) == 0)
                Store(child, index);
            else
                LoadWithGate(child, index);
        }
    }

    private void LetChildGo()
    {
        if (child == null)
            return;
        machine.Exit(child.Space);
        child = null;
    }

    private void RequireOutOfMemory(UserAccessResult result, string what)
    {
        if (result != UserAccessResult.OutOfMemory)
            throw new InvalidOperationException($"{what}: {result}");
        OutOfMemory++;
    }

    private void RequireOrNoMemory(MmResult result)
    {
        if (result == MmResult.NoMemory)
            OutOfMemory++;
        else
            Require(result);
    }

    private void Require(MmResult result)
    {
        if (result != MmResult.Ok)
            throw new InvalidOperationException($"{Current}: {result}");
    }
}
