using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>
/// One thread's part in the regions whose contents are known exactly: equal pages, huge pages, an object with shared and private views, guard
/// pages, devices at work, forks that see all of it as it was.
/// </summary>
internal sealed class ExactWorker<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    private const int Twins = 4;

    private readonly Machine<TArch, TModel> machine;
    private readonly ExactObject shared;
    private readonly ExactSpace[] spaces;
    private readonly Random random;
    private readonly Func<long> nextValue;
    private readonly bool freesForFamily;
    private readonly byte[] buffer;
    private readonly ExactDevices<TArch, TModel> devices;
    private FaultCounters counters;
    private ExactSpace? child;

    public ExactWorker(
        Machine<TArch, TModel> machine, ExactObject shared, ExactSpace[] spaces, Random random, Func<long> nextValue, bool freesForFamily)
    {
        this.machine = machine;
        this.shared = shared;
        this.spaces = spaces;
        this.random = random;
        this.nextValue = nextValue;
        this.freesForFamily = freesForFamily;
        buffer = new byte[machine.Image.PageSize];
        devices = new ExactDevices<TArch, TModel>(machine, shared, random, nextValue);
    }

    public long OutOfMemory { get; private set; }

    /// <summary>What it does at the moment.</summary>
    public string Current { get; private set; } = "";

    public void Step()
    {
        ExactSpace space = child != null && random.Next(3) == 0 ? child : spaces[random.Next(spaces.Length)];
        switch (random.Next(64))
        {
            case 0:
                Alone("truncate", Truncate);
                break;
            case 1:
                Alone("punch", PunchHole);
                break;
            case 2:
                Alone("fork", () => Fork(space));
                break;
            case 3:
                LetChildGo();
                break;
            default:
                StepInRegion(space, space.Regions[random.Next(4)]);
                break;
        }
    }

    public void Finish()
    {
        devices.CompleteAll();
        LetChildGo();
    }

    /// <summary>Looks at every page of the address spaces that were there from the start.</summary>
    public void CheckAll()
    {
        foreach (ExactSpace space in spaces)
        {
            foreach (ExactRegion region in space.Regions)
            {
                for (int i = 0; i < region.Pages.Length; i++)
                    Load(space, region, i);
            }
        }
    }

    private void Alone(string name, Action action)
    {
        Current = name;
        shared.Lock.EnterWriteLock();
        try
        {
            action();
        }
        finally
        {
            shared.Lock.ExitWriteLock();
        }
    }

    private void StepInRegion(ExactSpace space, ExactRegion region)
    {
        Current = $"work in {region.Kind}";
        shared.Lock.EnterReadLock();
        try
        {
            if (random.Next(24) == 0)
                WithWholeRegion(space, region);
            else
                WithPage(space, region);
        }
        finally
        {
            shared.Lock.ExitReadLock();
        }
    }

    private void WithPage(ExactSpace space, ExactRegion region)
    {
        region.Lock.EnterReadLock();
        int index = random.Next(region.Pages.Length);
        try
        {
            if (random.Next(6) == 0)
            {
                AdviseWithoutTrace(space, region);
                return;
            }

            lock (region.Pages[index].Gate)
                WithGate(space, region, index);
        }
        finally
        {
            region.Lock.ExitReadLock();
        }
    }

    private void WithGate(ExactSpace space, ExactRegion region, int index)
    {
        switch (random.Next(24))
        {
            case < 8:
                Store(space, region, index);
                break;
            case < 15:
                Load(space, region, index);
                break;
            case < 18:
                OutOfMemory += devices.Begin(space, region, index) ? 0 : 1;
                break;
            case 18:
                Drop(space, region, index);
                break;
            case 19:
                Free(space, region, index);
                break;
            case 20:
                Guard(space, region, index);
                break;
            default:
                devices.Work(region, index);
                break;
        }
    }

    private void Store(ExactSpace space, ExactRegion region, int index)
    {
        ExactPage page = region.Pages[index];
        long value = region.Kind == ExactKind.Twins ? random.Next(1, Twins) : nextValue();
        ExactPage.Fill(buffer, value);
        UserAccessResult result = machine.Write(space.Space, region.Address(index), buffer, ref counters);
        if (Succeeded(result, page, "store"))
        {
            page.Store(value);
            page.IsOwn = region.Kind == ExactKind.View;
        }
    }

    private void Load(ExactSpace space, ExactRegion region, int index)
    {
        ExactPage page = region.Pages[index];
        if (region.Kind != ExactKind.View || page.IsOwn)
        {
            LoadAndCheck(space, region, index, page);
            return;
        }

        lock (shared.Pages[index].Gate) // the object's page shows: nobody may store to it now
            LoadAndCheck(space, region, index, shared.Pages[index]);
    }

    private void LoadAndCheck(ExactSpace space, ExactRegion region, int index, ExactPage expected)
    {
        UserAccessResult result = machine.Read(space.Space, region.Address(index), buffer, ref counters);
        if (Succeeded(result, region.Pages[index], "load") && !expected.Allows(ExactPage.Parse(buffer)))
        {
            throw new InvalidOperationException(
                $"{region.Kind}, page {index} of address space {space.Space}: {BitConverter.ToInt64(buffer)} … "
                + $"{BitConverter.ToInt64(buffer, buffer.Length - 8)} instead of {expected}.");
        }
    }

    private bool Succeeded(UserAccessResult result, ExactPage page, string what)
    {
        if (result == UserAccessResult.Ok && !page.IsGuard)
            return true;
        if (result == UserAccessResult.OutOfMemory)
            OutOfMemory++;
        else if (result != UserAccessResult.SegmentationFault || !page.IsGuard)
            throw new InvalidOperationException($"{what} of {page}: {result}");
        return false;
    }

    private void Drop(ExactSpace space, ExactRegion region, int index)
    {
        MmResult result = Advise(space, region, index, Advice.DontNeed);
        if (result != MmResult.Ok)
            throw new InvalidOperationException($"DONTNEED of {region.Pages[index]}: {result}");
        if (region.Kind != ExactKind.Shared)
            region.Pages[index].Drop();
    }

    private void Free(ExactSpace space, ExactRegion region, int index)
    {
        bool anonymous = region.Kind is ExactKind.Twins or ExactKind.Huge;
        if (anonymous)
            region.Pages[index].Free(freesForFamily);
        MmResult result = Advise(space, region, index, Advice.Free);
        if (result != (anonymous ? MmResult.Ok : MmResult.Invalid))
            throw new InvalidOperationException($"FREE of {region.Kind}, {region.Pages[index]}: {result}");
    }

    private void Guard(ExactSpace space, ExactRegion region, int index)
    {
        if (region.Kind is not (ExactKind.Twins or ExactKind.View))
            return;
        ExactPage page = region.Pages[index];
        bool install = !page.IsGuard;
        MmResult result = Advise(space, region, index, install ? Advice.GuardInstall : Advice.GuardRemove);
        if (result == MmResult.Ok)
        {
            page.IsGuard = install;
            if (install)
                page.Drop();
        }
        else if (result == MmResult.NoMemory)
        {
            OutOfMemory++;
            page.MayHaveBeenDropped();
        }
        else
        {
            throw new InvalidOperationException($"guard of {page}: {result}");
        }
    }

    private MmResult Advise(ExactSpace space, ExactRegion region, int index, Advice advice) =>
        machine.Advise(space.Space, region.Address(index), (ulong)machine.Image.PageSize, advice, ref counters);

    /// <summary>Advice that changes no content: nobody is kept out.</summary>
    private void AdviseWithoutTrace(ExactSpace space, ExactRegion region)
    {
        Advice[] all = region.Kind switch
        {
            ExactKind.Twins =>
                [Advice.Mergeable, Advice.Mergeable, Advice.Mergeable, Advice.Unmergeable, Advice.PageOut, Advice.Cold, Advice.PopulateWrite],
            ExactKind.Huge => [Advice.HugePage, Advice.HugePage, Advice.NoHugePage, Advice.Collapse, Advice.PageOut, Advice.Cold],
            ExactKind.View => [Advice.PageOut, Advice.Mergeable, Advice.PopulateRead, Advice.WillNeed],
            _ => [Advice.PageOut, Advice.WillNeed, Advice.PopulateRead, Advice.PopulateWrite],
        };
        ulong page = (ulong)machine.Image.PageSize;
        ulong first = random.Next(2) == 0 ? 0 : (ulong)random.NextInt64((long)(region.Length / page)) * page;
        ulong length = first == 0 ? region.Length : Math.Min(region.Length - first, (ulong)random.Next(1, 16) * page);
        machine.Advise(space.Space, region.Start + first, length, all[random.Next(all.Length)], ref counters);
    }

    private void WithWholeRegion(ExactSpace space, ExactRegion region)
    {
        region.Lock.EnterWriteLock();
        try
        {
            switch (random.Next(3))
            {
                case 0:
                    Move(space, region);
                    break;
                case 1:
                    Protect(space, region);
                    break;
                default:
                    if (region.Kind == ExactKind.Huge)
                        DropAll(space, region);
                    break;
            }
        }
        finally
        {
            region.Lock.ExitWriteLock();
        }
    }

    private void Move(ExactSpace space, ExactRegion region)
    {
        ulong end = region.Start + region.Length;
        for (int tries = 0; tries < 100; tries++)
        {
            ulong first = FirstMapped(space, region.Start);
            MmResult result = machine.Move(space.Space, first, region.Elsewhere + (first - region.Start), end - first);
            if (result == MmResult.Ok)
            {
                region.Side = 1 - region.Side;
                return;
            }

            if (result != MmResult.NoMemory)
                throw new InvalidOperationException($"move of {region.Kind}: {result}");
            OutOfMemory++; // some of its VMAs may have moved: the others follow when merged pages get their frames
            machine.ReclaimAll();
            if (tries >= 10)
                GiveWay(space);
        }

        throw new InvalidOperationException($"move of {region.Kind}: out of memory for ever");
    }

    /// <summary>
    /// Where Linux kills, somebody has to yield: a limit that locked pages alone may fill (and that other workers set again), and the threads that
    /// take every frame as soon as it is free.
    /// </summary>
    private void GiveWay(ExactSpace space)
    {
        Thread.Sleep(1);
        uint group = machine.Context.GroupOf(space.Space);
        if (group != 0)
            machine.MemoryGroups.TrySetLimits(group, ulong.MaxValue, ulong.MaxValue);
    }

    private ulong FirstMapped(ExactSpace space, ulong address)
    {
        MmContext<TArch, TModel> mm = machine.Context;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space.Space);
        return Math.Max(address, mm.Vmas[mm.Vmas.FindFirstEndingAbove(space.Space, address)].Start);
    }

    private void Protect(ExactSpace space, ExactRegion region)
    {
        ulong page = (ulong)machine.Image.PageSize;
        ulong pages = region.Length / page;
        ulong first = (ulong)random.NextInt64((long)pages);
        ulong count = 1 + (ulong)random.NextInt64((long)(pages - first));
        AccessRights taken = random.Next(2) == 0 ? AccessRights.None : AccessRights.Read;
        foreach (AccessRights rights in (AccessRights[])[taken, AccessRights.Read | AccessRights.Write])
        {
            MmResult result = machine.Protect(space.Space, region.Start + (first * page), count * page, rights, ref counters);
            if (result != MmResult.Ok)
                throw new InvalidOperationException($"protection of {region.Kind}: {result}");
        }
    }

    private void DropAll(ExactSpace space, ExactRegion region)
    {
        machine.Advise(space.Space, region.Start, region.Length, Advice.DontNeed, ref counters);
        foreach (ExactPage page in region.Pages)
            page.Drop();
    }

    /// <summary>Shorter and as long as before: the pages behind are gone, and all private copies of them.</summary>
    private void Truncate()
    {
        int pages = random.Next(shared.Count);
        machine.Truncate(shared.Number, (ulong)pages);
        machine.Truncate(shared.Number, (ulong)shared.Count);
        for (int i = pages; i < shared.Count; i++)
        {
            shared.Pages[i].Drop();
            foreach (ExactRegion view in shared.Views)
                view.Pages[i].Drop();
        }
    }

    private void PunchHole()
    {
        int first = random.Next(shared.Count);
        int count = random.Next(1, 5);
        machine.PunchHole(shared.Number, (ulong)first, (ulong)count);
        for (int i = first; i < Math.Min(first + count, shared.Count); i++)
            shared.Pages[i].Drop();
    }

    /// <summary>Nobody works on the regions meanwhile, so the child has what the parent has.</summary>
    private void Fork(ExactSpace parent)
    {
        if (child != null)
            return;
        foreach (ExactRegion region in parent.Regions)
            region.Lock.EnterWriteLock();
        uint number = machine.Fork(parent.Space);
        if (number == 0)
            OutOfMemory++;
        else
            shared.Views.Add((child = parent.Forked(number))[ExactKind.View]);
        foreach (ExactRegion region in parent.Regions)
            region.Lock.ExitWriteLock();
    }

    private void LetChildGo()
    {
        if (child == null)
            return;
        devices.CompleteAll(child);
        Alone("exit of the child", () => shared.Views.Remove(child[ExactKind.View]));
        machine.Exit(child.Space);
        child = null;
    }
}
