using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <summary>As <see cref="VectorPass{TStep}"/>, to two places: offsets, and types of a byte each.</summary>
internal static class ApartPass<TOffsets, TType, TOrder>
    where TOffsets : struct, IVectorStep
    where TType : struct, ITypeField
    where TOrder : struct, IWordOrder
{
    private const byte LowHalves = 0x88;
    private const byte HighHalves = 0xdd;

    private static readonly int Shift = TType.Shift;
    private static readonly uint Mask = (uint)TType.Mask;
    private static readonly uint Flip = (uint)TType.Flip;

    // A type that is not within one half of its word is moved there first.
    private static readonly bool IsHigh = Shift >= 32;
    private static readonly bool IsSplit = Shift < 32 && Shift + BitOperations.PopCount(Mask) > 32;
    private static readonly int HalfShift = IsSplit ? 0 : Shift & 31;

    // Two types at a time: the packing instructions leave those of words 2n and 2n + 1 of all eight vectors together.
    private static readonly Vector512<ushort> InOrder = Vector512.Create(
        (ushort)0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27, 4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31);

    /// <summary>Eight words at a time; returns how many it did.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static int ByEight(ReadOnlySpan<ulong> words, Span<ulong> offsets, Span<byte> types, nint around)
    {
        if (!Avx512BW.IsSupported)
            return 0;
        ref ulong from = ref MemoryMarshal.GetReference(words);
        ref ulong to = ref MemoryMarshal.GetReference(offsets);
        ref byte toTypes = ref MemoryMarshal.GetReference(types);
        nint count = words.Length;
        nint i = 0;
        if (count >= around && count >= 128 && !MemoryMarshal.CreateReadOnlySpan(ref to, words.Length).Overlaps(words))
        {
            var work = new Around(ref from, ref to, ref toTypes, count);
            Streaming.Run(ref to, ref work);
            i = work.Done;
        }

        // Safe: i + 64, then i + 8, is within all three spans.
        for (; i <= count - 64; i += 64)
            EightOfEight(ref from, ref to, ref toTypes, i, false);
        for (; i <= count - 8; i += 8)
            OneOfEight(ref from, ref to, ref toTypes, i);
        return (int)i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OneOfEight(ref ulong from, ref ulong to, ref byte types, nint i)
    {
        Vector512<ulong> words = Vector512.LoadUnsafe(ref from, (nuint)i);
        TOffsets.Of(words).StoreUnsafe(ref to, (nuint)i);
        Vector512<ulong> type = ((WordOrder<TOrder>.Of(words) >>> Shift) & Vector512.Create((ulong)Mask)) ^ Vector512.Create((ulong)Flip);
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref types, i), Avx512F.ConvertToVector128Byte(type).AsUInt64().ToScalar());
    }

    /// <summary>Sixty-four words: their types are packed together, which is fewer instructions than one vector after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EightOfEight(ref ulong from, ref ulong to, ref byte types, nint i, bool around)
    {
        Vector512<short> low = Avx512BW.PackUnsignedSaturate(
            TwoOfEight(ref from, ref to, i, around), TwoOfEight(ref from, ref to, i + 16, around)).AsInt16();
        Vector512<short> high = Avx512BW.PackUnsignedSaturate(
            TwoOfEight(ref from, ref to, i + 32, around), TwoOfEight(ref from, ref to, i + 48, around)).AsInt16();
        Vector512<ushort> all = Avx512BW.PackUnsignedSaturate(low, high).AsUInt16();
        Avx512BW.PermuteVar32x16(all, InOrder).AsByte().StoreUnsafe(ref types, (nuint)i);
    }

    /// <summary>Stores the offsets of sixteen words; returns their types, a half word each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> TwoOfEight(ref ulong from, ref ulong to, nint i, bool around)
    {
        Vector512<ulong> one = Vector512.LoadUnsafe(ref from, (nuint)i);
        Vector512<ulong> other = Vector512.LoadUnsafe(ref from, (nuint)i + 8);
        Vector512<uint> halves = IsHigh ? Avx512F.Shuffle(Half(one), Half(other), HighHalves).AsUInt32()
            : Avx512F.Shuffle(Half(one), Half(other), LowHalves).AsUInt32();
        if (around)
        {
            Streaming.Store(TOffsets.Of(one), ref Unsafe.Add(ref to, i));
            Streaming.Store(TOffsets.Of(other), ref Unsafe.Add(ref to, i + 8));
        }
        else
        {
            TOffsets.Of(one).StoreUnsafe(ref to, (nuint)i);
            TOffsets.Of(other).StoreUnsafe(ref to, (nuint)i + 8);
        }

        halves >>>= HalfShift;
        if (uint.MaxValue >> HalfShift != Mask)
            halves &= Vector512.Create(Mask);
        if (Flip != 0)
            halves ^= Vector512.Create(Flip);
        return halves.AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Half(Vector512<ulong> words)
    {
        Vector512<ulong> word = WordOrder<TOrder>.Of(words);
        return (IsSplit ? word >>> Shift : word).AsSingle();
    }

    /// <summary>Whole lines of offsets, stored around the caches.</summary>
    private ref struct Around : IPinnedWork
    {
        private readonly ref ulong from;
        private readonly ref ulong to;
        private readonly ref byte types;
        private readonly nint count;

        internal Around(ref ulong from, ref ulong to, ref byte types, nint count)
        {
            this.from = ref from;
            this.to = ref to;
            this.types = ref types;
            this.count = count;
        }

        internal nint Done { get; private set; }

        // Safe: i + 64, and in two pages i + Page + 64, is within all three, which have 128 at least.
        public void Run()
        {
            nint i = Streaming.Head(ref to);
            if (i == 0)
                return;
            ref ulong source = ref from;
            ref ulong results = ref to;
            ref byte resultTypes = ref types;
            OneOfEight(ref source, ref results, ref resultTypes, 0);
            for (; i <= count - (2 * Streaming.Page); i += Streaming.Page)
            {
                for (nint end = i + Streaming.Page; i < end; i += 64)
                {
                    EightOfEight(ref source, ref results, ref resultTypes, i, true);
                    EightOfEight(ref source, ref results, ref resultTypes, i + Streaming.Page, true);
                }
            }

            for (; i <= count - 64; i += 64)
                EightOfEight(ref source, ref results, ref resultTypes, i, true);
            Done = i;
        }
    }
}
