using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace PageTableEmu.Paging;

/// <content>Many translations at once.</content>
/// <remarks>
/// 32 walks go down level by level together, each asking for its next entry before any of them needs one, so that the cache misses of a
/// large tree overlap: twice as fast as walk after walk where tables lie beyond the second-level cache, and no slower elsewhere.
/// </remarks>
public sealed partial class PageTable<TArch, TModel>
{
    private const int Batch = 32;
    private const ulong Done = ulong.MaxValue;

    /// <summary>Translates addresses; <see cref="NotMapped"/> where there is no leaf. See <see cref="Translate"/>.</summary>
    /// <param name="virtualAddresses">The addresses.</param>
    /// <param name="physicalAddresses">Where the results go; at least as long. It may be the same memory.</param>
    /// <returns>How many addresses are mapped.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int TranslateMany(ReadOnlySpan<ulong> virtualAddresses, Span<ulong> physicalAddresses)
    {
        if (physicalAddresses.Length < virtualAddresses.Length)
        {
            throw new ArgumentException(
                $"{physicalAddresses.Length} results do not hold {virtualAddresses.Length} addresses.", nameof(physicalAddresses));
        }
        int mapped = 0;
        for (int start = 0; start < virtualAddresses.Length; start += Batch)
        {
            int count = Math.Min(Batch, virtualAddresses.Length - start);
            mapped += TranslateBatch(virtualAddresses.Slice(start, count), physicalAddresses.Slice(start, count));
        }

        return mapped;
    }

    [SkipLocalsInit]
    private int TranslateBatch(ReadOnlySpan<ulong> addresses, Span<ulong> results)
    {
        Span<ulong> from = stackalloc ulong[Batch]; // a copy: the caller may translate in place, and a batch may have to start again
        Span<ulong> words = stackalloc ulong[Batch];
        addresses.CopyTo(from);
        from = from[..addresses.Length];
        words = words[..from.Length];
        while (true)
        {
            ulong generation = Generation;
            int mapped = TranslateOnce(from, words, results);
            if (Generation == generation)
                return mapped;
        }
    }

    private int TranslateOnce(ReadOnlySpan<ulong> addresses, Span<ulong> words, Span<ulong> results)
    {
        ref ulong start = ref image.RamWord(rootAddress);
        int mapped = 0;
        for (int i = 0; i < addresses.Length; i++)
        {
            bool canonical = TArch.IsCanonical(addresses[i]);
            words[i] = canonical ? rootAddress + Scaled(addresses[i], TArch.Levels) : Done;
            if (!canonical)
                results[i] = NotMapped;
        }

        if (TArch.Levels >= 5)
            mapped += DescendAll(ref start, addresses, words, results, 5);
        mapped += DescendAll(ref start, addresses, words, results, 4);
        mapped += DescendAll(ref start, addresses, words, results, 3);
        mapped += DescendAll(ref start, addresses, words, results, 2);
        for (int i = 0; i < addresses.Length; i++)
        {
            if (words[i] == Done)
                continue;
            Pte entry = LoadAt(words[i]);
            bool leaf = TArch.IsLeaf(entry, 1);
            results[i] = leaf ? LeafAddress(entry, addresses[i], 1) : NotMapped;
            mapped += leaf ? 1 : 0;
        }

        return mapped;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int DescendAll(ref ulong start, ReadOnlySpan<ulong> addresses, Span<ulong> words, Span<ulong> results, int level)
    {
        int mapped = 0;
        for (int i = 0; i < addresses.Length; i++)
        {
            if (words[i] == Done)
                continue;
            Pte entry = LoadAt(words[i]);
            if (TArch.IsTable(entry, level))
            {
                words[i] = TArch.TableAddress(entry) + Scaled(addresses[i], level - 1);
                Prefetch(ref start, words[i] - rootAddress);
                continue;
            }

            words[i] = Done;
            results[i] = HugeAddress(entry, addresses[i], level);
            mapped += results[i] != NotMapped ? 1 : 0;
        }

        return mapped;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Prefetch(ref ulong start, ulong distance)
    {
        // Safe: a hint that reads nothing and cannot fail, wherever it points; words of an image do not move.
        if (Sse.IsSupported)
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.AddByteOffset(ref start, (nuint)distance)));
    }
}
