using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
#if NET10_0_OR_GREATER
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
#endif

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
    /// <summary>How many entries are of a kind.</summary>
    public static int Count(ReadOnlySpan<ulong> words, EntryKind kind) => kind switch
    {
        EntryKind.Present => CountOf<EntryGroup<TArch>.Present>(words),
        EntryKind.Young => CountOf<EntryGroup<TArch>.Young>(words),
        _ => CountOf<EntryGroup<TArch>.NonPresent>(words),
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
                MarkOf<EntryGroup<TArch>.Present>(words, bitmap);
                break;
            case EntryKind.Young:
                MarkOf<EntryGroup<TArch>.Young>(words, bitmap);
                break;
            default:
                MarkOf<EntryGroup<TArch>.NonPresent>(words, bitmap);
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
            EntryKind.Present => ListOf<EntryGroup<TArch>.Present>(words, positions),
            EntryKind.Young => ListOf<EntryGroup<TArch>.Young>(words, positions),
            _ => ListOf<EntryGroup<TArch>.NonPresent>(words, positions),
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
        for (; !TModel.Checked && i < words.Length; i += 64) // models that check see each entry loaded by itself
        {
            for (ulong bits = EntryGroup<TArch>.Of<EntryGroup<TArch>.Young>(words[i..]); bits != 0; bits &= bits - 1)
                count += MakeOld<TModel>(ref words[i + BitOperations.TrailingZeroCount(bits)]) ? 1 : 0;
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
        where TKind : struct, EntryGroup<TArch>.IKind
    {
        int count = 0;
        int i = 0;
        ref ulong first = ref MemoryMarshal.GetReference(words);
        for (; i <= words.Length - 64; i += 64)
            count += BitOperations.PopCount(EntryGroup<TArch>.Of64<TKind>(ref Unsafe.Add(ref first, i))); // safe: i + 64 is within the span
        return count + BitOperations.PopCount(EntryGroup<TArch>.OfFew<TKind>(words[i..]));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MarkOf<TKind>(ReadOnlySpan<ulong> words, Span<ulong> bitmap)
        where TKind : struct, EntryGroup<TArch>.IKind
    {
        int i = 0;
        ref ulong first = ref MemoryMarshal.GetReference(words);
        for (; i <= words.Length - 64; i += 64)
            bitmap[i >> 6] = EntryGroup<TArch>.Of64<TKind>(ref Unsafe.Add(ref first, i)); // safe: i + 64 is within the span
        if (i < words.Length)
            bitmap[i >> 6] = EntryGroup<TArch>.OfFew<TKind>(words[i..]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ListOf<TKind>(ReadOnlySpan<ulong> words, Span<uint> positions)
        where TKind : struct, EntryGroup<TArch>.IKind
    {
        int count = 0;
        int i = 0;
#if NET10_0_OR_GREATER // .NET 9 has no vpcompressd; the loop behind does it all there
        if (EntryGroup<TArch>.HasHalves)
        {
            ref ulong first = ref MemoryMarshal.GetReference(words);
            ref uint to = ref MemoryMarshal.GetReference(positions);
            Vector512<uint> numbers = Vector512<uint>.Indices;
            nuint at = 0;
            nuint end = 0;
            // Safe: a group of 16 lies inside the words, and no more than that many positions were written before it, so 16 more fit.
            for (; at + 16 <= (nuint)words.Length; at += 16)
            {
                Vector512<ulong> front = Vector512.LoadUnsafe(ref first, at);
                Vector512<ulong> back = Vector512.LoadUnsafe(ref first, at + 8);
                Vector512<uint> found = TKind.Of(EntryGroup<TArch>.Low(front, back), EntryGroup<TArch>.High(front, back));
                Avx512F.Compress(Vector512<uint>.Zero, found, numbers).StoreUnsafe(ref to, end);
                end += (nuint)BitOperations.PopCount((uint)found.ExtractMostSignificantBits());
                numbers += Vector512.Create(16u);
            }

            i = (int)at;
            count = (int)end;
        }
#endif

        for (; i < words.Length; i += 64)
        {
            for (ulong bits = EntryGroup<TArch>.Of<TKind>(words[i..]); bits != 0; bits &= bits - 1)
                positions[count++] = (uint)(i + BitOperations.TrailingZeroCount(bits));
        }

        return count;
    }
}
