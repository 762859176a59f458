using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Bench.Native;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>
/// T16: what somebody does who keeps frames and contents himself and swaps pages of a tree: a slot, its reference, the entry. The C side does the
/// same with a bitmap and a byte for each slot. Whole memory management is beside it in <see cref="SwapPathSuite"/>.
/// </summary>
// Safe: the C side works on its own memory, which lives as long as the suite.
internal sealed unsafe class SwapEntrySuite : IGateSuite
{
    private const int Pages = 2048;
    private const int Batch = 64;
    private const int Slots = 1 << 20;
    private const ulong Base = 0x7000_0000_0000;
    private const ulong End = Base + ((ulong)Pages << 12);
    private const ulong Frame = 0x10_0000;
    private static readonly Protection Settled = new(BenchMachine.Writable.Raw | X64Bits.Dirty);
    private readonly MachineImage image = MachineImage.CreatePrivate(new MachineImageOptions
    {
        RamBytes = 16 << 20,
        SwapSlots = Slots + 512,
        SwapStoreSlots = Slots + 512,
    });

    private readonly SwapSpace<Mainline> swap;
    private readonly PageTable<X64FourLevel, Mainline> tree;
    private readonly uint[] frames = new uint[Pages];
    private readonly SwapEntry[] slots = new SwapEntry[Batch];
    private readonly NativeBuffer<byte> other = new(4 << 20);
    private readonly NativeBuffer<ulong> addresses = new(Pages);
    private int freeFrames;

    public SwapEntrySuite()
    {
        var folios = new Folios<Mainline>(image);
        swap = new SwapSpace<Mainline>(image, folios);
        swap.SwapOn(SwapAreaOptions.Zram(Slots), out _);
        tree = PageTable<X64FourLevel, Mainline>.TryCreate(new PageTables<X64FourLevel, Mainline>(image, folios))!;
        tree.MapRange(Base, Frame, Pages, Settled);
        for (int i = 0; i < Pages; i++)
            addresses.Span[i] = Base + ((ulong)i << 12);
        Baseline.MapReset(other.Pointer);
        Baseline.MapRange(other.Pointer, Base, X64Leaf.MakeLeaf(Frame, Settled, 1).Raw, Pages);
        Baseline.SwapReset();
        Check();
    }

    public IEnumerable<GateRow> Rows() =>
    [
        new("T16", "swap out, the entry alone", "C composite", 1.05, new Side(Out, Pages, () => In()), new Side(OtherOut, Pages, () => OtherIn())),
        new("T16", "swap in, the entry alone", "C composite", 1.05, new Side(In, Pages, () => Out()), new Side(OtherIn, Pages, () => OtherOut())),
    ];

    public void Dispose()
    {
        swap.Dispose();
        image.Dispose();
        other.Dispose();
        addresses.Dispose();
    }

    private ulong OtherOut() => Baseline.SwapOut(other.Pointer, 4096, addresses.Pointer, Pages);

    private ulong OtherIn() => Baseline.SwapIn(other.Pointer, 4096, addresses.Pointer, Pages);

    private ulong Out()
    {
        ulong failed = 0;
        var writer = new LeafWriter<X64FourLevel, Mainline>(tree);
        for (ulong at = Base; at < End; at += Batch << 12)
        {
            failed += (ulong)(Batch - swap.TryTake(slots));
            for (int i = 0; i < Batch; i++)
                failed += TryOut(ref writer, at + ((ulong)i << 12), slots[i]) ? 0UL : 1;
        }

        writer.Finish().Flush();
        writer.Dispose();
        return failed;
    }

    private ulong In()
    {
        ulong failed = 0;
        var writer = new LeafWriter<X64FourLevel, Mainline>(tree);
        for (ulong at = Base; at < End; at += Batch << 12)
        {
            for (int i = 0; i < Batch; i++)
                failed += TryIn(ref writer, at + ((ulong)i << 12), out slots[i]) ? 0UL : 1;
            swap.Put(slots);
        }

        writer.Finish().Flush();
        writer.Dispose();
        return failed;
    }

    private bool TryOut<TArch>(ref LeafWriter<TArch, Mainline> writer, ulong address, SwapEntry slot)
        where TArch : struct, IArchitecture
    {
        Pte entry = TArch.MakeSwapExclusive(TArch.EncodeSwap(slot.Type, slot.Offset));
        Pte leaf;
        do
        {
            leaf = writer.Read(address);
            if (!TArch.IsPresent(leaf, 1))
                return false;
        }
        while (!writer.TryReplace(address, entry, leaf));
        frames[freeFrames++] = (uint)TArch.FrameOf(leaf, 1);
        return true;
    }

    private bool TryIn<TArch>(ref LeafWriter<TArch, Mainline> writer, ulong address, out SwapEntry slot)
        where TArch : struct, IArchitecture
    {
        Pte entry = writer.Read(address);
        slot = new SwapEntry(TArch.SwapType(entry), TArch.SwapOffset(entry));
        return !TArch.IsPresent(entry, 1) && freeFrames > 0
            && writer.TryReplace(address, TArch.MakeLeaf(frames[--freeFrames], Settled, 1), entry);
    }

    /// <summary>Both sides have done what they say: every page is out, or in again, and every slot has an owner, or none.</summary>
    private void Check()
    {
        bool right = Out() == 0 && OtherOut() == 0 && swap.InUse(0) == Pages && tree.Walk(Base).Fault == FaultReason.NotPresent;
        right = right && In() == 0 && OtherIn() == 0 && swap.InUse(0) == 0 && tree.Walk(End - 4096).Fault == FaultReason.None;
        if (!right)
            throw new InvalidOperationException("pages went out or came in that were not there");
    }
}
