using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <content>Reading the tree: translation, walks, accesses.</content>
/// <remarks>
/// The walk is written out level by level, because constants then fold into each level's shift and mask: a loop over levels is 1.4 times as
/// slow, indexing through spans 1.7 times. Each walk is written twice: quickly for the usual form of every entry (<see cref="IQuickWalk"/>), and
/// for whatever an image may hold. A table that lies outside RAM, whatever a hostile image says, ends a walk with a
/// <see cref="Image.CorruptImageException"/>: no address is read that the image has not checked.
/// </remarks>
public sealed partial class PageTable<TArch, TModel>
{
    /// <summary>
    /// Physical address of the leaf that maps an address, in Linux's sense of mapped: what the leaf permits is not asked, so that a PROT_NONE
    /// page translates too. <see cref="NotMapped"/> when there is no leaf. The result may lie outside RAM: device memory.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Translate(ulong virtualAddress)
    {
        ref ulong generation = ref rootView.Generation;
        if (TryQuickLeaf(image.View, ref generation, virtualAddress, out ulong before, out Pte entry)
            && Atomic<TModel>.Load(ref generation) == before)
            return PlainAddress(entry, virtualAddress);
        return TranslateSlowly(virtualAddress);
    }

    /// <summary>
    /// <see cref="Translate"/> for loops: whether the address is mapped is known from how the walk went, and need not be read off the result.
    /// </summary>
    /// <param name="virtualAddress">The address; any byte.</param>
    /// <param name="physicalAddress">Its physical address, or <see cref="NotMapped"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslate(ulong virtualAddress, out ulong physicalAddress)
    {
        ref ulong generation = ref rootView.Generation;
        if (TryQuickLeaf(image.View, ref generation, virtualAddress, out ulong before, out Pte entry)
            && Atomic<TModel>.Load(ref generation) == before)
        {
            physicalAddress = PlainAddress(entry, virtualAddress);
            return true;
        }

        physicalAddress = TranslateSlowly(virtualAddress);
        return physicalAddress != NotMapped;
    }

    /// <summary>Reads the path to an address: every entry with its place in RAM.</summary>
    public PageWalk Walk(ulong virtualAddress)
    {
        while (true)
        {
            ulong generation = Generation;
            PageWalk walk = WalkOnce(virtualAddress);
            if (Generation == generation)
                return walk;
        }
    }

    /// <summary>
    /// One access in user mode: checks the address and what the leaf permits, and sets the accessed and dirty bits as the hardware does.
    /// Tables permit everything, as Linux makes them.
    /// </summary>
    /// <param name="virtualAddress">The address; any byte.</param>
    /// <param name="kind">Load, store or fetch.</param>
    public AccessResult Access(ulong virtualAddress, AccessKind kind)
    {
        ref ulong generation = ref rootView.Generation;
        if (TryQuickLeaf(image.View, ref generation, virtualAddress, out ulong before, out Pte entry)
            && TArch.TryAccess(entry, kind, 1, out Pte after) && after.Raw == entry.Raw && Atomic<TModel>.Load(ref generation) == before)
            return new AccessResult(FaultReason.None, 1, entry, PlainAddress(entry, virtualAddress));
        return AccessSlowly(virtualAddress, kind);
    }

    /// <summary>The access of anything unusual: faults, huge leaves, marks to be set, tables that change.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private AccessResult AccessSlowly(ulong virtualAddress, AccessKind kind)
    {
        while (true)
        {
            ulong generation = Generation;
            ulong word = Descend(virtualAddress, out Pte entry, out int level);
            AccessResult result = Judge(virtualAddress, kind, entry, level, out Pte after);
            if (after != entry && !TryMark(generation, word, entry, after))
                continue;
            if (after != entry || Generation == generation)
                return result;
        }
    }

    private static AccessResult Judge(ulong virtualAddress, AccessKind kind, Pte entry, int level, out Pte after)
    {
        after = entry;
        FaultReason fault = Reason(entry, level);
        if (fault != FaultReason.None)
            return new AccessResult(fault, level, entry, 0);
        return TArch.TryAccess(entry, kind, level, out after)
            ? new AccessResult(FaultReason.None, level, after, LeafAddress(entry, virtualAddress, level))
            : new AccessResult(FaultReason.Permission, level, entry, 0);
    }

    /// <summary>Why the lowest entry on a path is no leaf, or none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static FaultReason Reason(Pte entry, int level)
    {
        if (level == 0)
            return FaultReason.NotCanonical;
        if (IsLeaf(entry, level))
            return FaultReason.None;
        if (TArch.IsNone(entry, level))
            return FaultReason.NotMapped;
        return TArch.IsPresent(entry, level) ? FaultReason.Bad : FaultReason.NotPresent;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsLeaf(Pte entry, int level) => TArch.LeafAllowed(level) && TArch.IsLeaf(entry, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong LeafAddress(Pte entry, ulong virtualAddress, int level) =>
        (TArch.FrameOf(entry, level) << TArch.PageShift) | (virtualAddress & ((1UL << TArch.LevelShift(level)) - 1));

    /// <summary>The index of an address in a table of a level, times the size of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Scaled(ulong virtualAddress, int level) =>
        (virtualAddress >> (TArch.LevelShift(level) - 3)) & (((1UL << TArch.LevelBits(level)) - 1) << 3);

    /// <summary>Reads an entry; the image checks bounds and alignment by one comparison.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Pte LoadAt(ulong address) => PageTables<TArch, TModel>.Load(ref image.RamWord(address));

    /// <summary>Reads the entry of a level and goes to the table below; false if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryStep(ulong virtualAddress, int level, ref ulong table, out Pte entry)
    {
        entry = LoadAt(table + Scaled(virtualAddress, level));
        if (!TArch.IsTable(entry, level))
            return false;
        table = TArch.TableAddress(entry);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong TranslateSlowly(ulong virtualAddress)
    {
        while (true)
        {
            ulong generation = Generation;
            ulong physical = TranslateOnce(virtualAddress);
            if (Generation == generation)
                return physical;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong TranslateOnce(ulong virtualAddress)
    {
        if (!TArch.IsCanonical(virtualAddress))
            return NotMapped;
        ulong table = rootAddress;
        if (TArch.Levels >= 5 && !TryStep(virtualAddress, 5, ref table, out Pte entry))
            return HugeAddress(entry, virtualAddress, 5);
        if (!TryStep(virtualAddress, 4, ref table, out entry))
            return HugeAddress(entry, virtualAddress, 4);
        if (!TryStep(virtualAddress, 3, ref table, out entry))
            return HugeAddress(entry, virtualAddress, 3);
        if (!TryStep(virtualAddress, 2, ref table, out entry))
            return HugeAddress(entry, virtualAddress, 2);
        entry = LoadAt(table + Scaled(virtualAddress, 1));
        return TArch.IsLeaf(entry, 1) ? LeafAddress(entry, virtualAddress, 1) : NotMapped;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong HugeAddress(Pte entry, ulong virtualAddress, int level) =>
        IsLeaf(entry, level) ? LeafAddress(entry, virtualAddress, level) : NotMapped;

    /// <summary>Goes down to the lowest entry on the path; returns where it lies. Level 0 when the address is not canonical.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Descend(ulong virtualAddress, out Pte entry, out int level)
    {
        entry = default;
        level = 0;
        if (!TArch.IsCanonical(virtualAddress))
            return 0;
        ulong table = rootAddress;
        level = 5;
        if (TArch.Levels >= 5 && !TryStep(virtualAddress, 5, ref table, out entry))
            return table + Scaled(virtualAddress, 5);
        level = 4;
        if (!TryStep(virtualAddress, 4, ref table, out entry))
            return table + Scaled(virtualAddress, 4);
        level = 3;
        if (!TryStep(virtualAddress, 3, ref table, out entry))
            return table + Scaled(virtualAddress, 3);
        level = 2;
        if (!TryStep(virtualAddress, 2, ref table, out entry))
            return table + Scaled(virtualAddress, 2);
        level = 1;
        ulong word = table + Scaled(virtualAddress, 1);
        entry = LoadAt(word);
        return word;
    }

    private PageWalk WalkOnce(ulong virtualAddress)
    {
        PageWalk walk = default;
        if (TArch.IsCanonical(virtualAddress))
            Record(ref walk, virtualAddress);
        walk.Fault = Reason(walk.Last, walk.Level);
        if (walk.Fault == FaultReason.None)
            walk.PhysicalAddress = LeafAddress(walk.Last, virtualAddress, walk.Level);
        return walk;
    }

    private void Record(ref PageWalk walk, ulong virtualAddress)
    {
        ulong table = rootAddress;
        if (TArch.Levels >= 5 && !TryRecord(ref walk, virtualAddress, 5, ref table))
            return;
        if (!TryRecord(ref walk, virtualAddress, 4, ref table))
            return;
        if (!TryRecord(ref walk, virtualAddress, 3, ref table))
            return;
        if (!TryRecord(ref walk, virtualAddress, 2, ref table))
            return;
        ulong word = table + Scaled(virtualAddress, 1);
        walk.Record(1, LoadAt(word), word);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryRecord(ref PageWalk walk, ulong virtualAddress, int level, ref ulong table)
    {
        ulong word = table + Scaled(virtualAddress, level);
        bool below = TryStep(virtualAddress, level, ref table, out Pte entry);
        walk.Record(level, entry, word);
        return below;
    }

    /// <summary>
    /// Sets accessed and dirty bits by one exchange; false if anything changed since the walk began. A reference keeps the table's frame from
    /// becoming something else between the look at the generation and the exchange: the walker holds no lock that would. A table without
    /// references that is still linked was not made by our allocator (the image of a foreign machine): nobody here will free it.
    /// </summary>
    private bool TryMark(ulong generation, ulong word, Pte entry, Pte after)
    {
        uint table = (uint)(word >> TArch.PageShift);
        bool held = frames.TryGet(table);
        bool marked = Generation == generation && PageTables<TArch, TModel>.TryReplace(ref image.RamWord(word), after, entry);
        if (held)
            tables.Folios.Put(table);
        return marked;
    }
}
