using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <summary>
/// A software TLB of one thread over one tree: 1024 translations, each for one kind of access, direct-mapped. A hit costs two comparisons
/// and is three to ten times as fast as a walk; a miss is an <see cref="PageTable{TArch, TModel}.Access"/>, which sets accessed and dirty bits as
/// the hardware does when it fills its own.
/// </summary>
/// <remarks>
/// <para><b>Coherence.</b> Every translation was made under one generation of the tree, and every lookup compares it with the tree's own: after a
/// <see cref="FlushTicket{TModel}.Flush"/>, by whatever thread or process, nothing cached before is used. Who ends a ticket without flushing
/// leaves stale translations here, as on hardware. Tables that are freed raise the generation by themselves.</para>
/// <para>A flush empties nothing: the low bits of a tag hold the kind of access and a number that each new generation changes, so old entries match
/// no more. When the numbers are used up the tags are cleared.</para>
/// <para>It pays while what is in use fits: beyond 1024 pages a random access is slower than a walk, and
/// <see cref="PageTable{TArch, TModel}.TranslateMany"/> is the thing to call. Not for use by two threads at once.</para>
/// </remarks>
/// <example>
/// <code>
/// PageTable&lt;X64FourLevel, Mainline&gt; table = PageTable&lt;X64FourLevel, Mainline&gt;.TryCreate(machine.Context.Tables)!;
/// var tlb = new SoftTlb&lt;X64FourLevel, Mainline&gt;(table);
/// ulong physical = tlb.Translate(address, AccessKind.Read);
/// if (physical == PageTable&lt;X64FourLevel, Mainline&gt;.NotMapped)
///     Console.WriteLine(table.Access(address, AccessKind.Read).Fault);
/// table.TryDelete();
/// </code>
/// </example>
public sealed class SoftTlb<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    private const int Entries = 1024;
    private const int KindBits = 2;
    private const int SpreadOfKinds = 341; // so that the kinds of one page do not meet in one entry

    private const int EntryShift = 4; // log2 of the size of an entry
    private const int Chunk = 64; // translations between two looks at the tree's generation

    private readonly Entry[] entries = GC.AllocateArray<Entry>(Entries, pinned: true);
    private readonly nuint first; // address of them
    private readonly PageTable<TArch, TModel> tree;
    private readonly MachineImage image;
    private readonly RootView root;
    private ulong generation;
    private ulong stamp = 1UL << KindBits; // no tag of a cleared entry bears it

    /// <summary>Makes an empty one.</summary>
    public SoftTlb(PageTable<TArch, TModel> tree)
    {
        ArgumentNullException.ThrowIfNull(tree);
        this.tree = tree;
        image = tree.Tables.Image;
        root = image.RootOf(tree.Root);
        first = (nuint)Marshal.UnsafeAddrOfPinnedArrayElement(entries, 0);
        generation = tree.Generation;
    }

    /// <summary>The tree.</summary>
    public PageTable<TArch, TModel> Tree => tree;

    /// <summary>
    /// Physical address of an access; <see cref="PageTable{TArch, TModel}.NotMapped"/> when it is not allowed, for the reason that
    /// <see cref="PageTable{TArch, TModel}.Access"/> gives.
    /// </summary>
    /// <param name="virtualAddress">The address; any byte.</param>
    /// <param name="kind">Load, store or fetch.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Translate(ulong virtualAddress, AccessKind kind)
    {
        ref Entry entry = ref EntryAt(first, virtualAddress, SpreadOf(kind));
        return entry.Tag == TagOf(virtualAddress, kind, stamp) && IsUnder(generation)
            ? virtualAddress + entry.Distance
            : Miss(virtualAddress, kind);
    }

    /// <summary>Translates accesses of one kind.</summary>
    /// <param name="virtualAddresses">The addresses.</param>
    /// <param name="kind">Load, store or fetch.</param>
    /// <param name="physicalAddresses">Where the results go; at least as long. It may be the same memory.</param>
    /// <returns>How many accesses are allowed.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public int TranslateMany(ReadOnlySpan<ulong> virtualAddresses, AccessKind kind, Span<ulong> physicalAddresses)
    {
        if (physicalAddresses.Length < virtualAddresses.Length)
        {
            throw new ArgumentException(
                $"{physicalAddresses.Length} results do not hold {virtualAddresses.Length} addresses.", nameof(physicalAddresses));
        }

        int allowed = virtualAddresses.Length;
        for (int start = 0; start < virtualAddresses.Length; start += Chunk)
        {
            if (!IsUnder(generation))
                Renew();
            int count = Math.Min(Chunk, virtualAddresses.Length - start);
            allowed -= Translate(virtualAddresses.Slice(start, count), kind, ref physicalAddresses[start]);
        }

        return allowed;
    }

    /// <summary>Forgets every translation.</summary>
    public void Clear() => NextStamp();

    /// <summary>Whether the image is attached and the tree has a generation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsUnder(ulong known) => image.View.IsAttached && Atomic<TModel>.Load(ref root.Generation) == known;

    /// <summary>
    /// Translates addresses of which the tree's generation was compared just before: all that hit were valid then. Returns how many are not allowed.
    /// </summary>
    private int Translate(ReadOnlySpan<ulong> virtualAddresses, AccessKind kind, ref ulong result)
    {
        int refused = 0;
        for (int done = 0; ; done++)
        {
            done += Hits(virtualAddresses[done..], stamp | (ulong)kind, SpreadOf(kind), ref Unsafe.Add(ref result, done));
            if (done == virtualAddresses.Length)
                return refused;
            ulong physical = Miss(virtualAddresses[done], kind);
            Unsafe.Add(ref result, done) = physical; // safe: the caller has room for as many results as there are addresses
            refused += physical == PageTable<TArch, TModel>.NotMapped ? 1 : 0;
        }
    }

    /// <summary>Translates up to the first miss; returns how many. Apart and without a call in it, so that all it uses stays in registers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Hits(ReadOnlySpan<ulong> virtualAddresses, ulong marks, ulong spread, ref ulong result)
    {
        nuint table = first;
        ref ulong from = ref MemoryMarshal.GetReference(virtualAddresses);
        nint count = virtualAddresses.Length;
        nint done = 0;

        // Safe: done + 8, then done + 1, is within the span, and the caller has room for as many results.
        if (Avx512DQ.IsSupported)
        {
            while (done <= count - 8 && EightHits(table, ref Unsafe.Add(ref from, done), marks, spread, ref Unsafe.Add(ref result, done)))
                done += 8;
        }

        for (; done < count; done++)
        {
            ulong address = Unsafe.Add(ref from, done);
            ref Entry entry = ref EntryAt(table, address, spread);
            if (entry.Tag != ((address & ~QuickShape<TArch>.PageMask) | marks))
                break;
            Unsafe.Add(ref result, done) = address + entry.Distance;
        }

        return (int)done;
    }

    /// <summary>
    /// Translates eight addresses; false when one of them misses. An entry is loaded whole, tag and distance at once, and all tags are compared
    /// together: half the work of one after the other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool EightHits(nuint table, ref ulong virtualAddresses, ulong marks, ulong spread, ref ulong results)
    {
        // Safe: the caller has eight addresses and room for eight results.
        Vector512<ulong> addresses = Vector512.LoadUnsafe(ref virtualAddresses);
        Vector512<ulong> even = Four(table, ref virtualAddresses, spread);
        Vector512<ulong> odd = Four(table, ref Unsafe.Add(ref virtualAddresses, 1), spread);
        Vector512<ulong> tags = (addresses & Vector512.Create(~QuickShape<TArch>.PageMask)) | Vector512.Create(marks);
        if (!Vector512.EqualsAll(Avx512F.UnpackLow(even, odd), tags))
            return false;
        (addresses + Avx512F.UnpackHigh(even, odd)).StoreUnsafe(ref results);
        return true;
    }

    /// <summary>The entries of every other address, four of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Four(nuint table, ref ulong virtualAddresses, ulong spread)
    {
        Vector512<ulong> four = Whole(table, virtualAddresses, spread).ToVector256Unsafe().ToVector512Unsafe();
        four = Avx512DQ.InsertVector128(four, Whole(table, Unsafe.Add(ref virtualAddresses, 2), spread), 1);
        four = Avx512DQ.InsertVector128(four, Whole(table, Unsafe.Add(ref virtualAddresses, 4), spread), 2);
        return Avx512DQ.InsertVector128(four, Whole(table, Unsafe.Add(ref virtualAddresses, 6), spread), 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Whole(nuint table, ulong virtualAddress, ulong spread) =>
        Vector128.LoadUnsafe(ref EntryAt(table, virtualAddress, spread).Tag); // the distance lies behind the tag

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong SpreadOf(AccessKind kind) => (ulong)kind * (SpreadOfKinds << EntryShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe ref Entry EntryAt(nuint table, ulong virtualAddress, ulong spread)
    {
        ulong distance = (virtualAddress >> (QuickShape<TArch>.PageShift - EntryShift)) + spread;

        // Safe: the distance is below the size of all entries, which are pinned and held by this object.
        return ref Unsafe.AsRef<Entry>((void*)(table + (nuint)(distance & ((Entries - 1) << EntryShift))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong TagOf(ulong virtualAddress, AccessKind kind, ulong stamp) =>
        (virtualAddress & ~QuickShape<TArch>.PageMask) | stamp | (ulong)kind;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong Miss(ulong virtualAddress, AccessKind kind)
    {
        Renew();
        AccessResult result = tree.Access(virtualAddress, kind);
        if (!result.IsAllowed)
            return PageTable<TArch, TModel>.NotMapped;
        ref Entry entry = ref EntryAt(first, virtualAddress, SpreadOf(kind));
        entry.Tag = TagOf(virtualAddress, kind, stamp);
        entry.Distance = result.PhysicalAddress - virtualAddress;
        return result.PhysicalAddress;
    }

    /// <summary>
    /// Makes what was cached under another generation useless. The generation is read before a walk: whatever changes after it makes the entry that
    /// is filled then useless, never wrong.
    /// </summary>
    private void Renew()
    {
        ulong now = tree.Generation;
        if (now == generation)
            return;
        NextStamp();
        generation = now;
    }

    private void NextStamp()
    {
        stamp += 1UL << KindBits;
        if (stamp <= QuickShape<TArch>.PageMask)
            return;
        Array.Clear(entries);
        stamp = 1UL << KindBits;
    }

    private struct Entry
    {
        internal ulong Tag;
        internal ulong Distance;
    }
}
