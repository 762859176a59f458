using PageTableEmu.Arch.X64;
using PageTableEmu.Bench.Native;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>T10: one swap PTE after the other through the format's own members.</summary>
// Safe: both sides read buffers that live as long as the suite.
internal sealed unsafe class ScalarCodecSuite : IGateSuite
{
    private const int Count = 4096;
    private readonly NativeBuffer<ulong> entries = new(Count);
    private readonly NativeBuffer<ulong> words = new(Count);

    public ScalarCodecSuite()
    {
        var random = new Random(1);
        foreach (ref ulong entry in entries.Span)
            entry = new SwapEntry((uint)random.Next(32), (ulong)random.NextInt64(1L << 50)).Value;
        Paging.SwapCodec<X64FourLevel>.Encode(entries.Span, words.Span);
    }

    public IEnumerable<GateRow> Rows()
    {
        List<GateRow> rows = [];
        rows.Add(new GateRow("T10", "encode one by one", "C pack", 1.25, new Side(() => OneByOne<X64FourLevel>.Encode(entries.Span), Count),
            new Side(() => Baseline.Pack(entries.Pointer, Count), Count)));
        rows.Add(new GateRow("T10", "decode one by one", "C unpack", 1.05, new Side(() => OneByOne<X64FourLevel>.Decode(words.Span), Count),
            new Side(() => Baseline.Unpack(words.Pointer, Count), Count)));
        return rows;
    }

    public void Dispose()
    {
        entries.Dispose();
        words.Dispose();
    }
}
