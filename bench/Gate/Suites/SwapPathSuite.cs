using PageTableEmu.Arch.X64;
using PageTableEmu.Bench.Native;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>
/// T16: pages of a machine out and in again through the whole of memory management (lists, reverse map, folio locks, swap cache, device), beside
/// C code that does no more than the walk, the slot and the entry.
/// </summary>
// Safe: the C side works on its own memory, which lives as long as the suite.
internal sealed unsafe class SwapPathSuite : IGateSuite
{
    private const int Pages = 2048;
    private const ulong Base = 0x7000_0000_0000;
    private const ulong Length = (ulong)Pages << 12;
    private readonly Machine<X64FourLevel> machine;
    private readonly uint space;
    private readonly NativeBuffer<byte> other = new(4 << 20);
    private readonly NativeBuffer<ulong> addresses = new(Pages);
    private readonly byte[] content = new byte[64];
    private FaultCounters counters;

    public SwapPathSuite()
    {
        machine = Machine<X64FourLevel>.Create(new Image.MachineImageOptions
        {
            RamBytes = 64 << 20,
            SwapSlots = 1 << 14,
            SwapStoreSlots = 1 << 14,
            SwapClusterSlots = 512,
        });
        machine.SwapOn(SwapAreaOptions.Zram(1 << 14), out _);
        space = machine.CreateAddressSpace();
        machine.Map(space, Base, Length, VmaFlags.Read | VmaFlags.Write);
        content.AsSpan().Fill(1);
        for (ulong at = Base; at < Base + Length; at += 4096)
            machine.Write(space, at, content, ref counters);
        for (int i = 0; i < Pages; i++)
            addresses.Span[i] = Base + ((ulong)i << 12);
        Baseline.MapReset(other.Pointer);
        Baseline.MapRange(other.Pointer, Base, 0x10_0000_0067, Pages);
        Baseline.SwapReset();
    }

    public IEnumerable<GateRow> Rows()
    {
        List<GateRow> rows = [];
        rows.Add(Row("swap out, page by page", OutEach, In, () => Baseline.SwapOut(other.Pointer, 4096, addresses.Pointer, Pages), OtherIn));
        rows.Add(Row("swap out, one call", Out, In, () => Baseline.SwapOut(other.Pointer, 4096, addresses.Pointer, Pages), OtherIn));
        rows.Add(Row("swap in, page by page", InEach, () => Out(), () => Baseline.SwapIn(other.Pointer, 4096, addresses.Pointer, Pages), OtherOut));
        rows.Add(new GateRow("B2", "swap out, one call", "page by page", 0.5, new Side(Out, Pages, In), new Side(OutEach, Pages, In))
        {
            SameResult = false,
        });
        rows.Add(new GateRow("B2", "swap in, one call", "page by page", 0.5,
            new Side(Populate, Pages, () => Out()), new Side(PopulateEach, Pages, () => Out()))
        {
            SameResult = false,
        });
        rows.Add(new GateRow("B2", "swap in, one call", "by faults", null,
            new Side(Populate, Pages, () => Out()), new Side(InEach, Pages, () => Out()))
        {
            SameResult = false,
        });
        return rows;
    }

    public void Dispose()
    {
        machine.Dispose();
        other.Dispose();
        addresses.Dispose();
    }

    private static GateRow Row(string name, Func<ulong> ours, Action prepare, Func<ulong> other, Action prepareOther) =>
        new("T16", name, "C composite", null, new Side(ours, Pages, prepare), new Side(other, Pages, prepareOther)) { SameResult = false };

    private void OtherIn() => Baseline.SwapIn(other.Pointer, 4096, addresses.Pointer, Pages);

    private void OtherOut() => Baseline.SwapOut(other.Pointer, 4096, addresses.Pointer, Pages);

    private void In() => InEach();

    private ulong InEach()
    {
        ulong failed = 0;
        for (ulong at = Base; at < Base + Length; at += 4096)
            failed += machine.Write(space, at, content, ref counters) == UserAccessResult.Ok ? 0UL : 1;
        machine.Settle();
        return failed;
    }

    private ulong Populate() => machine.Advise(space, Base, Length, Advice.PopulateWrite, ref counters) == MmResult.Ok ? 0UL : 1;

    private ulong PopulateEach()
    {
        ulong failed = 0;
        for (ulong at = Base; at < Base + Length; at += 4096)
            failed += machine.Advise(space, at, 4096, Advice.PopulateWrite, ref counters) == MmResult.Ok ? 0UL : 1;
        return failed;
    }

    private ulong OutEach()
    {
        ulong failed = 0;
        for (ulong at = Base; at < Base + Length; at += 4096)
            failed += machine.Advise(space, at, 4096, Advice.PageOut, ref counters) == MmResult.Ok ? 0UL : 1;
        return failed;
    }

    private ulong Out() => machine.Advise(space, Base, Length, Advice.PageOut, ref counters) == MmResult.Ok ? 0UL : 1;
}
