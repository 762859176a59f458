using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;

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

    private readonly Entry[] entries = new Entry[Entries];
    private readonly PageTable<TArch, TModel> tree;
    private ulong generation;
    private ulong stamp = 1UL << KindBits; // no tag of a cleared entry bears it

    /// <summary>Makes an empty one.</summary>
    public SoftTlb(PageTable<TArch, TModel> tree)
    {
        ArgumentNullException.ThrowIfNull(tree);
        this.tree = tree;
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
        ref Entry entry = ref EntryOf(ref MemoryMarshal.GetArrayDataReference(entries), virtualAddress, kind);
        return entry.Tag == TagOf(virtualAddress, kind, stamp) && tree.IsOf(generation)
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

        ref Entry first = ref MemoryMarshal.GetArrayDataReference(entries);
        ref ulong current = ref tree.GenerationWord;
        ulong known = generation, knownStamp = stamp;
        int allowed = virtualAddresses.Length;
        for (int i = 0; i < virtualAddresses.Length; i++)
        {
            ulong address = virtualAddresses[i];
            ref Entry entry = ref EntryOf(ref first, address, kind);
            ulong result = address + entry.Distance;
            if (entry.Tag != TagOf(address, kind, knownStamp) || Atomic<TModel>.Load(ref current) != known)
            {
                result = Miss(address, kind);
                (known, knownStamp) = (generation, stamp);
                allowed -= result == PageTable<TArch, TModel>.NotMapped ? 1 : 0;
            }

            physicalAddresses[i] = result;
        }

        return allowed;
    }

    /// <summary>Forgets every translation.</summary>
    public void Clear() => NextStamp();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref Entry EntryOf(ref Entry first, ulong virtualAddress, AccessKind kind) =>
        // Safe: the index is below the number of entries.
        ref Unsafe.Add(ref first, (nuint)(((virtualAddress >> QuickShape<TArch>.PageShift) + ((ulong)kind * SpreadOfKinds)) & (Entries - 1)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong TagOf(ulong virtualAddress, AccessKind kind, ulong stamp) =>
        (virtualAddress & ~QuickShape<TArch>.PageMask) | stamp | (ulong)kind;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong Miss(ulong virtualAddress, AccessKind kind)
    {
        // Read before the walk: whatever changes after it makes the entry that is filled here useless, never wrong.
        ulong now = tree.Generation;
        if (now != generation)
        {
            NextStamp();
            generation = now;
        }

        AccessResult result = tree.Access(virtualAddress, kind);
        if (!result.IsAllowed)
            return PageTable<TArch, TModel>.NotMapped;
        ref Entry entry = ref EntryOf(ref MemoryMarshal.GetArrayDataReference(entries), virtualAddress, kind);
        entry.Tag = TagOf(virtualAddress, kind, stamp);
        entry.Distance = result.PhysicalAddress - virtualAddress;
        return result.PhysicalAddress;
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
