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

    // Long enough for the two to have found their rhythm: who holds the line when the other starts hardly matters then.
    private const int Contended = 1 << 16;
    private readonly BenchMachine machine = new(16 << 20);
    private readonly SwapSpace<Mainline> swap;
    private readonly SwapEntry[] entries = new SwapEntry[Slots];
    private readonly NativeBuffer<uint> places = new(Slots);
    private readonly NativeBuffer<uint> onePlace = new(Contended);
    private readonly NativeBuffer<byte> bytes = new(1 << 20);
    private readonly NativeBuffer<ulong> words = new(1 << 20);
    private readonly ConcurrentDictionary<ulong, int> dictionary = [];
    private readonly Dictionary<ulong, int> locked = [];
    private readonly Helper distinct;
    private readonly Helper same;
    private readonly Helper sameInC;

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
        same = new Helper(() => Again());
        sameInC = new Helper(() => AgainInC());
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
        var one = new Side(Again, Contended);
        rows.Add(Row("T12", "dup and put, both the same slot", "alone", null,
            one with { Prepare = same.Start }, one with { Prepare = same.Pause }) with
        { After = same.Pause });
        // No goal: two that fight for a line, and the rounds differ by half.
        rows.Add(Row("T12", "dup and put, both the same slot", "C byte CAS, both the same slot", null,
            one with { Prepare = () => Exchange(sameInC, same) },
            new Side(AgainInC, Contended, () => Exchange(same, sameInC))) with
        { After = sameInC.Pause });
        return rows;
    }

    public void Dispose()
    {
        distinct.Dispose();
        same.Dispose();
        sameInC.Dispose();
        swap.Dispose();
        places.Dispose();
        onePlace.Dispose();
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

    private ulong Again()
    {
        ulong failed = 0;
        for (int i = 0; i < Contended; i++)
            failed += Pairs(entries.AsSpan(0, 1));
        return failed;
    }

    /// <summary>C goes through a list: here it names one slot again and again.</summary>
    private ulong AgainInC() => Baseline.RefsByte(bytes.Pointer, onePlace.Pointer, Contended);

    private static void Exchange(Helper off, Helper on)
    {
        off.Pause();
        on.Start();
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
