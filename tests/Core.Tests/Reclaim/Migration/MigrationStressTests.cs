using System.Diagnostics;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Soak;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>
/// The rows of the kernel's migration selftest: some read a page all the time while another moves it to and fro. Here they write as well. And of
/// its rmap selftest: a tree of processes of which one moves a page; all others must see it in the same new frame.
/// </summary>
public class MigrationStressTests(ITestOutputHelper output)
{
    private const ulong Start = 1UL << 32;
    private const ulong Huge = 2UL << 20;
    private const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    public enum Row
    {
        PrivateAnon,
        PrivateAnonHuge,
        SharedAnon,
        PrivateAnonOfProcesses,
    }

    private static TimeSpan Stumbling =>
        TimeSpan.FromSeconds(int.TryParse(Environment.GetEnvironmentVariable("PTEMU_SOAK_SECONDS"), out int seconds) ? seconds : 0.7);

    [Theory]
    [InlineData(Row.PrivateAnon)]
    [InlineData(Row.PrivateAnonHuge)]
    [InlineData(Row.SharedAnon)]
    [InlineData(Row.PrivateAnonOfProcesses)]
    public void AccessesDuringMigration_SeeWhatWasWritten(Row row) => Run<CheckedModel>(row, TimeSpan.FromSeconds(0.7));

    /// <summary>Also a nightly test, by PTEMU_SOAK_SECONDS.</summary>
    [Theory]
    [Trait("Category", "nightly")]
    [InlineData(Row.PrivateAnon)]
    [InlineData(Row.PrivateAnonHuge)]
    [InlineData(Row.SharedAnon)]
    [InlineData(Row.PrivateAnonOfProcesses)]
    public void AccessesDuringMigration_OfThreadsThatStumble(Row row) => Run<JitterModel>(row, Stumbling);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ProcessTree_AllMapTheNewFrame_WhoeverMovesThePage(int seed)
    {
        var random = new Random(seed);
        using var machine = Make<CheckedModel>();
        var faults = new FaultCounters();
        uint root = machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, machine.Map(root, Start, 4096, ReadWrite));
        Assert.Equal(MmResult.Ok, machine.MapShared(root, Start + Huge, 4096, ReadWrite));
        Assert.Equal(UserAccessResult.Ok, machine.Write(root, Start, [1], ref faults));
        Assert.Equal(UserAccessResult.Ok, machine.Write(root, Start + Huge, [2], ref faults));
        List<uint> processes = [root];
        Grow(machine, root, 5, random, processes);
        foreach (ulong address in (ulong[])[Start, Start + Huge])
        {
            foreach (uint process in processes)
                Assert.Equal(UserAccessResult.Ok, machine.Read(process, address, new byte[1], ref faults));
            uint before = FrameOf(machine, root, address);
            Assert.Equal(1u, machine.Migrate(processes[random.Next(processes.Count)], address, 4096).Moved);
            uint after = FrameOf(machine, root, address);
            Assert.NotEqual(before, after);
            Assert.All(processes, process => Assert.Equal(after, FrameOf(machine, process, address)));
        }

        Assert.Empty(machine.Verify());
    }

    private static void Grow(Machine<X64FourLevel, CheckedModel> machine, uint parent, int levels, Random random, List<uint> processes)
    {
        for (int children = levels == 1 ? 0 : random.Next(1, 4); children > 0; children--)
        {
            uint child = machine.Fork(parent);
            Assert.NotEqual(0u, child);
            processes.Add(child);
            Grow(machine, child, levels - 1, random, processes);
        }
    }

    private static uint FrameOf(Machine<X64FourLevel, CheckedModel> machine, uint process, ulong address)
    {
        MmContext<X64FourLevel, CheckedModel> mm = machine.Context;
        uint table = mm.Tables.LeafTable(mm.Spaces[process].Root, address);
        Assert.NotEqual(0u, table);
        return MmContext<X64FourLevel, CheckedModel>.NormalFrame(
            PageTables<X64FourLevel, CheckedModel>.Load(ref mm.Tables.Entry(table, address)));
    }

    private static Machine<X64FourLevel, TModel> Make<TModel>()
        where TModel : struct, IModel =>
        Machine<X64FourLevel, TModel>.Create(
            new MachineImageOptions { RamBytes = 32 << 20, SwapSlots = 64, SwapStoreSlots = 64, AddressSpaces = 512 });

    private void Run<TModel>(Row row, TimeSpan duration)
        where TModel : struct, IModel
    {
        using Machine<X64FourLevel, TModel> machine = Make<TModel>();
        uint[] processes = Prepare(machine, row, out ulong length);
        long moved = 0;
        long failed = 0;
        long accesses = 0;
        Exception? failure = null;
        var clock = Stopwatch.StartNew();
        bool IsOver() => clock.Elapsed > duration || Volatile.Read(ref failure) != null;
        void Guarded(Action action)
        {
            try
            {
                action();
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, error, null);
            }
        }

        Thread[] threads =
        [
            .. processes.Select((process, i) => new Thread(() => Guarded(() => Interlocked.Add(
                ref accesses, Access(machine, process, i, IsOver))))),
            new Thread(() => Guarded(() =>
            {
                while (!IsOver())
                {
                    MigrationCounts counts = machine.Migrate(processes[0], Start, length);
                    Interlocked.Add(ref moved, counts.Moved);
                    Interlocked.Add(ref failed, counts.Failed);
                }
            })),
        ];
        foreach (Thread thread in threads)
        {
            thread.IsBackground = true;
            thread.Start();
        }

        Assert.All(threads, thread => Assert.True(thread.Join(duration + TimeSpan.FromSeconds(60)), "a thread stands still"));
        output.WriteLine($"{row}: {moved} pages moved, {failed} failed, {accesses} accesses");
        Assert.Null(failure);
        Assert.True(moved > 0 && accesses > 0);
        Assert.Empty(machine.Verify());
    }

    private static uint[] Prepare<TModel>(Machine<X64FourLevel, TModel> machine, Row row, out ulong length)
        where TModel : struct, IModel
    {
        var faults = new FaultCounters();
        uint process = machine.CreateAddressSpace();
        length = row == Row.PrivateAnonHuge ? Huge : 4 * 4096;
        Assert.Equal(MmResult.Ok, row == Row.SharedAnon
            ? machine.MapShared(process, Start, length, ReadWrite)
            : machine.Map(process, Start, length, ReadWrite));
        if (row == Row.PrivateAnonHuge)
            Assert.Equal(MmResult.Ok, machine.Advise(process, Start, length, Advice.HugePage, ref faults));
        for (ulong page = 0; page < 4; page++)
            Assert.Equal(UserAccessResult.Ok, machine.Write(process, Start + (page * 4096), [(byte)(page + 1)], ref faults));
        Assert.Equal(row == Row.PrivateAnonHuge, machine.Context.Huge.IsMapped(machine.Context.Spaces[process].Root, Start));
        return row is Row.PrivateAnon or Row.PrivateAnonHuge ? [process, process] : [process, machine.Fork(process)];
    }

    /// <summary>Reads what everybody knows, and counts in a word of its own, which nobody else writes.</summary>
    private static long Access<TModel>(Machine<X64FourLevel, TModel> machine, uint process, int number, Func<bool> isOver)
        where TModel : struct, IModel
    {
        var faults = new FaultCounters();
        byte[] one = new byte[1];
        byte[] word = new byte[8];
        long count = 0;
        ulong own = 64 + ((ulong)number * 8);
        for (; !isOver(); count++)
        {
            ulong page = Start + ((ulong)count % 4 * 4096);
            Assert.Equal(UserAccessResult.Ok, machine.Read(process, page, one, ref faults));
            Assert.Equal((byte)((count % 4) + 1), one[0]);
            Assert.Equal(UserAccessResult.Ok, machine.Read(process, page + own, word, ref faults));
            Assert.Equal(count / 4, BitConverter.ToInt64(word));
            Assert.Equal(UserAccessResult.Ok, machine.Write(process, page + own, BitConverter.GetBytes((count / 4) + 1), ref faults));
        }

        return count;
    }
}
