using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <content>Many translations at once.</content>
/// <remarks>
/// 32 walks go down level by level together, each asking for its next entry before any of them needs one, so that the cache misses of a
/// large tree overlap: twice as fast as walk after walk where tables lie beyond the second-level cache. Addresses that lie near each other have
/// their tables in the cache, and go walk after walk. A batch that meets anything unusual above its leaves is translated address by address.
/// </remarks>
public sealed partial class PageTable<TArch, TModel>
{
    private const int Batch = 32;

    /// <summary>
    /// Addresses not farther apart than this have leaf tables of 256 KiB together, half of a small second-level cache. (Measured on a Xeon with 2 MiB
    /// of it: walks together are 1.6 times as dear within 4 MiB, 1.27 within 128 MiB, as dear at 768 MiB, 0.7 times from 2 GiB on.)
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
                return -1;
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
    private int QuickRest(RamView ram, ReadOnlySpan<ulong> addresses, Span<ulong> words, int from)
    {
        int mapped = QuickBatch(ram, addresses[from..], words[from..]);
        return mapped < 0 ? mapped : from + mapped;
    }

    /// <summary>Translates a batch into <paramref name="words"/>; -1 when an address or an entry above the leaves is unusual.</summary>
    private int QuickBatch(RamView ram, ReadOnlySpan<ulong> addresses, Span<ulong> words)
    {
        ref ulong address = ref MemoryMarshal.GetReference(addresses);
        ref ulong word = ref MemoryMarshal.GetReference(words); // safe below: the spans are equally long, and i is less than that
        int count = addresses.Length;
        if (!TryEnterAll(ram, ref address, ref word, count))
            return -1;

        // A word is the address of the next entry of its walk.
        if (TArch.Levels >= 5 && !TryDescendAll(ram, ref address, ref word, count, QuickShape<TArch>.Keep4, QuickShape<TArch>.Less4,
            QuickShape<TArch>.Marks4, QuickShape<TArch>.Shift3, QuickShape<TArch>.Index3))
            return -1;
        if (!TryDescendAll(ram, ref address, ref word, count, QuickShape<TArch>.Keep3, QuickShape<TArch>.Less3,
                QuickShape<TArch>.Marks3, QuickShape<TArch>.Shift2, QuickShape<TArch>.Index2)
            || !TryDescendAll(ram, ref address, ref word, count, QuickShape<TArch>.Keep2, QuickShape<TArch>.Less2,
                QuickShape<TArch>.Marks2, QuickShape<TArch>.Shift1, QuickShape<TArch>.Index1))
            return -1;
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

    /// <summary>Reads the entries of the root; false when an address is not canonical or an entry is unusual.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryEnterAll(RamView ram, ref ulong address, ref ulong word, nint count)
    {
        RootView root = rootView;
        for (nint i = 0; i < count; i++)
        {
            ulong at = Unsafe.Add(ref address, i);
            if (!TryRootIndex(at, out ulong index))
                return false;
            ulong entry = QuickWord(root.Load<TModel>(index));
            if (TArch.Levels >= 5
                ? !TryDescend(ram, at, entry, QuickShape<TArch>.Keep5, QuickShape<TArch>.Less5, QuickShape<TArch>.Marks5,
                    QuickShape<TArch>.Shift4, QuickShape<TArch>.Index4, out ulong next)
                : !TryDescend(ram, at, entry, QuickShape<TArch>.Keep4, QuickShape<TArch>.Less4, QuickShape<TArch>.Marks4,
                    QuickShape<TArch>.Shift3, QuickShape<TArch>.Index3, out next))
                return false;
            Unsafe.Add(ref word, i) = next;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryDescendAll(
        RamView ram, ref ulong address, ref ulong word, nint count, ulong keep, ulong less, ulong marks, int shift, ulong index)
    {
        ulong start = ram.Start;
        for (nint i = 0; i < count; i++)
        {
            ulong entry = QuickWord(Atomic<TModel>.LoadAt(start + Unsafe.Add(ref word, i)));
            if (!TryDescend(ram, Unsafe.Add(ref address, i), entry, keep, less, marks, shift, index, out ulong next))
                return false;
            Unsafe.Add(ref word, i) = next;
        }

        return true;
    }

    /// <summary>Goes from an entry to where the next one lies, and asks for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryDescend(
        RamView ram, ulong virtualAddress, ulong entry, ulong keep, ulong less, ulong marks, int shift, ulong index, out ulong next)
    {
        entry &= keep;
        next = entry - marks + QuickOffset(virtualAddress, shift, index);
        if (!ram.Has(entry - less, QuickShape<TArch>.PageShift))
            return false;
        Prefetch.Line(ref ram.Word(next));
        return true;
    }
}
