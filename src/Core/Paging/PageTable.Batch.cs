using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <content>Many translations at once.</content>
/// <remarks>
/// A batch goes down twice: first every walk finds its leaf entry and asks for it, then all entries are read, so that the cache misses of a large
/// tree overlap: up to twice as fast as walk after walk where leaf tables lie beyond the second-level cache. Tables above them are 512 times
/// smaller and are not asked for: the processor overlaps those reads by itself. Addresses that lie near each other have their tables in the cache,
/// and go walk after walk. An address that meets anything unusual above its leaf is translated for itself, between those before and those behind
/// it.
/// </remarks>
public sealed partial class PageTable<TArch, TModel>
{
    /// <summary>
    /// Addresses of one batch. While the entries of a batch are read no memory is asked for, and a processor has 16 and more requests under way: 32
    /// addresses take 1.2 of the time that 128 do, and more than 128 gain nothing (measured on a Xeon, 16 GiB).
    /// </summary>
    private const int Batch = 128;

    /// <summary>
    /// Addresses not farther apart than this have leaf tables of 256 KiB together, half of a small second-level cache. (Measured on a Xeon with 2 MiB
    /// of it: within 2 MiB going down twice takes 1.13 of the time of walk after walk; beside the C walk it takes 0.66 to 0.82 within 1 GiB. Between
    /// the two nothing was measured.)
    /// </summary>
    private static readonly ulong Near = (256UL << 10) / 8 << TArch.PageShift;

    /// <summary>Translates addresses; <see cref="NotMapped"/> where there is no leaf. See <see cref="Translate"/>.</summary>
    /// <param name="virtualAddresses">The addresses.</param>
    /// <param name="physicalAddresses">Where the results go; at least as long. It may be the same memory.</param>
    /// <returns>How many addresses are mapped.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    [SkipLocalsInit]
    public int TranslateMany(ReadOnlySpan<ulong> virtualAddresses, Span<ulong> physicalAddresses)
    {
        if (physicalAddresses.Length < virtualAddresses.Length)
        {
            throw new ArgumentException(
                $"{physicalAddresses.Length} results do not hold {virtualAddresses.Length} addresses.", nameof(physicalAddresses));
        }

        Span<ulong> words = stackalloc ulong[Batch];
        int mapped = 0;
        for (int start = 0; start < virtualAddresses.Length; start += Batch)
        {
            int count = Math.Min(Batch, virtualAddresses.Length - start);
            mapped += TranslateBatch(virtualAddresses.Slice(start, count), words[..count], physicalAddresses.Slice(start, count));
        }

        return mapped;
    }

    private int TranslateBatch(ReadOnlySpan<ulong> addresses, Span<ulong> words, Span<ulong> results)
    {
        ulong generation = Generation;
        RamView ram = image.View;
        int mapped = !ram.IsAttached ? -1 : AreNear(addresses) ? QuickEach(ram, addresses, words) : QuickBatch(ram, addresses, words);
        if (mapped < 0 || Generation != generation)
            return TranslateEach(addresses, results);
        words.CopyTo(results); // only now: the caller may translate in place
        return mapped;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int TranslateEach(ReadOnlySpan<ulong> addresses, Span<ulong> results)
    {
        int mapped = 0;
        for (int i = 0; i < addresses.Length; i++)
        {
            results[i] = Translate(addresses[i]);
            mapped += results[i] != NotMapped ? 1 : 0;
        }

        return mapped;
    }

    /// <summary>Whether some addresses of a batch lie near the first one; where that is not true of the others too, it only costs time.</summary>
    private static bool AreNear(ReadOnlySpan<ulong> addresses)
    {
        ulong from = addresses[0] - Near;
        for (int i = 3; i < addresses.Length; i += 4)
        {
            if (addresses[i] - from > 2 * Near)
                return false;
        }

        return true;
    }

    /// <summary>As <see cref="QuickBatch"/>, walk after walk up to the first address without a plain leaf.</summary>
    private int QuickEach(RamView ram, ReadOnlySpan<ulong> addresses, Span<ulong> words)
    {
        ref ulong address = ref MemoryMarshal.GetReference(addresses);
        ref ulong word = ref MemoryMarshal.GetReference(words); // safe below: the spans are equally long, and i is less than that
        ulong start = ram.Start;
        for (nint i = 0; i < addresses.Length; i++)
        {
            ulong at = Unsafe.Add(ref address, i);
            if (!TryQuickTable(ram, at, out ulong table))
                return QuickRest(ram, addresses, words, (int)i);
            ulong offset = QuickOffset(at, QuickShape<TArch>.Shift1, QuickShape<TArch>.Index1);
            var entry = new Pte(QuickWord(Atomic<TModel>.LoadAt(start + offset + table - QuickShape<TArch>.Marks2)));
            if (!TArch.IsPlainLeaf(entry))
                return QuickRest(ram, addresses, words, (int)i);
            Unsafe.Add(ref word, i) = PlainAddress(entry, at);
        }

        return addresses.Length;
    }

    /// <summary>A method of its own, at the end of the other: who calls nothing within a loop keeps everything in registers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int QuickRest(RamView ram, ReadOnlySpan<ulong> addresses, Span<ulong> words, int from) =>
        from + QuickBatch(ram, addresses[from..], words[from..]);

    /// <summary>Translates a batch into <paramref name="words"/>; returns how many addresses are mapped.</summary>
    private int QuickBatch(RamView ram, ReadOnlySpan<ulong> addresses, Span<ulong> words)
    {
        int mapped = 0;
        for (int from = 0; from < addresses.Length; from++)
        {
            int found = AskForLeaves(ram, addresses[from..], words[from..]);
            mapped += ReadLeaves(ram, addresses.Slice(from, found), words.Slice(from, found));
            from += found;
            if (from == addresses.Length)
                break;
            words[from] = Translate(addresses[from]);
            mapped += words[from] != NotMapped ? 1 : 0;
        }

        return mapped;
    }

    /// <summary>
    /// Finds the leaf entries of a batch and asks for them, up to the first address that is unusual or has an unusual entry above its leaf; returns
    /// how many that are.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int AskForLeaves(RamView ram, ReadOnlySpan<ulong> addresses, Span<ulong> words)
    {
        ref ulong address = ref MemoryMarshal.GetReference(addresses);
        ref ulong word = ref MemoryMarshal.GetReference(words); // safe below: there are as many words, and i is less than that
        nint i = 0;
        for (; i < addresses.Length; i++)
        {
            ulong at = Unsafe.Add(ref address, i);
            if (!TryQuickTable(ram, at, out ulong table))
                break;
            ulong place = table - QuickShape<TArch>.Marks2 + QuickOffset(at, QuickShape<TArch>.Shift1, QuickShape<TArch>.Index1);
            Prefetch.Line(ref ram.Word(place));
            Unsafe.Add(ref word, i) = place;
        }

        return (int)i;
    }

    /// <summary>Reads the leaf entries at <paramref name="words"/> and puts their addresses there; returns how many are mapped.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ReadLeaves(RamView ram, ReadOnlySpan<ulong> addresses, Span<ulong> words)
    {
        ref ulong address = ref MemoryMarshal.GetReference(addresses);
        ref ulong word = ref MemoryMarshal.GetReference(words); // safe below: there are as many words, and i is less than that
        int count = addresses.Length;
        int mapped = count;
        ulong start = ram.Start;
        for (nint i = 0; i < count; i++)
        {
            ulong at = Unsafe.Add(ref address, i);
            var entry = new Pte(QuickWord(Atomic<TModel>.LoadAt(start + Unsafe.Add(ref word, i))));
            ulong result = PlainAddress(entry, at);
            if (!TArch.IsPlainLeaf(entry))
            {
                result = UnusualLeaf(entry, at);
                mapped -= result == NotMapped ? 1 : 0;
            }

            Unsafe.Add(ref word, i) = result;
        }

        return mapped;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong UnusualLeaf(Pte entry, ulong virtualAddress) =>
        TArch.IsLeaf(entry, 1) ? LeafAddress(entry, virtualAddress, 1) : NotMapped;
}
