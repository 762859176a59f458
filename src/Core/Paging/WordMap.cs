using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PageTableEmu.Paging;

/// <summary>A map of words, done with vectors in whichever way takes the fewest instructions on the processor.</summary>
internal readonly struct WordMap<TMap> : IVectorStep
    where TMap : struct, IWordMap
{
    private const byte MaskedXor = 0x6a; // of three: (first and second) xor third
    private const byte XorMasked = 0x78; // first xor (second and third)
    private const byte OrNotAnd = 0xf7; // first or not (second and third)
    private const byte OrOr = 0xfe; // first or second or third
    private const byte OrXor = 0xf6; // first or (second xor third)

    // What shuffles bytes does so within sixteen: the second word's bytes come after the first's. A byte that comes from nowhere stays one.
    private const ulong Second = 0x0808_0808_0808_0808;

    // Each a number of its own, because the JIT compiles such into the loops as constants.
    private static readonly BytePlan Plan = BytePlan.Of(TMap.Moves, TMap.ToSwapped);
    private static readonly int Shift = Plan.Shift;
    private static readonly ulong Order = Plan.Order;
    private static readonly int Gathers = Plan.Gathers;
    private static readonly ulong Starts0 = Plan.Starts(0);
    private static readonly ulong Starts1 = Plan.Starts(1);
    private static readonly ulong Starts2 = Plan.Starts(2);
    private static readonly ulong Mask0 = Plan.Mask(0);
    private static readonly ulong Mask1 = Plan.Mask(1);
    private static readonly ulong Mask2 = Plan.Mask(2);
    private static readonly ulong Mask = InMemory(Fields(), TMap.ToSwapped);
    private static readonly ulong Flip = InMemory(TMap.Flip, TMap.ToSwapped);

    private static readonly bool FromSwapped = TMap.FromSwapped;
    private static readonly bool ToSwapped = TMap.ToSwapped;
    private static readonly ulong Field0 = Move(0).Field;
    private static readonly ulong Field1 = Move(1).Field;
    private static readonly ulong Field2 = Move(2).Field;
    private static readonly ulong Field3 = Move(3).Field;
    private static readonly ulong Field4 = Move(4).Field;
    private static readonly int Left0 = Move(0).Left;
    private static readonly int Left1 = Move(1).Left;
    private static readonly int Left2 = Move(2).Left;
    private static readonly int Left3 = Move(3).Left;
    private static readonly int Left4 = Move(4).Left;

    // A field that is complemented as a whole is so by masking it; what is left is put right by one exclusive or at the end.
    private static readonly bool IsInverted0 = IsInverted(Field0);
    private static readonly bool IsInverted1 = IsInverted(Field1);
    private static readonly bool IsInverted2 = IsInverted(Field2);
    private static readonly bool IsInverted3 = IsInverted(Field3);
    private static readonly bool IsInverted4 = IsInverted(Field4);
    private static readonly ulong FlipLeft = TMap.Flip & ~((IsInverted0 ? Field0 : 0) | (IsInverted1 ? Field1 : 0) | (IsInverted2 ? Field2 : 0)
        | (IsInverted3 ? Field3 : 0) | (IsInverted4 ? Field4 : 0));

    private static readonly ulong Watched = InMemory(TMap.Watched, TMap.FromSwapped);
    private static readonly ulong WatchedFlip = InMemory(TMap.WatchedFlip, TMap.FromSwapped);

    /// <inheritdoc/>
    public static bool Watches => Watched != 0;

    // One move alone is one shift, which runs beside the shuffles of who packs types.
    private static readonly bool IsOneShift = TMap.Moves.Length <= 1 && !TMap.ToSwapped;
    private static readonly bool IsGathered = Avx512Vbmi.IsSupported && Gathers is > 0 and <= 3 && !IsOneShift;
    private static readonly bool IsShuffled = Avx2.IsSupported && Plan.Shuffles && !IsOneShift;

    // Two instructions where one gather does it, else three where two steps and one logic function do, else three or four around a field that stays;
    // else two for each gather.
    private static readonly bool IsShort = IsOneShift || IsShuffled || (IsGathered && Gathers == 1);
    private static readonly WordBlend? Blend = !Avx512BW.IsSupported || TMap.ToSwapped || IsShort ? null
        : WordBlend.Of(TMap.Moves, TMap.Flip, Avx512Vbmi.IsSupported);

    private static readonly bool IsBlended = Blend is not null;
    private static readonly int BlendShift = Blend?.Shift ?? 0;
    private static readonly WordStep BlendOther = Blend?.Other ?? default;
    private static readonly ulong BlendOperand = Blend?.Operand ?? 0;
    private static readonly ulong BlendMask = Blend?.Mask ?? 0;
    private static readonly byte BlendTable = Blend?.Table ?? 0;

    private static readonly WordRoute? Route = !IsGathered || IsShort || IsBlended ? null : WordRoute.Of(TMap.Moves, TMap.Flip, TMap.ToSwapped);
    private static readonly bool IsRouted = Route is not null && Route.Steps < 2 * Gathers;
    private static readonly bool RouteShifts = Route?.Shifts ?? false;
    private static readonly bool RouteTurns = Route?.Turns ?? false;
    private static readonly ulong RouteCounts = Route?.Counts ?? 0;
    private static readonly ulong RouteStarts = Route?.Starts ?? 0;
    private static readonly ulong RouteMask = Route?.Mask ?? 0;
    private static readonly byte RouteTable = Route?.Table ?? 0;
    private static readonly ulong RouteEnds = Route?.Ends ?? 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Of(Vector512<ulong> words)
    {
        Vector512<ulong> word = FromSwapped ? ByteReversal.Of(words) : words;
        if (IsBlended)
        {
            Vector512<ulong> other = BlendOther == WordStep.Gather ? Gathered(word, BlendOperand)
                : BlendOther == WordStep.Shift ? Moved(word, (int)BlendOperand)
                : Avx512BW.MultiplyLow(word.AsUInt16(), Vector512.Create(BlendOperand).AsUInt16()).AsUInt64();
            return Joined(Moved(word, BlendShift), other, BlendMask, BlendTable);
        }

        if (IsRouted)
        {
            Vector512<ulong> lanes = !RouteShifts ? word
                : Avx512BW.ShiftRightLogicalVariable(word.AsUInt16(), Vector512.Create(RouteCounts).AsUInt16()).AsUInt64();
            Vector512<ulong> all = Joined(word, Gathered(lanes, RouteStarts), RouteMask, RouteTable);
            return RouteTurns ? Gathered(all, RouteEnds) : all;
        }

        if (IsGathered)
        {
            Vector512<ulong> result = Avx512F.TernaryLogic(Gathered(word, Starts0), Vector512.Create(Mask0), Vector512.Create(Flip), MaskedXor);
            if (Gathers > 1)
                result = Avx512F.TernaryLogic(result, Gathered(word, Starts1), Vector512.Create(Mask1), XorMasked);
            return Gathers > 2 ? Avx512F.TernaryLogic(result, Gathered(word, Starts2), Vector512.Create(Mask2), XorMasked) : result;
        }

        if (IsShuffled && Avx512BW.IsSupported)
        {
            Vector512<byte> order = Vector512.Create(Vector256.Create(Order, Order + Second, Order, Order + Second)).AsByte();
            return (Avx512BW.Shuffle(Moved(word, Shift).AsByte(), order).AsUInt64() & Vector512.Create(Mask)) ^ Vector512.Create(Flip);
        }

        Vector512<ulong> sum = Added(default, word, Left0, Field0, IsInverted0);
        sum = Added(sum, word, Left1, Field1, IsInverted1);
        sum = Added(sum, word, Left2, Field2, IsInverted2);
        sum = Added(sum, word, Left3, Field3, IsInverted3);
        sum = Added(sum, word, Left4, Field4, IsInverted4);
        if (FlipLeft != 0)
            sum ^= Vector512.Create(FlipLeft);
        return ToSwapped ? ByteReversal.Of(sum) : sum;
    }

    /// <inheritdoc/>
    // Without the instructions of AVX-512: who has them works with eight words.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Of(Vector256<ulong> words)
    {
        Vector256<ulong> word = FromSwapped ? ByteReversal.Of(words) : words;
        if (IsShuffled)
        {
            Vector256<byte> order = Vector256.Create(Order, Order + Second, Order, Order + Second).AsByte();
            return (Avx2.Shuffle(Moved(word, Shift).AsByte(), order).AsUInt64() & Vector256.Create(Mask)) ^ Vector256.Create(Flip);
        }

        Vector256<ulong> sum = Added(default, word, Left0, Field0, IsInverted0);
        sum = Added(sum, word, Left1, Field1, IsInverted1);
        sum = Added(sum, word, Left2, Field2, IsInverted2);
        sum = Added(sum, word, Left3, Field3, IsInverted3);
        sum = Added(sum, word, Left4, Field4, IsInverted4);
        if (FlipLeft != 0)
            sum ^= Vector256.Create(FlipLeft);
        return ToSwapped ? ByteReversal.Of(sum) : sum;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Watch(Vector512<ulong> seen, Vector512<ulong> one, Vector512<ulong> other)
    {
        if (Watched == 0)
            return seen;
        if (!Avx512F.IsSupported)
            return seen | (one ^ Vector512.Create(WatchedFlip)) | (other ^ Vector512.Create(WatchedFlip));
        if (WatchedFlip == 0)
            return Avx512F.TernaryLogic(seen, one, other, OrOr);
        if (WatchedFlip == Watched)
            return Avx512F.TernaryLogic(seen, one, other, OrNotAnd);
        Vector512<ulong> first = Avx512F.TernaryLogic(seen, one, Vector512.Create(WatchedFlip), OrXor);
        return Avx512F.TernaryLogic(first, other, Vector512.Create(WatchedFlip), OrXor);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ulong> Watch(Vector256<ulong> seen, Vector256<ulong> one, Vector256<ulong> other) =>
        Watched == 0 ? seen : seen | (one ^ Vector256.Create(WatchedFlip)) | (other ^ Vector256.Create(WatchedFlip));

    /// <summary>Whether a watched bit was among those seen.</summary>
    internal static bool HasSeen(ulong seen) => (seen & Watched) != 0;

#pragma warning disable CA1857 // The callers' tables are constants where it counts: the JIT compiles such into the loops.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Joined(Vector512<ulong> first, Vector512<ulong> other, ulong mask, byte table) =>
        Avx512F.TernaryLogic(first, other, Vector512.Create(mask), table);
#pragma warning restore CA1857

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Gathered(Vector512<ulong> word, ulong starts) =>
        Avx512Vbmi.MultiShift(Vector512.Create(starts).AsByte(), word).AsUInt64();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Added(Vector512<ulong> sum, Vector512<ulong> word, int left, ulong field, bool isInverted) =>
        field == 0 ? sum : isInverted ? sum | Vector512.AndNot(Vector512.Create(field), Moved(word, left))
        : sum | (Moved(word, left) & Vector512.Create(field));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Added(Vector256<ulong> sum, Vector256<ulong> word, int left, ulong field, bool isInverted) =>
        field == 0 ? sum : isInverted ? sum | Vector256.AndNot(Vector256.Create(field), Moved(word, left))
        : sum | (Moved(word, left) & Vector256.Create(field));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Moved(Vector512<ulong> value, int left) => left == 0 ? value : left > 0 ? value << left : value >>> -left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Moved(Vector256<ulong> value, int left) => left == 0 ? value : left > 0 ? value << left : value >>> -left;

    private static bool IsInverted(ulong field) => (TMap.Flip & field) == field;

    private static ulong InMemory(ulong value, bool swapped) => swapped ? BinaryPrimitives.ReverseEndianness(value) : value;

    private static WordMove Move(int at) => at < TMap.Moves.Length ? TMap.Moves[at] : default;

    private static ulong Fields()
    {
        ulong fields = 0;
        foreach (WordMove move in TMap.Moves)
            fields |= move.Field;
        return fields;
    }
}
