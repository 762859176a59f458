using System.Runtime.CompilerServices;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Disassembly;

/// <summary>Runs the watched methods until the JIT has compiled them for good.</summary>
internal static class HotPaths
{
    internal static int Run()
    {
        using var machine = new BenchMachine(16 << 20);
        using var swap = new SwapSpace<Mainline>(machine.Image, machine.Folios);
        swap.SwapOn(SwapAreaOptions.Zram(2048), out _);
        uint frame = machine.Folios.TryAllocate();
        machine.Folios.Table.Lock(frame);
        swap.TryAllocate(frame, out SwapEntry entry);
        machine.Tree.Map(0x1000, 5, BenchMachine.Writable);
        var tlb = new SoftTlb<X64FourLevel, Mainline>(machine.Tree);
        ulong sum = 0;
        for (int phase = 0; phase < 8; phase++)
        {
            for (ulong i = 0; i < 200; i++)
            {
                sum += machine.Tree.Translate(0x1000 + i) + Translated(tlb, 0x1000 + i) + Encoded<X64FourLevel>(1, i);
                if (swap.Map.TryDuplicate(entry) == SwapResult.Ok)
                    swap.Map.Put(entry);
            }

            Thread.Sleep(200);
        }

        return sum == 0 ? 1 : 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Translated(SoftTlb<X64FourLevel, Mainline> tlb, ulong address) => tlb.Translate(address, AccessKind.Read);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Encoded<TArch>(uint type, ulong offset)
        where TArch : struct, IArchitecture => TArch.EncodeSwap(type, offset).Raw;
}
