using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <summary>
/// Scans of level-1 tables: how many entries of a kind there are, which ones as a bitmap, or where as a list. Vector512, else Vector256, else one
/// by one; there is no branch per entry, which costs thirty times as much when the kinds are mixed.
/// </summary>
/// <remarks>
/// The words are read as they lie in tables (guest's byte order), each whole and each once; they may change meanwhile. The result says of each
/// entry what it was at some time during the call.
/// </remarks>
/// <typeparam name="TArch">The architecture.</typeparam>
/// <example>
/// <code>
/// PageTable&lt;X64FourLevel, Mainline&gt; table = PageTable&lt;X64FourLevel, Mainline&gt;.TryCreate(machine.Context.Tables)!;
/// Span&lt;ulong&gt; words = table.Words(table.Root);
/// int young = EntryScan&lt;X64FourLevel&gt;.Count(words, EntryKind.Young);
/// uint[] places = new uint[words.Length];
/// int swapped = EntryScan&lt;X64FourLevel&gt;.List(words, EntryKind.NonPresent, places);
/// Console.WriteLine($"{young} young, {swapped} away, the first at {(swapped == 0 ? 0 : places[0])}");
/// table.TryDelete();
/// </code>
/// </example>
public static class EntryScan<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly bool IsLinear =
        EntryTest.Present<TArch>(1).IsMask && EntryTest.Something<TArch>(1).IsMask && EntryTest.Young<TArch>().IsMask;

    // Each a number of its own, because the JIT compiles such into the loops as constants.
    private static readonly ulong PresentMask = EntryTest.Present<TArch>(1).InMemory;
    private static readonly ulong SomethingMask = EntryTest.Something<TArch>(1).InMemory;
    private static readonly ulong YoungMask = EntryTest.Young<TArch>().InMemory;

    // Where present is one bit or either of two, and young one: they are moved to one place and combined, which takes no mask registers at all.
    private static readonly bool IsNarrow =
        IsLinear && BitOperations.PopCount(PresentMask) is 1 or 2 && BitOperations.PopCount(YoungMask) == 1;

    private static readonly int PresentBit = BitOperations.TrailingZeroCount(PresentMask) & 63;
    private static readonly int OtherPresentBit = BitOperations.Log2(PresentMask | 1);
    private static readonly int YoungBit = BitOperations.TrailingZeroCount(YoungMask) & 63;
    private static readonly ulong PresentToYoung = (ulong)(YoungBit - PresentBit) & 63;
    private static readonly ulong OtherPresentToYoung = (ulong)(YoungBit - OtherPresentBit) & 63;

    /// <summary>How many entries are of a kind.</summary>
    public static int Count(ReadOnlySpan<ulong> words, EntryKind kind) => kind switch
    {
        EntryKind.Present => CountOf<OfPresent>(words),
        EntryKind.Young => CountOf<OfYoung>(words),
        _ => CountOf<OfNonPresent>(words),
    };

    /// <summary>One bit for each entry: whether it is of a kind. The bits beyond the last entry are cleared.</summary>
    /// <param name="words">The entries.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="bitmap">One word for 64 entries, the lowest bit first.</param>
    /// <exception cref="ArgumentException">The bitmap is too short.</exception>
    public static void Mark(ReadOnlySpan<ulong> words, EntryKind kind, Span<ulong> bitmap)
    {
        if (bitmap.Length * 64L < words.Length)
            throw new ArgumentException($"{bitmap.Length} words do not hold {words.Length} bits.", nameof(bitmap));
        switch (kind)
        {
            case EntryKind.Present:
                MarkOf<OfPresent>(words, bitmap);
                break;
            case EntryKind.Young:
                MarkOf<OfYoung>(words, bitmap);
                break;
            default:
                MarkOf<OfNonPresent>(words, bitmap);
                break;
        }
    }

    /// <summary>Positions of the entries of a kind, in order.</summary>
    /// <param name="words">The entries.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="positions">Where the positions go; as long as <paramref name="words"/>, because all may be of the kind.</param>
    /// <returns>How many there are.</returns>
    /// <exception cref="ArgumentException">The list is too short.</exception>
    public static int List(ReadOnlySpan<ulong> words, EntryKind kind, Span<uint> positions)
    {
        if (positions.Length < words.Length)
            throw new ArgumentException($"{positions.Length} positions do not hold {words.Length}.", nameof(positions));
        return kind switch
        {
            EntryKind.Present => ListOf<OfPresent>(words, positions),
            EntryKind.Young => ListOf<OfYoung>(words, positions),
            _ => ListOf<OfNonPresent>(words, positions),
        };
    }

    /// <summary>
    /// Clears the accessed bit of the entries that have it, as the hardware may set it at the same time: one compare-exchange for each of them, none
    /// for the others.
    /// </summary>
    /// <param name="words">Entries of a table, in their place in RAM.</param>
    /// <typeparam name="TModel">The model of the machine.</typeparam>
    /// <returns>How many had it.</returns>
    public static int ClearYoung<TModel>(Span<ulong> words)
        where TModel : IModel
    {
        int count = 0;
        int i = 0;
        ref ulong first = ref MemoryMarshal.GetReference(words);
        // Safe: a group of 8 lies inside the span. Models that check see each entry loaded by itself.
        for (; !TModel.Checked && i <= words.Length - 8; i += 8)
        {
            for (uint bits = Group(ref first, (nuint)i, EntryKind.Young); bits != 0; bits &= bits - 1)
                count += MakeOld<TModel>(ref Unsafe.Add(ref first, i + BitOperations.TrailingZeroCount(bits))) ? 1 : 0;
        }

        for (; i < words.Length; i++)
            count += MakeOld<TModel>(ref words[i]) ? 1 : 0;
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool MakeOld<TModel>(ref ulong word)
        where TModel : IModel
    {
        while (true)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (!TArch.IsPresent(entry, 1) || !TArch.IsYoung(entry))
                return false;
            if (PageTables<TArch, TModel>.TryReplace(ref word, TArch.MakeOld(entry), entry))
                return true;
        }
    }

    // One method for each kind, so that a loop holds one test, whatever the JIT thinks of inlining.

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int CountOf<TKind>(ReadOnlySpan<ulong> words)
        where TKind : struct, IKind
    {
        int count = 0;
        int i = 0;
        ref ulong first = ref MemoryMarshal.GetReference(words);
        // Safe: every group of 8, or of 32, lies inside the span.
        if (IsNarrow && TKind.Kind != EntryKind.NonPresent && Avx512F.IsSupported)
        {
            Vector512<ulong> sums0 = default;
            Vector512<ulong> sums1 = default;
            for (; i <= words.Length - 32; i += 32)
            {
                sums0 += AtYoung(Vector512.LoadUnsafe(ref first, (nuint)i), TKind.Kind);
                sums1 += AtYoung(Vector512.LoadUnsafe(ref first, (nuint)i + 8), TKind.Kind);
                sums0 += AtYoung(Vector512.LoadUnsafe(ref first, (nuint)i + 16), TKind.Kind);
                sums1 += AtYoung(Vector512.LoadUnsafe(ref first, (nuint)i + 24), TKind.Kind);
            }

            count = (int)(Vector512.Sum(sums0 + sums1) >> YoungBit);
        }
        else if (IsLinear && Vector512.IsHardwareAccelerated)
        {
            Vector512<ulong> sums0 = default;
            Vector512<ulong> sums1 = default;
            for (; i <= words.Length - 32; i += 32)
            {
                // Lanes that are of the TKind.Kind are minus one: counted by subtracting, which leaves the mask registers alone.
                sums0 -= Of(Vector512.LoadUnsafe(ref first, (nuint)i), TKind.Kind);
                sums1 -= Of(Vector512.LoadUnsafe(ref first, (nuint)i + 8), TKind.Kind);
                sums0 -= Of(Vector512.LoadUnsafe(ref first, (nuint)i + 16), TKind.Kind);
                sums1 -= Of(Vector512.LoadUnsafe(ref first, (nuint)i + 24), TKind.Kind);
            }

            count = (int)Vector512.Sum(sums0 + sums1);
        }

        for (; i <= words.Length - 8; i += 8)
            count += BitOperations.PopCount(Group(ref first, (nuint)i, TKind.Kind));
        for (; i < words.Length; i++)
            count += Is(words[i], TKind.Kind) ? 1 : 0;
        return count;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MarkOf<TKind>(ReadOnlySpan<ulong> words, Span<ulong> bitmap)
        where TKind : struct, IKind
    {
        ref ulong first = ref MemoryMarshal.GetReference(words);
        int i = 0;
        for (; i <= words.Length - 64; i += 64)
        {
            bitmap[i >> 6] = Group64(ref Unsafe.Add(ref first, i), TKind.Kind); // safe: i + 64 is within the span
        }

        if (i == words.Length)
            return;
        ulong rest = 0;
        for (int bit = 0; i + bit < words.Length; bit++)
            rest |= Is(words[i + bit], TKind.Kind) ? 1UL << bit : 0;
        bitmap[i >> 6] = rest;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ListOf<TKind>(ReadOnlySpan<ulong> words, Span<uint> positions)
        where TKind : struct, IKind
    {
        int count = 0;
        int i = 0;
        ref ulong first = ref MemoryMarshal.GetReference(words);
        ref uint to = ref MemoryMarshal.GetReference(positions);
        // Safe: a group of 8 lies inside the words, and no more than i positions were written before it, so 8 more fit.
#if NET10_0_OR_GREATER // .NET 9 has no vpcompressq; the loop behind does it all there
        if (IsLinear && Avx512F.IsSupported)
        {
            Vector512<ulong> numbers = Vector512<ulong>.Indices;
            nuint at = 0;
            nuint end = 0;
            for (; at + 8 <= (nuint)words.Length; at += 8)
            {
                Vector512<ulong> found = Of(Vector512.LoadUnsafe(ref first, at), TKind.Kind);
                Vector512<ulong> picked = Avx512F.Compress(Vector512<ulong>.Zero, found, numbers);
                Avx512F.ConvertToVector256UInt32(picked).StoreUnsafe(ref to, end);
                end += (nuint)BitOperations.PopCount((uint)found.ExtractMostSignificantBits());
                numbers += Vector512.Create(8UL);
            }

            i = (int)at;
            count = (int)end;
        }
#endif

        for (; i <= words.Length - 8; i += 8)
        {
            for (uint bits = Group(ref first, (nuint)i, TKind.Kind); bits != 0; bits &= bits - 1)
                Unsafe.Add(ref to, count++) = (uint)(i + BitOperations.TrailingZeroCount(bits));
        }

        for (; i < words.Length; i++)
        {
            if (Is(words[i], TKind.Kind))
                Unsafe.Add(ref to, count++) = (uint)i;
        }

        return count;
    }

    /// <summary>Which of 64 entries are of a kind. Written out: a loop would have as many instructions again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Group64(ref ulong first, EntryKind kind)
    {
        uint low = Group(ref first, 0, kind) | (Group(ref first, 8, kind) << 8)
            | (Group(ref first, 16, kind) << 16) | (Group(ref first, 24, kind) << 24);
        uint high = Group(ref first, 32, kind) | (Group(ref first, 40, kind) << 8)
            | (Group(ref first, 48, kind) << 16) | (Group(ref first, 56, kind) << 24);
        return low | ((ulong)high << 32);
    }

    /// <summary>Which of eight entries are of a kind.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Group(ref ulong first, nuint i, EntryKind kind)
    {
        if (IsLinear && Vector512.IsHardwareAccelerated)
            return Mask8(ref first, i, kind);
        if (IsLinear && Vector256.IsHardwareAccelerated)
            return Mask4(ref first, i, kind) | (Mask4(ref first, i + 4, kind) << 4);

        uint bits = 0;
        for (int bit = 0; bit < 8; bit++)
            bits |= Is(Unsafe.Add(ref first, i + (nuint)bit), kind) ? 1u << bit : 0;
        return bits;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Mask8(ref ulong first, nuint i, EntryKind kind)
    {
        Vector512<ulong> words = Vector512.LoadUnsafe(ref first, i);
        return (uint)(IsNarrow && kind != EntryKind.NonPresent ? Top(words, kind) : Of(words, kind)).ExtractMostSignificantBits();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Mask4(ref ulong first, nuint i, EntryKind kind)
    {
        Vector256<ulong> words = Vector256.LoadUnsafe(ref first, i);
        return Combine(Unset(words, PresentMask), kind, kind == EntryKind.Young ? Unset(words, YoungMask) : Unset(words, SomethingMask)) & 0xf;
    }

    /// <summary>All ones in the lanes that are of a kind, zero in the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Of(Vector512<ulong> words, EntryKind kind)
    {
        Vector512<ulong> absent = Vector512.Equals(words & Vector512.Create(PresentMask), Vector512<ulong>.Zero);
        return kind switch
        {
            EntryKind.Present => ~absent,
            EntryKind.Young => ~(absent | Vector512.Equals(words & Vector512.Create(YoungMask), Vector512<ulong>.Zero)),
            _ => absent & ~Vector512.Equals(words & Vector512.Create(SomethingMask), Vector512<ulong>.Zero),
        };
    }

    /// <summary>The highest bit set in the lanes that are of a kind; the other bits are anything.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Top(Vector512<ulong> words, EntryKind kind)
    {
        Vector512<ulong> present = (words << (63 - PresentBit)) | (words << (63 - OtherPresentBit));
        return kind == EntryKind.Present ? present : present & (words << (63 - YoungBit));
    }

    /// <summary>The bit that says young set in the lanes that are of a kind; the other bits are clear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> AtYoung(Vector512<ulong> words, EntryKind kind)
    {
        Vector512<ulong> present = Avx512F.RotateLeftVariable(words, Vector512.Create(PresentToYoung))
            | Avx512F.RotateLeftVariable(words, Vector512.Create(OtherPresentToYoung));
        return (kind == EntryKind.Present ? present : present & words) & Vector512.Create(YoungMask);
    }

    /// <param name="absent">Which entries are not present.</param>
    /// <param name="kind">What is looked for.</param>
    /// <param name="other">Of young ones, which entries are not; of non-present ones, which are none.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Combine(uint absent, EntryKind kind, uint other) => kind switch
    {
        EntryKind.Present => ~absent,
        EntryKind.Young => ~(absent | other),
        _ => absent & ~other,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Unset(Vector256<ulong> words, ulong mask) =>
        Vector256.Equals(words & Vector256.Create(mask), Vector256<ulong>.Zero).ExtractMostSignificantBits();

    private static bool Is(ulong word, EntryKind kind)
    {
        var entry = new Pte(GuestOrder<TArch>.Of(word));
        return kind switch
        {
            EntryKind.Present => TArch.IsPresent(entry, 1),
            EntryKind.Young => TArch.IsPresent(entry, 1) && TArch.IsYoung(entry),
            _ => !TArch.IsPresent(entry, 1) && !TArch.IsNone(entry, 1),
        };
    }

    private interface IKind
    {
        static abstract EntryKind Kind { get; }
    }

    private readonly struct OfPresent : IKind
    {
        static EntryKind IKind.Kind
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => EntryKind.Present;
        }
    }

    private readonly struct OfYoung : IKind
    {
        static EntryKind IKind.Kind
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => EntryKind.Young;
        }
    }

    private readonly struct OfNonPresent : IKind
    {
        static EntryKind IKind.Kind
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => EntryKind.NonPresent;
        }
    }
}
