using PageTableEmu.Atomics;
using PageTableEmu.Bench.Native;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>T13: finding free slots of 2^20, half or all but one in a hundred of them taken at random; the same ones on both sides.</summary>
internal sealed class SlotSuite : IGateSuite
{
    private const int Slots = 1 << 20;
    private const int Taken = 4096;
    private readonly SwapEntry[] entries = new SwapEntry[Taken];
    private MachineImage? image;
    private SwapSpace<Mainline>? swap;

    public IEnumerable<GateRow> Rows()
    {
        Fill(50);
        yield return Row("half full, 64 at once", 1.40, TakeMany);
        yield return Row("half full, one by one", null, Take);
        Fill(99);
        yield return Row("99 % full, 64 at once", 1.30, TakeMany);
        yield return Row("99 % full, one by one", null, Take);
        yield return Row("99 % full, 64 at once", null, TakeMany, flat: false);
    }

    public void Dispose()
    {
        swap?.Dispose();
        image?.Dispose();
    }

    private GateRow Row(string name, double? goal, Func<ulong> take, bool flat = true) => new("T13", $"allocate a slot, {name}",
        flat ? "C bitmap and CAS" : "C two-level bitmap", goal, new Side(take, Taken, GiveBack),
        new Side(() => Baseline.SlotsTake(flat ? 0 : 1, Taken), Taken, () => Baseline.SlotsGiveBack(Taken)))
    {
        SameResult = false,
    };

    private void Fill(int percent)
    {
        Dispose();
        Array.Clear(entries);
        Baseline.SlotsFill(percent);
        image = MachineImage.CreatePrivate(new MachineImageOptions { RamBytes = 16 << 20, SwapSlots = Slots + 512, SwapStoreSlots = Slots + 512 });
        swap = new SwapSpace<Mainline>(image, new Folios<Mainline>(image));
        swap.SwapOn(SwapAreaOptions.Zram(Slots), out uint type);
        for (uint slot = 1; slot < Slots; slot++)
            swap.TryReserve(out _);
        for (uint slot = 1; slot < Slots; slot++)
        {
            if (Baseline.SlotIsTaken(slot) == 0)
                swap.UnpinSlot(new SwapEntry(type, slot));
        }
    }

    private void GiveBack()
    {
        foreach (SwapEntry entry in entries)
        {
            if (!entry.IsNone)
                swap!.UnpinSlot(entry);
        }
    }

    private ulong TakeMany()
    {
        SwapSpace<Mainline> space = swap!;
        ulong failed = 0;
        for (int i = 0; i < Taken; i += 64)
            failed += (ulong)(64 - space.TryReserve(entries.AsSpan(i, 64)));
        return failed;
    }

    private ulong Take()
    {
        SwapSpace<Mainline> space = swap!;
        ulong failed = 0;
        for (int i = 0; i < Taken; i++)
            failed += space.TryReserve(out entries[i]) == SwapResult.Ok ? 0UL : 1;
        return failed;
    }
}
