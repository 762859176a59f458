using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>T17: mapping beside another thread that maps in leaf tables of its own. Processor time of the one thread.</summary>
internal sealed class ThreadSuite : IGateSuite
{
    private const int Pages = 1 << 14;
    private const ulong Base = 0x7000_0000_0000;
    private const ulong Elsewhere = 0x7000_4000_0000;
    private readonly BenchMachine machine = new(16 << 20);
    private readonly Helper helper;

    public ThreadSuite()
    {
        helper = new Helper(() =>
        {
            MapAll(machine.Tree, Elsewhere);
            Clear(Elsewhere);
        });
    }

    public IEnumerable<GateRow> Rows()
    {
        Func<ulong> run = () => MapAll(machine.Tree, Base);
        yield return new GateRow("T17", "map, another thread in other leaf tables", "alone", 1.15,
            new Side(run, Pages, () => Prepare(helper.Start)), new Side(run, Pages, () => Prepare(helper.Pause)))
        {
            After = helper.Pause,
        };
    }

    public void Dispose()
    {
        helper.Dispose();
        machine.Dispose();
    }

    private void Prepare(Action other)
    {
        Clear(Base);
        other();
    }

    private void Clear(ulong start) => machine.Tree.ZapRange(start, start + ((ulong)Pages << 12), out _).Ignore();

    private static ulong MapAll(PageTable<X64FourLevel, Mainline> tree, ulong start)
    {
        ulong failed = 0;
        for (ulong page = 0; page < Pages; page++)
            failed += tree.Map(start + (page << 12), 0x10_0000 + page, BenchMachine.Writable).IsMapped ? 0UL : 1;
        return failed;
    }
}
