using System.Runtime.Intrinsics;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Bench.Native;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>T9: swap PTEs in bulk. The unit is what merely copying the same bytes costs (memcpy).</summary>
// Safe: both sides work on buffers that live as long as the suite.
internal sealed unsafe class CodecSuite : IGateSuite
{
    private readonly int count;
    private readonly string size;
    private readonly NativeBuffer<ulong> words;
    private readonly NativeBuffer<ulong> entries;
    private readonly NativeBuffer<ulong> target;
    private readonly NativeBuffer<byte> types;

    internal CodecSuite(int count, string size)
    {
        this.count = count;
        this.size = size;
        words = new NativeBuffer<ulong>(count);
        entries = new NativeBuffer<ulong>(count);
        target = new NativeBuffer<ulong>(count);
        types = new NativeBuffer<byte>(count);
        var random = new Random(1);
        foreach (ref ulong entry in entries.Span)
            entry = new SwapEntry((uint)random.Next(4), (ulong)random.NextInt64(1L << 40)).Value;
        SwapCodec<X64FourLevel>.Encode(entries.Span, words.Span);
    }

    public IEnumerable<GateRow> Rows()
    {
        List<GateRow> rows = [];
        bool first = count == 1 << 10;
        bool second = count == 1 << 15;
        bool inCache = first || second;
        bool memory = count == 1 << 24;
        Side copy = Side(() => Baseline.Copy(target.Pointer, words.Pointer, count));
        rows.Add(Row("T9", "decode", first ? 0.85 : 0.95, Decode, copy, Vector512.IsHardwareAccelerated));
        Side copyEntries = Side(() => Baseline.Copy(target.Pointer, entries.Pointer, count)); // the same bytes: where pages lie counts
        rows.Add(Row("T9", "encode", first ? 0.85 : 0.95, Encode, copyEntries, Vector512.IsHardwareAccelerated));
        rows.Add(new GateRow("T9", $"decode, {size}", "C AVX-512", null, Side(Decode),
            Side(() => Baseline.Vectors() < 2 ? 0 : Baseline.Decode512(target.Pointer, words.Pointer, count))));
        rows.Add(Row("T9b", "decode, Vector256", first ? 0.42 : second ? 0.47 : 0.90, Decode256, copy, Vector256.IsHardwareAccelerated));
        rows.Add(Row("T9c", "decode, sparc64", null, DecodeSparc, copy, Vector512.IsHardwareAccelerated));
        rows.Add(Row("T9c", "x86-64 to sparc64", inCache ? 0.50 : 0.85, ToSparc, copy, Vector512.IsHardwareAccelerated));
        rows.Add(Row("T9c", "sparc64 to x86-64", inCache ? 0.50 : 0.85, FromSparc, copy, Vector512.IsHardwareAccelerated));
        rows.Add(Row("T9c", "decode, fields apart", inCache ? 0.60 : 0.75, Apart, copy, Vector512.IsHardwareAccelerated));
        rows.Add(Row("T9c", "decode in place", memory ? 1.40 : null, InPlace, copy, Vector512.IsHardwareAccelerated));
        return rows;
    }

    public void Dispose()
    {
        words.Dispose();
        entries.Dispose();
        target.Dispose();
        types.Dispose();
    }

    private GateRow Row(string goalOf, string name, double? goal, Func<ulong> ours, Side copy, bool judged) =>
        new(goalOf, $"{name}, {size}", "memcpy", judged ? goal : null, Side(ours), copy) { IsSpeed = true, SameResult = false };

    private Side Side(Func<ulong> run) => new(run, count);

    private ulong Decode()
    {
        SwapCodec<X64FourLevel>.Decode(words.Span, target.Span);
        return target.Span[^1];
    }

    private ulong DecodeSparc()
    {
        SwapCodec<Sun4v>.Decode(words.Span, target.Span); // any words will do
        return target.Span[^1];
    }

    private ulong Decode256()
    {
        SwapCodec<X64FourLevel>.Decode256(words.Span, target.Span);
        return target.Span[^1];
    }

    private ulong Encode()
    {
        SwapCodec<X64FourLevel>.Encode(entries.Span, target.Span);
        return target.Span[^1];
    }

    private ulong ToSparc() => SwapTranscoder<X64FourLevel, Sun4v>.Transcode(words.Span, target.Span) ? 1UL : 0;

    private ulong FromSparc() => SwapTranscoder<Sun4v, X64FourLevel>.Transcode(words.Span, target.Span) ? 1UL : 0;

    private ulong Apart()
    {
        SwapCodec<X64FourLevel>.Decode(words.Span, target.Span, types.Span);
        return target.Span[^1];
    }

    private ulong InPlace()
    {
        SwapCodec<X64FourLevel>.Decode(target.Span, target.Span); // any words will do
        return target.Span[^1];
    }
}
