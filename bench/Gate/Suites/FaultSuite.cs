using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>First touches of new pages beside another thread that does so in an address space of its own. Processor time of the one thread.</summary>
internal sealed class FaultSuite : IGateSuite
{
    private const int Pages = 1 << 14; // so many that the other thread goes through all it does several times meanwhile
    private const int PagesElsewhere = 1 << 12;
    private const ulong Base = 0x7000_0000_0000;
    private readonly Machine<X64FourLevel> machine;
    private readonly uint space;
    private readonly uint elsewhere;
    private readonly Helper helper;

    public FaultSuite()
    {
        machine = Machine<X64FourLevel>.Create(new MachineImageOptions
        {
            RamBytes = 128 << 20,
            SwapSlots = 1024,
            SwapStoreSlots = 1024,
        });
        space = machine.CreateAddressSpace();
        elsewhere = machine.CreateAddressSpace();
        helper = new Helper(() =>
        {
            Renew(elsewhere, PagesElsewhere);
            Touch(elsewhere, PagesElsewhere);
        });
    }

    public IEnumerable<GateRow> Rows()
    {
        Func<ulong> run = () => Touch(space, Pages);
        yield return new GateRow("B3", "touch new pages, another thread too", "alone", 1 / 0.85,
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
        Renew(space, Pages);
        other();
    }

    private void Renew(uint of, int pages)
    {
        machine.Unmap(of, Base, (ulong)pages << 12);
        machine.Map(of, Base, (ulong)pages << 12, VmaFlags.Read | VmaFlags.Write);
    }

    private ulong Touch(uint of, int pages)
    {
        FaultCounters counters = default;
        ReadOnlySpan<byte> content = [1];
        ulong failed = 0;
        for (ulong at = Base; at < Base + ((ulong)pages << 12); at += 4096)
            failed += machine.Write(of, at, content, ref counters) == UserAccessResult.Ok ? 0UL : 1;
        return failed;
    }
}
