using System.Collections.Concurrent;
using PageTableEmu.Atomics;
using PageTableEmu.Bench.Native;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>T11 and T12: one more swap reference and one less, over 1024 slots.</summary>
// Safe: the C side's maps live as long as the suite.
internal sealed unsafe class SwapMapSuite : IGateSuite
{
    private const int Slots = 1024;
    private readonly BenchMachine machine = new(16 << 20);
    private readonly SwapSpace<Mainline> swap;
    private readonly SwapEntry[] entries = new SwapEntry[Slots];
    private readonly NativeBuffer<uint> places = new(Slots);
    private readonly NativeBuffer<byte> bytes = new(1 << 20);
    private readonly NativeBuffer<ulong> words = new(1 << 20);
    private readonly ConcurrentDictionary<ulong, int> dictionary = [];
    private readonly Dictionary<ulong, int> locked = [];
    private readonly Helper distinct;
    private readonly Helper same;

    public SwapMapSuite()
    {
        swap = new SwapSpace<Mainline>(machine.Image, machine.Folios);
        Require(swap.SwapOn(SwapAreaOptions.Zram(2048), out _));
        for (int i = 0; i < Slots; i++)
        {
            uint frame = machine.Folios.TryAllocate();
            machine.Folios.Table.Lock(frame);
            Require(swap.TryAllocate(frame, out entries[i]));
            Require(swap.TryDuplicate(entries[i]));
            machine.Folios.Table.Unlock(frame);
            dictionary[entries[i].Value] = locked[entries[i].Value] = 1;
            places.Span[i] = (uint)entries[i].Offset;
        }

        bytes.Span.Fill(1);
        words.Span.Fill(1UL << 48);
        distinct = new Helper(() => Pairs(entries.AsSpan(Slots / 2)));
        same = new Helper(() => Pairs(entries.AsSpan(0, 1)));
    }

    public IEnumerable<GateRow> Rows()
    {
        List<GateRow> rows = [];
        Side ours = Side(() => Pairs(entries));
        rows.Add(Row("T11", "dup and put", "C byte CAS", 1.12, ours, Side(() => Baseline.RefsByte(bytes.Pointer, places.Pointer, Slots))));
        rows.Add(Row("T11", "dup and put", "C word CAS", null, ours, Side(() => Baseline.RefsWord(words.Pointer, places.Pointer, Slots))));
        rows.Add(Row("T11", "dup and put", "C cluster lock", 1.05, ours,
            Side(() => Baseline.RefsClusterLock(bytes.Pointer, places.Pointer, Slots))));
        rows.Add(Row("T11", "dup and put", "ConcurrentDictionary", 0.40, ours, Side(Concurrent)));
        rows.Add(Row("T11", "dup and put", "Dictionary and lock", null, ours, Side(Locked)));
        var half = new Side(() => Pairs(entries.AsSpan(0, Slots / 2)), Slots / 2);
        rows.Add(Row("T12", "dup and put, another thread elsewhere", "alone", 1.20,
            half with { Prepare = distinct.Start }, half with { Prepare = distinct.Pause }) with
        { After = distinct.Pause });
        var one = new Side(() => Again(1), 1024);
        rows.Add(Row("T12", "dup and put, both the same slot", "alone", null,
            one with { Prepare = same.Start }, one with { Prepare = same.Pause }) with
        { After = same.Pause });
        return rows;
    }

    public void Dispose()
    {
        distinct.Dispose();
        same.Dispose();
        swap.Dispose();
        places.Dispose();
        bytes.Dispose();
        words.Dispose();
        machine.Dispose();
    }

    private static GateRow Row(string target, string name, string versus, double? goal, Side ours, Side other) =>
        new(target, name, versus, goal, ours, other) { SameResult = false };

    private static void Require(SwapResult result)
    {
        if (result != default)
            throw new InvalidOperationException(result.ToString());
    }

    private Side Side(Func<ulong> run) => new(run, Slots);

    private ulong Pairs(ReadOnlySpan<SwapEntry> list)
    {
        SwapMap<Mainline> map = swap.Map;
        ulong failed = 0;
        for (; !list.IsEmpty; list = list[1..])
        {
            SwapEntry entry = list[0];
            if (map.TryDuplicate(entry) != SwapResult.Ok)
                failed++;
            map.Put(entry);
        }

        return failed;
    }

    private ulong Again(int slots)
    {
        ulong failed = 0;
        for (int i = 0; i < 1024; i++)
            failed += Pairs(entries.AsSpan(0, slots));
        return failed;
    }

    private ulong Concurrent()
    {
        foreach (SwapEntry entry in entries)
        {
            dictionary.AddOrUpdate(entry.Value, 1, static (_, count) => count + 1);
            dictionary.AddOrUpdate(entry.Value, 1, static (_, count) => count - 1);
        }

        return 0;
    }

    private ulong Locked()
    {
        foreach (SwapEntry entry in entries)
        {
            lock (locked)
                locked[entry.Value]++;
            lock (locked)
                locked[entry.Value]--;
        }

        return 0;
    }
}
