using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Bench.Curves;

/// <summary>
/// Walking the reverse map of a page that 2 to 4096 processes share, all forked from one: a migration, which changes every mapping twice, for each
/// mapping.
/// </summary>
internal static class ReverseMapCurves
{
    private const ulong Page = 0x7000_0000_0000;
    private const int LargestPower = 12;

    internal static Curve Measure()
    {
        List<CurvePoint> points = [];
        for (int pass = 0; pass <= CurvesCommand.WarmUps; pass++)
        {
            points.Clear();
            CurvesCommand.LetTheJitWork(pass);
            for (int power = 1; power <= (pass < CurvesCommand.WarmUps ? 4 : LargestPower); power++)
                points.Add(new CurvePoint(1L << power, Measure(1 << power)));
        }

        return new Curve("migrate a shared page, a mapping", "mapping", points);
    }

    private static double Measure(int mappings)
    {
        using Machine<X64FourLevel> machine = Machine<X64FourLevel>.Create(new MachineImageOptions
        {
            RamBytes = ((ulong)mappings * 8 << 12) + (16 << 20),
            AddressSpaces = (uint)mappings + 16,
            KsmItems = 1024,
        });
        uint space = machine.CreateAddressSpace();
        machine.Map(space, Page, 4096, VmaFlags.Read | VmaFlags.Write);
        FaultCounters counters = default;
        machine.Write(space, Page, [1], ref counters);
        for (int i = 1; i < mappings; i++)
            machine.Fork(space);
        machine.Settle();
        return CurvesCommand.Best(mappings, () =>
        {
            if (machine.Migrate(space, Page, 4096).Moved != 1)
                throw new InvalidOperationException("The page does not move.");
        });
    }
}
