using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Curves;

/// <summary>A whole machine: first touch, fork, the child's end, swapping everything out and in, swapoff, and checking all of it.</summary>
internal static class MachineCurves
{
    private const ulong Base = 0x7000_0000_0000;
    private const int Least = 10;
    private static readonly string[] Names =
        ["touch a new page", "fork, a page", "exit, a page", "swap out, a page", "swap in, a page", "swapoff, a page", "Verify, a page"];

    internal static IEnumerable<Curve> Measure(int largest)
    {
        List<CurvePoint>[] points = [.. Names.Select(_ => new List<CurvePoint>())];
        for (int pass = 0; pass <= CurvesCommand.WarmUps; pass++)
        {
            Array.ForEach(points, list => list.Clear());
            CurvesCommand.LetTheJitWork(pass);
            for (int power = Least; power <= (pass < CurvesCommand.WarmUps ? Least : largest); power += 2)
                Measure(1L << power, points);
        }

        return Names.Zip(points, (name, list) => new Curve(name, "page", list));
    }

    private static void Measure(long pages, List<CurvePoint>[] points)
    {
        uint slots = (uint)pages * 2;
        using Machine<X64FourLevel> machine = Machine<X64FourLevel>.Create(new MachineImageOptions
        {
            RamBytes = ((ulong)pages * 2 << 12) + (32 << 20),
            SwapSlots = slots + 1024,
            SwapStoreSlots = slots + 1024,
            KsmItems = 1024,
        });
        machine.SwapOn(SwapAreaOptions.Zram(slots), out uint type);
        uint space = machine.CreateAddressSpace();
        ulong length = (ulong)pages << 12;
        machine.Map(space, Base, length, VmaFlags.Read | VmaFlags.Write);
        FaultCounters counters = default;
        byte[] content = [1, 2, 3, 4, 5, 6, 7, 8];
        void Touch()
        {
            for (ulong at = Base; at < Base + length; at += 4096)
                machine.Write(space, at, content, ref counters);
        }

        void Out() => machine.Advise(space, Base, length, Advice.PageOut, ref counters);

        int next = 0;
        void Add(Action run, Action? prepare = null, int runs = 1) =>
            points[next++].Add(new CurvePoint(pages, CurvesCommand.Best(pages, run, prepare, runs)));

        Touch(); // the host gives memory at first use, which takes it several times as long as all else, and longer the more there is
        machine.Advise(space, Base, length, Advice.DontNeed, ref counters);
        machine.Settle();
        Add(Touch);
        uint child = 0;
        Add(() => child = machine.Fork(space));
        Add(() => machine.Exit(child));
        machine.Settle();
        Touch(); // writable again
        for (int round = 0; round < 2; round++) // as for frames: the device's memory, of which a round uses one half
        {
            Out();
            Touch();
        }

        machine.Settle();
        Add(Out);
        Add(Touch);
        machine.Settle();
        Out();
        Add(() => machine.SwapOff(type));
        machine.Settle();
        Add(() =>
        {
            if (machine.Verify().Any())
                throw new InvalidOperationException("The machine is not in order.");
        });
    }
}
