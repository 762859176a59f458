using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PageTableEmu.Paging;

/// <summary>
/// Which of some entries of level 1 are of a kind, as bits: 64, or 16, or fewer. Each word is read once.
/// </summary>
/// <remarks>
/// <para>
/// 64 entries are folded where the question is about few bits (<see cref="IsFolding"/>): by rotating and choosing, eight vectors become two in which
/// every entry has 16 bits left, among them those asked about. They are combined there, for 32 entries at once; one mask register is read for all
/// 64. A test of each vector by itself has to go through one port of the processor, and its answer through another one.
/// </para>
/// <para>
/// Every other mask is asked of 16 entries: their low halves in one vector and their high halves in another, so that a test serves 16 and not 8.
/// </para>
/// </remarks>
/// <typeparam name="TArch">The architecture.</typeparam>
internal static class EntryGroup<TArch>
    where TArch : struct, IArchitecture
{
    /// <summary>Whether the kinds are a matter of masks; if not, the architecture is asked about each entry.</summary>
    private static readonly bool IsLinear =
        EntryTest.Present<TArch>(1).IsMask && EntryTest.Something<TArch>(1).IsMask && EntryTest.Young<TArch>().IsMask;

    // Each a number of its own, because the JIT compiles such into the loops as constants.
    private static readonly ulong PresentMask = EntryTest.Present<TArch>(1).InMemory;
    private static readonly ulong SomethingMask = EntryTest.Something<TArch>(1).InMemory;
    private static readonly ulong YoungMask = EntryTest.Young<TArch>().InMemory;
    private static readonly ulong FoldedMask = PresentMask | YoungMask;

    /// <summary>
    /// Whether present and young may be asked of folded entries: present is one bit or either of two, young is one, and no two of them are a
    /// multiple of 16 apart.
    /// </summary>
    private static readonly bool IsFolding = IsLinear && BitOperations.PopCount(PresentMask) is 1 or 2 && BitOperations.PopCount(YoungMask) == 1
        && (FoldedMask & (BitOperations.RotateLeft(FoldedMask, 16) | BitOperations.RotateLeft(FoldedMask, 32))) == 0;

    private static readonly int PresentBit = BitOperations.TrailingZeroCount(PresentMask) & 63;
    private static readonly int OtherPresentBit = BitOperations.Log2(PresentMask | 1);
    private static readonly int YoungBit = BitOperations.TrailingZeroCount(YoungMask) & 63;

    /// <summary>
    /// The byte that answers for each of 64 folded entries. An entry stays in its lane; the number of its vector says where there: the lowest bit
    /// which half, the next which quarter of that, the highest which byte of it.
    /// </summary>
    private static readonly Vector512<byte> Places = Vector512.Create<byte>(
        [.. Enumerable.Range(0, 64).Select(i => (byte)((i % 8 * 8) + (i / 8 % 2 * 4) + (i / 16 % 2 * 2) + (i / 32)))]);

    private static bool CanFold
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsFolding && Vector512.IsHardwareAccelerated && Avx512Vbmi.IsSupported;
    }

    /// <summary>Whether <see cref="Low"/> and <see cref="High"/> are to be had, and masks say it all.</summary>
    internal static bool HasHalves
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsLinear && Vector512.IsHardwareAccelerated && Avx512F.IsSupported;
    }

    /// <summary>Which of 64 entries are of a kind; without a loop, which would have as many instructions again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Of64<TKind>(ref ulong first)
        where TKind : struct, IKind
    {
        if (CanFold && TKind.CanFold)
            return Folded<TKind>(ref first);
        uint low = Of16<TKind>(ref first, 0) | (Of16<TKind>(ref first, 16) << 16);
        uint high = Of16<TKind>(ref first, 32) | (Of16<TKind>(ref first, 48) << 16);
        return low | ((ulong)high << 32);
    }

    /// <summary>Which of the first 64 entries, or of all if there are fewer, are of a kind.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Of<TKind>(ReadOnlySpan<ulong> words)
        where TKind : struct, IKind =>
        words.Length >= 64 ? Of64<TKind>(ref MemoryMarshal.GetReference(words)) : OfFew<TKind>(words);

    /// <summary>Which of fewer than 64 entries are of a kind. Not inlined: it is the rare rest behind a loop that should stay short.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong OfFew<TKind>(ReadOnlySpan<ulong> words)
        where TKind : struct, IKind
    {
        ulong bits = 0;
        int i = 0;
        for (; i <= words.Length - 16; i += 16)
            bits |= (ulong)Of16<TKind>(ref MemoryMarshal.GetReference(words), (nuint)i) << i; // safe: 16 more lie inside the span
        for (; i < words.Length; i++)
            bits |= TKind.Is(new Pte(GuestOrder<TArch>.Of(words[i]))) ? 1UL << i : 0;
        return bits;
    }

    /// <summary>The low halves of 16 entries; for <see cref="HasHalves"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<uint> Low(Vector512<ulong> front, Vector512<ulong> back) =>
        Avx512F.PermuteVar16x32x2(front.AsUInt32(), Vector512<uint>.Indices * 2, back.AsUInt32());

    /// <summary>Their high halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<uint> High(Vector512<ulong> front, Vector512<ulong> back) =>
        Avx512F.PermuteVar16x32x2(front.AsUInt32(), (Vector512<uint>.Indices * 2) + Vector512<uint>.One, back.AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Unset(Vector512<uint> low, Vector512<uint> high, ulong mask) => Vector512.Equals(
        (low & Vector512.Create((uint)mask)) | (high & Vector512.Create((uint)(mask >> 32))), Vector512<uint>.Zero);

    /// <summary>Which of 16 entries are of a kind.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Of16<TKind>(ref ulong first, nuint i)
        where TKind : struct, IKind
    {
        if (HasHalves)
        {
            Vector512<ulong> front = Vector512.LoadUnsafe(ref first, i);
            Vector512<ulong> back = Vector512.LoadUnsafe(ref first, i + 8);
            return (uint)TKind.Of(Low(front, back), High(front, back)).ExtractMostSignificantBits();
        }

        uint bits = 0;
        if (IsLinear && Vector256.IsHardwareAccelerated)
        {
            for (int bit = 0; bit < 16; bit += 4)
                bits |= TKind.Of(Vector256.LoadUnsafe(ref first, i + (nuint)bit)).ExtractMostSignificantBits() << bit;
            return bits;
        }

        for (int bit = 0; bit < 16; bit++)
            bits |= TKind.Is(new Pte(GuestOrder<TArch>.Of(Unsafe.Add(ref first, i + (nuint)bit)))) ? 1u << bit : 0;
        return bits;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Unset(Vector256<ulong> words, ulong mask) =>
        Vector256.Equals(words & Vector256.Create(mask), Vector256<ulong>.Zero);

    /// <summary>
    /// Eight vectors are laid over each other, 32 and then 16 bits apart. Every 16 bits of the two that remain belong to one entry, wherever in an
    /// entry the bits are: rotating moves all of them alike. The answers are brought to the top of each byte, and the bytes into order.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Folded<TKind>(ref ulong first)
        where TKind : struct, IKind
    {
        Vector512<ulong> front = Answers<TKind>(Four(ref first, 0), 7);
        Vector512<ulong> back = Answers<TKind>(Four(ref first, 32), 15);
        Vector512<byte> answers = Vector512.ConditionalSelect(Vector512.Create(0x00ff_00ff_00ff_00ffUL), front, back).AsByte();
        return Avx512Vbmi.PermuteVar64x8(answers, Places).ExtractMostSignificantBits();
    }

    /// <summary>Of 32 entries what <see cref="FoldedMask"/> asks for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Four(ref ulong first, nuint i)
    {
        Vector512<ulong> chosen = Vector512.Create(FoldedMask | BitOperations.RotateLeft(FoldedMask, 32));
        return Vector512.ConditionalSelect(chosen, Two(ref first, i), Avx512F.RotateLeft(Two(ref first, i + 16), 16));
    }

    /// <summary>Of 16 entries. Halves are exchanged by a shuffle, because rotations have the busier port.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Two(ref ulong first, nuint i)
    {
        Vector512<ulong> exchanged = Avx512F.Shuffle(Vector512.LoadUnsafe(ref first, i + 8).AsUInt32(), 0b10_11_00_01).AsUInt64();
        return Vector512.ConditionalSelect(Vector512.Create(FoldedMask), Vector512.LoadUnsafe(ref first, i), exchanged);
    }

    /// <summary>Whether each of 32 entries is of a kind, in one bit of its 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Answers<TKind>(Vector512<ulong> folded, int bit)
        where TKind : struct, IKind
    {
        Vector512<ulong> present = Moved(folded, PresentBit, bit);
        Vector512<ulong> other = Moved(folded, OtherPresentBit, bit);
        return TKind.IsYoung ? Avx512F.TernaryLogic(present, other, Moved(folded, YoungBit, bit), 0xa8) : present | other; // young and either
    }

    /// <summary>With one bit of every entry at another place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Moved(Vector512<ulong> folded, int from, int to) =>
#pragma warning disable CA1857 // The places are constants when the JIT compiles a loop for good.
        Avx512F.RotateLeft(folded, (byte)((to - from) & 63));
#pragma warning restore CA1857

    /// <summary>A kind of entry as a type, so that a loop holds one test.</summary>
    internal interface IKind
    {
        /// <summary>Whether it is a matter of the bits that folding keeps.</summary>
        static abstract bool CanFold { get; }

        /// <summary>Whether entries must be young, besides present.</summary>
        static abstract bool IsYoung { get; }

        /// <summary>Whether one entry is of it.</summary>
        static abstract bool Is(Pte entry);

        /// <summary>
        /// All ones in the lanes of those of 16 entries that are of it, zero in the others. An expression and nothing else: then the JIT leaves the
        /// answer in a mask register.
        /// </summary>
        static abstract Vector512<uint> Of(Vector512<uint> low, Vector512<uint> high);

        /// <summary>The same of four entries.</summary>
        static abstract Vector256<ulong> Of(Vector256<ulong> words);
    }

    /// <inheritdoc cref="EntryKind.Present"/>
    internal readonly struct Present : IKind
    {
        static bool IKind.CanFold
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => true;
        }

        static bool IKind.IsYoung
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => false;
        }

        static bool IKind.Is(Pte entry) => TArch.IsPresent(entry, 1);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<uint> IKind.Of(Vector512<uint> low, Vector512<uint> high) => ~Unset(low, high, PresentMask);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<ulong> IKind.Of(Vector256<ulong> words) => ~Unset(words, PresentMask);
    }

    /// <inheritdoc cref="EntryKind.Young"/>
    internal readonly struct Young : IKind
    {
        static bool IKind.CanFold
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => true;
        }

        static bool IKind.IsYoung
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => true;
        }

        static bool IKind.Is(Pte entry) => TArch.IsPresent(entry, 1) && TArch.IsYoung(entry);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<uint> IKind.Of(Vector512<uint> low, Vector512<uint> high) => ~(Unset(low, high, PresentMask) | Unset(low, high, YoungMask));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<ulong> IKind.Of(Vector256<ulong> words) => ~(Unset(words, PresentMask) | Unset(words, YoungMask));
    }

    /// <inheritdoc cref="EntryKind.NonPresent"/>
    internal readonly struct NonPresent : IKind
    {
        static bool IKind.CanFold
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => false;
        }

        static bool IKind.IsYoung
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => false;
        }

        static bool IKind.Is(Pte entry) => !TArch.IsPresent(entry, 1) && !TArch.IsNone(entry, 1);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<uint> IKind.Of(Vector512<uint> low, Vector512<uint> high) =>
            Unset(low, high, PresentMask) & ~Unset(low, high, SomethingMask);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<ulong> IKind.Of(Vector256<ulong> words) => Unset(words, PresentMask) & ~Unset(words, SomethingMask);
    }
}
