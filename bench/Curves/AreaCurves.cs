using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Bench.Curves;

/// <summary>Finding the VMA of an address among 10 to 65,530: a load from a page that is there, in areas picked at random.</summary>
internal static class AreaCurves
{
    private const ulong Base = 0x1000_0000_0000;
    private const ulong Distance = 0x4000; // with a hole between each two, so that they do not merge
    private const int Lookups = 4096;

    internal static Curve Measure()
    {
        List<CurvePoint> points = [];
        foreach (int areas in new[] { 10, 10, 100, 1000, 10_000, 65_530 })
        {
            using Machine<X64FourLevel> machine = Machine<X64FourLevel>.Create(new MachineImageOptions { RamBytes = 64 << 20, KsmItems = 1024 });
            uint space = machine.CreateAddressSpace();
            for (ulong i = 0; i < (ulong)areas; i++)
                machine.Map(space, Base + (i * Distance), 4096, VmaFlags.Read | VmaFlags.Write);
            FaultCounters counters = default;
            byte[] content = new byte[8];
            var random = new Random(1);
            ulong[] addresses = [.. Enumerable.Range(0, Lookups).Select(_ => Base + ((ulong)random.Next(areas) * Distance))];
            void Read()
            {
                foreach (ulong address in addresses)
                    machine.Read(space, address, content, ref counters);
            }

            Read(); // the zero page is mapped where a load comes first
            if (areas == 10)
                points.Clear(); // the first ten are for the JIT
            points.Add(new CurvePoint(areas, CurvesCommand.Best(Lookups, Read, runs: 9)));
        }

        return new Curve("load, found among VMAs", "load", points);
    }
}
