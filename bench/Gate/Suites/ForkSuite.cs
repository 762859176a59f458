using PageTableEmu.Arch.X64;
using PageTableEmu.Bench.Native;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>
/// Fork of an address space of a million pages, and the child's end, beside C code that copies the same tables, counts the same pages and takes the
/// same permissions away.
/// </summary>
// Safe: the C side has its own memory, which lives as long as the suite.
internal sealed unsafe class ForkSuite : IGateSuite
{
    private const int Pages = 1_000_000;
    private const ulong Base = 0x7000_0000_0000;
    private const ulong Length = (ulong)Pages << 12;
    private const int TableBytes = (Pages / 512 * 4096) + (1 << 20);
    private readonly NativeBuffer<byte> parent = new(TableBytes);
    private readonly NativeBuffer<byte> child = new(TableBytes);
    private readonly NativeBuffer<byte> records = new((Pages + 1) * 64);
    private readonly byte[] content = [1];
    private readonly Machine<X64FourLevel> machine;
    private readonly uint space;
    private FaultCounters counters;
    private uint forked;
    private bool otherForked;

    public ForkSuite()
    {
        machine = Machine<X64FourLevel>.Create(new MachineImageOptions
        {
            RamBytes = Length + (64 << 20),
            SwapSlots = 1024,
            SwapStoreSlots = 1024,
            KsmItems = 1024,
        });
        space = machine.CreateAddressSpace();
        machine.Map(space, Base, Length, VmaFlags.Read | VmaFlags.Write);
    }

    public IEnumerable<GateRow> Rows()
    {
        yield return Row("fork, a page", 1.3, Fork, Writable, OtherFork, OtherWritable);
        yield return Row("end of a forked process, a page", 1.3, End, Forked, OtherEnd, OtherForked);
        yield return new GateRow("B4", "Verify of a million pages, a page", "a second for all", 1.0, new Side(Verify, Pages),
            Side.Of(1e9 / Pages))
        { SameResult = false, MayAllocate = true };
    }

    public void Dispose()
    {
        machine.Dispose();
        parent.Dispose();
        child.Dispose();
        records.Dispose();
    }

    private static GateRow Row(string name, double goal, Func<ulong> ours, Action prepare, Func<ulong> other, Action prepareOther) =>
        new("B1", name, "C loop", goal, new Side(ours, Pages, prepare), new Side(other, Pages, prepareOther)) { MayAllocate = true };

    private void Writable()
    {
        End();
        ulong failed = 0;
        for (ulong at = Base; at < Base + Length; at += 4096)
            failed += machine.Write(space, at, content, ref counters) == UserAccessResult.Ok ? 0UL : 1;
        machine.Settle();
        if (failed != 0)
            throw new InvalidOperationException($"{failed} pages could not be written.");
    }

    private ulong Fork()
    {
        forked = machine.Fork(space);
        return forked == 0 ? 0UL : Pages;
    }

    private void Forked()
    {
        if (forked == 0)
            forked = machine.Fork(space);
    }

    private ulong End()
    {
        if (forked != 0)
            machine.Exit(forked);
        forked = 0;
        return Pages;
    }

    private ulong Verify() => (ulong)machine.Verify().Count();

    private void OtherWritable()
    {
        OtherEnd();
        Baseline.MapReset(parent.Pointer);
        Baseline.MapRange(parent.Pointer, Base, 0x1067, Pages);
    }

    private ulong OtherFork()
    {
        otherForked = true;
        return Baseline.Fork(parent.Pointer, 4096, child.Pointer, records.Pointer, Pages + 1, Base, Pages);
    }

    private void OtherForked()
    {
        if (!otherForked)
            OtherFork();
    }

    private ulong OtherEnd()
    {
        if (!otherForked)
            return Pages;
        otherForked = false;
        return Baseline.Teardown(child.Pointer, records.Pointer, Pages + 1, Base, Pages);
    }
}
