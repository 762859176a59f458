using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace PageTableEmu.Swap;

/// <summary>
/// All that is known of one swap slot, in one word, so that every change of it is one compare-exchange.
/// <code>
///  63 62  61    60   59      48 47          32 31                 0
/// [ tag | zero | pin |  count  | generation   | payload            ]
/// </code>
/// tag: <see cref="SwapSlotTag"/>. zero: the content is known to be all zero and is not on the device. pin: a direct swap-in holds the slot
/// without a folio in the swap cache (SWAP_HAS_CACHE without a folio). count: swap references; the largest value means that the count lies
/// in the overflow table. generation: grows whenever the free slot is put to use. payload: frame when cached, shadow when in use.
/// </summary>
/// <param name="value">The packed word.</param>
public readonly struct SwapSlotWord(ulong value) : IEquatable<SwapSlotWord>
{
    private const int GenerationShift = 32;
    private const int CountShift = GenerationShift + 16;
    private const int PinShift = CountShift + 12;
    private const int ZeroShift = PinShift + 1;
    private const int TagShift = ZeroShift + 1;

    private const ulong PayloadMask = (1UL << GenerationShift) - 1;
    private const ulong GenerationMask = ((1UL << CountShift) - 1) & ~PayloadMask;
    private const ulong CountMask = ((1UL << PinShift) - 1) & ~GenerationMask & ~PayloadMask;
    internal const ulong PinBit = 1UL << PinShift;
    private const ulong ZeroBit = 1UL << ZeroShift;
    private const ulong TagMask = 3UL << TagShift;
    private const ulong IdentityMask = TagMask | GenerationMask | PayloadMask;

    /// <summary>What a word grows by with one more reference.</summary>
    internal const long One = 1L << CountShift;

    /// <summary>The count field of a slot whose count lies in the overflow table.</summary>
    public const uint OverflowedCount = (uint)(CountMask >> CountShift);

    /// <summary>Largest count that fits the word.</summary>
    public const uint LargestCount = OverflowedCount - 1;

    /// <summary>The packed word.</summary>
    public ulong Value { get; } = value;

    /// <summary>State of the slot.</summary>
    public SwapSlotTag Tag => (SwapSlotTag)(Value >> TagShift);

    /// <summary>Whether the content is known to be all zero.</summary>
    public bool IsZero => (Value & ZeroBit) != 0;

    /// <summary>Whether a direct swap-in holds the slot.</summary>
    public bool IsPinned => (Value & PinBit) != 0;

    /// <summary>The count field: swap references, or <see cref="OverflowedCount"/>.</summary>
    public uint Count => (uint)((Value & CountMask) >> CountShift);

    /// <summary>Whether the count lies in the overflow table.</summary>
    public bool IsOverflowed => Count == OverflowedCount;

    /// <summary>How often the slot was put to use, modulo 65536.</summary>
    public uint Generation => (uint)((Value & GenerationMask) >> GenerationShift);

    /// <summary>Frame (cached) or shadow (in use).</summary>
    public uint Payload => (uint)(Value & PayloadMask);

    /// <summary>Whether nobody uses the slot.</summary>
    public bool IsFree => Tag == SwapSlotTag.Free;

    /// <summary>Whether a folio is bound to the slot.</summary>
    public bool IsCached => Tag == SwapSlotTag.Cached;

    /// <summary>Whether the slot counts as used: in use or cached.</summary>
    public bool IsUsed => Tag is SwapSlotTag.InUse or SwapSlotTag.Cached;

    /// <summary>
    /// References beside one, if the slot is used and has one; else a number above all counts. One comparison of it says what would take two:
    /// adding one to the tag leaves its upper bit set for the two tags of used slots only.
    /// </summary>
    internal uint Others
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            const uint Used = 1u << (TagShift - CountShift + 1);
            return (((uint)(Value >> CountShift) + (Used >> 1)) & (Used | OverflowedCount)) - Used - 1;
        }
    }

    /// <summary>Whether only the swap cache holds the slot.</summary>
    public bool IsCacheOnly => IsCached && Count == 0;

    /// <summary>Whether nothing would hold the slot if its count were 0.</summary>
    public bool IsHeldByCountOnly
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)] // a call, however rare, makes the caller keep the word on the stack
        get => (Value & (TagMask | PinBit)) == (ulong)SwapSlotTag.InUse << TagShift;
    }

    /// <summary>The word of an unusable slot.</summary>
    public SwapSlotWord AsBad => new((Value & GenerationMask) | ((ulong)SwapSlotTag.Bad << TagShift));

    /// <summary>The word after the slot was freed: only the generation stays.</summary>
    public SwapSlotWord AsFree => new(Value & GenerationMask);

    /// <summary>The word after the pin was taken.</summary>
    public SwapSlotWord AsPinned => new(Value | PinBit);

    /// <summary>The word after the pin was dropped.</summary>
    public SwapSlotWord AsUnpinned => new(Value & ~PinBit);

    /// <summary>The word of a free slot put to use, bound to a frame, with count 0.</summary>
    public SwapSlotWord AsAllocated(uint frame) => NextGeneration.WithTag(SwapSlotTag.Cached, frame);

    /// <summary>The word of a free slot put to use, pinned, with count 0 and no folio.</summary>
    public SwapSlotWord AsReserved => NextGeneration.WithTag(SwapSlotTag.InUse, 0).AsPinned;

    /// <summary>The word with a frame bound; count and zero mark stay, a pin ends.</summary>
    public SwapSlotWord AsCached(uint frame) => AsUnpinned.WithTag(SwapSlotTag.Cached, frame);

    /// <summary>The word with no frame bound and a shadow in its place.</summary>
    public SwapSlotWord AsUncached(uint shadow) => WithTag(SwapSlotTag.InUse, shadow);

    /// <summary>The word with another count field.</summary>
    public SwapSlotWord WithCount(uint count) => new((Value & ~CountMask) | ((ulong)count << CountShift));

    /// <summary>One reference more, of a count that has room for it.</summary>
    internal SwapSlotWord WithOneMore => new(Value + (ulong)One);

    /// <summary>One reference less, of a count that is not 0.</summary>
    internal SwapSlotWord WithOneLess => new(Value - (ulong)One);

    /// <summary>The word with the zero mark set or cleared.</summary>
    public SwapSlotWord WithZero(bool zero) => new(zero ? Value | ZeroBit : Value & ~ZeroBit);

    /// <summary>Whether both words name the same binding of the same use of the slot; counts and marks may differ.</summary>
    public bool IsSameBinding(SwapSlotWord other) => ((Value ^ other.Value) & IdentityMask) == 0;

    /// <summary>Equality of all fields.</summary>
    public static bool operator ==(SwapSlotWord left, SwapSlotWord right) => left.Value == right.Value;

    /// <summary>Inequality.</summary>
    public static bool operator !=(SwapSlotWord left, SwapSlotWord right) => left.Value != right.Value;

    /// <inheritdoc/>
    public bool Equals(SwapSlotWord other) => Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SwapSlotWord other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode();

    /// <summary>All fields, for messages.</summary>
    public override string ToString() =>
        $"{Tag} count {(IsOverflowed ? "overflowed" : Count)} payload {Payload} generation {Generation}"
        + (IsPinned ? " pinned" : "") + (IsZero ? " zero" : "");

    /// <summary>Which of at most eight words are free: a bit for each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Free(ReadOnlySpan<ulong> words) => Matching(words, TagMask, 0);

    /// <summary>Which of at most eight words are held by the swap cache alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint CacheOnly(ReadOnlySpan<ulong> words) => Matching(words, TagMask | CountMask, (ulong)SwapSlotTag.Cached << TagShift);

    /// <summary>Which of at most eight words are bound to a folio.</summary>
    internal static uint Cached(ReadOnlySpan<ulong> words) => Matching(words, TagMask, (ulong)SwapSlotTag.Cached << TagShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Matching(ReadOnlySpan<ulong> words, ulong mask, ulong wanted)
    {
        ref ulong first = ref MemoryMarshal.GetReference(words);
        if (Vector512.IsHardwareAccelerated && words.Length == 8)
        {
            // Safe: there are eight words. A lane holds a whole word, as it was at some time during the call.
            Vector512<ulong> found = Vector512.Equals(Vector512.LoadUnsafe(ref first) & Vector512.Create(mask), Vector512.Create(wanted));
            return (uint)found.ExtractMostSignificantBits();
        }

        uint bits = 0;
        for (int i = 0; i < words.Length; i++)
            bits |= (words[i] & mask) == wanted ? 1u << i : 0;
        return bits;
    }

    /// <summary>Which of eight words are free: all bits of a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ulong> Free(Vector512<ulong> words) => Vector512.Equals(words & Vector512.Create(TagMask), Vector512<ulong>.Zero);

    /// <summary>Which of eight words are held by the swap cache alone: all bits of a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ulong> CacheOnly(Vector512<ulong> words) =>
        Vector512.Equals(words & Vector512.Create(TagMask | CountMask), Vector512.Create((ulong)SwapSlotTag.Cached << TagShift));

    /// <summary><see cref="AsReserved"/> of eight words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<ulong> Reserved(Vector512<ulong> words)
    {
        Vector512<ulong> next = words + Vector512.Create(1UL << GenerationShift);
        Vector512<ulong> rest = words & Vector512.Create(CountMask | ZeroBit);
        return (next & Vector512.Create(GenerationMask)) | rest | Vector512.Create(((ulong)SwapSlotTag.InUse << TagShift) | PinBit);
    }

    private SwapSlotWord NextGeneration =>
        new((Value & ~GenerationMask) | ((Value + (1UL << GenerationShift)) & GenerationMask));

    private SwapSlotWord WithTag(SwapSlotTag tag, uint payload) =>
        new((Value & ~TagMask & ~PayloadMask) | ((ulong)tag << TagShift) | payload);
}
