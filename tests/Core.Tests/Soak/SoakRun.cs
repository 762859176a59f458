using System.Diagnostics;
using System.Text;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Soak.Exact;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Soak;

/// <summary>
/// Several threads at random work on one machine for a time. Afterwards every page is checked, nothing may be wrong with the machine, and
/// when all has exited nothing may be left. Who hangs is reported with all lock words.
/// </summary>
internal sealed class SoakRun<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    /// <summary>Pages of the object that is shared and viewed.</summary>
    private const int ObjectPages = 20;

    /// <summary>Frames that a group has at least: enough for all that may be pinned.</summary>
    private const int LeastLimit = 80;

    private readonly SoakOptions options;
    private readonly Lock swapping = new();
    private readonly uint freeAtStart;
    private readonly ExactObject shared;
    private readonly ExactSpace[] exactSpaces;
    private readonly uint[] groups;
    private readonly ExactWorker<TArch, TModel> last;
    private long lastValue;
    private bool over;
    private Exception? failure;

    public SoakRun(SoakOptions options)
    {
        this.options = options;
        Machine = Machine<TArch, TModel>.Create(new MachineImageOptions
        {
            RamBytes = (ulong)options.Frames << TArch.PageShift,
            SwapSlots = 2 * options.SlotsPerArea,
            SwapStoreSlots = 2 * options.SlotsPerArea,
        });
        freeAtStart = Machine.Context.Folios.Allocator.FreeCount;
        for (int i = 0; i < 2; i++)
            SwapOn();
        groups = [Machine.MemoryGroups.TryCreate(), Machine.MemoryGroups.TryCreate()];
        Spaces = [NewSpace(), NewSpace()];
        if (WithOrders)
            ChangeOrders(new Random(options.Seed));
        for (int i = 0; i < groups.Length; i++)
            Machine.MemoryGroups.Join(Spaces[i].Space, groups[i]);
        shared = new ExactObject(Machine.CreateSharedObject(ObjectPages), ObjectPages, (ulong)Machine.Image.PageSize);
        exactSpaces = [.. Spaces.Select(space => NewExactSpace(space.Space))];
        last = NewExactWorker(new Random(options.Seed));
    }

    public Machine<TArch, TModel> Machine { get; }

    public SoakSpace[] Spaces { get; }

    /// <summary>
    /// Whether MADV_FREE in one process may take a page from its relatives, as Linux does with clean pages that no slot backs: read from a
    /// synchronous area, copied for a pin that only reads, unmerged.
    /// </summary>
    public static bool FreesForFamily => !TModel.LazyFreeSparesShared;

    /// <summary>Pages of each address space that are worked on.</summary>
    public int Pages => options.Pages;

    /// <summary>Whether memory gets large folios.</summary>
    public bool WithOrders => options.WithOrders;

    public bool IsOver => Volatile.Read(ref over);

    /// <summary>What was done, for the test's output.</summary>
    public string Summary { get; private set; } = "";

    public long NextValue() => Interlocked.Increment(ref lastValue);

    /// <summary>Sets which large folios memory gets: often of a certain order, now and then of several or none.</summary>
    public void ChangeOrders(Random random)
    {
        for (int order = FolioOrders<TArch, TModel>.Smallest; order < FolioOrders<TArch, TModel>.Huge; order++)
        {
            bool likely = order <= 5 && random.Next(3) != 0; // larger ones hardly find an aligned place in so little memory
            Machine.FolioOrders.Set(order, likely ? FolioOrderPolicy.Always : (FolioOrderPolicy)random.Next(4));
        }
    }

    public ExactWorker<TArch, TModel> NewExactWorker(Random random) =>
        new(Machine, shared, exactSpaces, random, NextValue, FreesForFamily);

    /// <summary>Gives one of the two groups another limit: none, or one that makes it reclaim.</summary>
    public void ChangeLimit(Random random)
    {
        ulong pages = random.Next(3) == 0 ? ulong.MaxValue : (ulong)random.Next(LeastLimit, 8 * LeastLimit);
        Machine.MemoryGroups.TrySetLimits(groups[random.Next(groups.Length)], pages, ulong.MaxValue);
    }

    public void SwapOffAndOn(Random random)
    {
        if (!swapping.TryEnter())
            return;
        try
        {
            SwapResult result = Machine.SwapOff((uint)random.Next(2));
            if (result == SwapResult.Ok)
                SwapOn();
            else if (result != SwapResult.NoMemory)
                throw new InvalidOperationException($"swapoff: {result}");
        }
        finally
        {
            swapping.Exit();
        }
    }

    /// <summary>Runs to the end; the machine is gone then. After a failure it stays mapped, because threads may still be inside.</summary>
    public void Run()
    {
        var workers = Enumerable.Range(0, options.Threads).Select(i => new SoakWorker<TArch, TModel>(this, (options.Seed * 1000) + i)).ToArray();
        Thread[] threads = [.. workers.Select(Start)];
        var clock = Stopwatch.StartNew();
        Watch(threads, workers, clock);
        clock.Stop();
        Summary = Summarise(workers, clock.Elapsed);
        if (failure != null)
            throw new InvalidOperationException($"Seed {options.Seed}. {Summary}", failure);
        CheckAtEnd();
        Machine.Dispose();
    }

    private Thread Start(SoakWorker<TArch, TModel> worker)
    {
        var thread = new Thread(() =>
        {
            try
            {
                worker.Work();
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, error, null);
                Volatile.Write(ref over, true);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }

    /// <summary>Waits for the threads; throws when one stands still.</summary>
    private void Watch(Thread[] threads, SoakWorker<TArch, TModel>[] workers, Stopwatch clock)
    {
        var watch = new StallWatch(workers.Length);
        while (threads.Any(thread => thread.IsAlive))
        {
            threads.First(thread => thread.IsAlive).Join(TimeSpan.FromMilliseconds(20));
            if (clock.Elapsed > options.Duration)
                Volatile.Write(ref over, true);
            for (int i = 0; i < workers.Length; i++)
            {
                if (threads[i].IsAlive && watch.StandsStill(i, workers[i].Progress, failure != null))
                    throw new TimeoutException($"Seed {options.Seed}: {Standstill(workers)}", failure);
            }
        }
    }

    private string Standstill(SoakWorker<TArch, TModel>[] workers)
    {
        var text = new StringBuilder("standstill.");
        foreach (SoakWorker<TArch, TModel> worker in workers)
            text.Append($" [{worker.Progress}: {worker.Detail}]");
        foreach (Violation held in new Verifier<TArch, TModel>(Machine.Context).HeldLocks())
            text.AppendLine().Append(held);
        return text.ToString();
    }

    private static string Summarise(SoakWorker<TArch, TModel>[] workers, TimeSpan time)
    {
        IEnumerable<string> counts = workers.SelectMany(worker => worker.Counts).GroupBy(pair => pair.Key)
            .Select(group => $"{group.Key} {group.Sum(pair => pair.Value)}");
        return $"{workers.Sum(worker => (long)worker.Progress)} operations in {time.TotalSeconds:f1} s, "
            + $"{workers.Sum(worker => worker.AllOutOfMemory)} of them out of memory, "
            + $"{workers.Sum(worker => worker.PagesMoved)} pages moved: {string.Join(", ", counts)}.";
    }

    private void CheckAtEnd()
    {
        AssertSound("after the work");
        Machine.Settle();
        AssertSound("settled");
        foreach (uint group in groups)
            Machine.MemoryGroups.TrySetLimits(group, ulong.MaxValue, ulong.MaxValue);
        var counters = new FaultCounters();
        var buffer = new byte[Machine.Image.PageSize];
        foreach (SoakSpace space in Spaces)
        {
            for (int i = 0; i < SoakSpace.Tracked; i++)
            {
                SoakPage page = space.TrackedPages[i];
                UserAccessResult result = Machine.Read(space.Space, space.Address(i, page.Side), buffer, ref counters);
                Assert.True(
                    result == UserAccessResult.Ok && page.Allows(page.Read(), SoakPage.Parse(buffer, page.Number)),
                    $"Seed {options.Seed}: {result} from address space {space.Space}, {page}: {BitConverter.ToInt64(buffer, 8)}");
            }
        }

        last.CheckAll();
        AssertSound("after the last look");
        foreach (SoakSpace space in Spaces)
            Machine.Exit(space.Space);
        Machine.ReleaseSharedObject(shared.Number);
        Machine.Ksm.Scan(); // what was merged of processes that are gone
        Machine.ReclaimAll();
        Machine.Settle();
        AssertSound("after the exit");
        Assert.Equal(0ul, Machine.Context.Swap.TotalInUse);
        Assert.All(groups, group => Assert.Equal((0ul, 0ul), Machine.MemoryGroups.Usage(group)));
        uint forEver = Machine.Context.Folios.HugeZeroFrame == 0 ? 0 : Machine.Context.Folios.Allocator.BlockFrames;
        Assert.Equal(freeAtStart - forEver, Machine.Context.Folios.Allocator.FreeCount);
    }

    private void AssertSound(string when)
    {
        List<Violation> violations = [.. Machine.Verify()];
        Assert.True(violations.Count == 0, $"Seed {options.Seed}, {when}: {string.Join(Environment.NewLine, violations.Take(12))}");
    }

    private void SwapOn()
    {
        SwapResult result = Machine.SwapOn(options.Backing.Area(options.SlotsPerArea), out _);
        if (result != SwapResult.Ok)
            throw new InvalidOperationException($"swapon: {result}");
    }

    private SoakSpace NewSpace()
    {
        uint space = Machine.CreateAddressSpace();
        var model = new SoakSpace(space, TArch.PageShift, TArch.LevelShift(2));
        for (int side = 0; side < 2; side++)
        {
            MmResult mapped = Machine.Map(space, model.Address(0, side), (ulong)SoakSpace.Pages * model.PageSize, VmaFlags.Read | VmaFlags.Write);
            Assert.Equal(MmResult.Ok, mapped);
        }

        return model;
    }

    private ExactSpace NewExactSpace(uint space)
    {
        const VmaFlags Rights = VmaFlags.Read | VmaFlags.Write;
        ExactSpace exact = ExactSpace.Create(space, shared, TArch.PageShift, TArch.LevelShift(2));
        foreach (ExactRegion region in exact.Regions)
        {
            MmResult mapped = region.Kind switch
            {
                ExactKind.Shared => Machine.MapObject(space, region.Start, region.Length, Rights, shared.Number, 0),
                ExactKind.View => Machine.MapObjectPrivately(space, region.Start, region.Length, Rights, shared.Number, 0),
                _ => Machine.Map(space, region.Start, region.Length, Rights),
            };
            Assert.Equal(MmResult.Ok, mapped);
        }

        shared.Views.Add(exact[ExactKind.View]);
        return exact;
    }
}
