using System.Numerics;
using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <content>The quick walk: one comparison for each level, which is all that the C walk beside which it is measured does too.</content>
public sealed partial class PageTable<TArch, TModel>
{
    /// <summary>
    /// The level-1 entry of an address, and the generation that the tree had before it was read; false when the address is not canonical, an entry
    /// above it is not a table of the usual form, or the entry is not a plain leaf.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryQuickLeaf(RamView ram, ref ulong generation, ulong virtualAddress, out ulong before, out Pte entry)
    {
        entry = default;
        before = 0;
        if (!ram.IsAttached)
            return false;
        before = Atomic<TModel>.Load(ref generation);
        if (!TryQuickTable(ram, virtualAddress, out ulong table))
            return false;
        ulong offset = QuickOffset(virtualAddress, QuickShape<TArch>.Shift1, QuickShape<TArch>.Index1);
        ulong start = ram.Start;
        entry = new Pte(QuickWord(Atomic<TModel>.LoadAt(start + offset + table - QuickShape<TArch>.Marks2)));
        return TArch.IsPlainLeaf(entry);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong PlainAddress(Pte entry, ulong virtualAddress) =>
        (entry.Raw & QuickShape<TArch>.PlainLeafFrame) | (virtualAddress & QuickShape<TArch>.PageMask);

    /// <summary>
    /// The level-1 table of an address, with the marks of a pointer to it; false when the address is not canonical or an entry above it is not a
    /// table of the usual form. The image is attached.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryQuickTable(RamView ram, ulong virtualAddress, out ulong table)
    {
        table = 0;
        if (!TryRootIndex(virtualAddress, out ulong index))
            return false;
        ulong start = ram.Start;
        table = QuickWord(rootView.Load<TModel>(index));
        if (TArch.Levels >= 5)
        {
            table &= QuickShape<TArch>.Keep5;
            if (!ram.Has(table - QuickShape<TArch>.Less5, QuickShape<TArch>.PageShift))
                return false;
            ulong offset4 = QuickOffset(virtualAddress, QuickShape<TArch>.Shift4, QuickShape<TArch>.Index4);
            table = QuickWord(Atomic<TModel>.LoadAt(start + offset4 + table - QuickShape<TArch>.Marks5));
        }

        table &= QuickShape<TArch>.Keep4;
        if (!ram.Has(table - QuickShape<TArch>.Less4, QuickShape<TArch>.PageShift))
            return false;
        ulong offset3 = QuickOffset(virtualAddress, QuickShape<TArch>.Shift3, QuickShape<TArch>.Index3);
        table = QuickWord(Atomic<TModel>.LoadAt(start + offset3 + table - QuickShape<TArch>.Marks4)) & QuickShape<TArch>.Keep3;
        if (!ram.Has(table - QuickShape<TArch>.Less3, QuickShape<TArch>.PageShift))
            return false;
        ulong offset2 = QuickOffset(virtualAddress, QuickShape<TArch>.Shift2, QuickShape<TArch>.Index2);
        table = QuickWord(Atomic<TModel>.LoadAt(start + offset2 + table - QuickShape<TArch>.Marks3)) & QuickShape<TArch>.Keep2;
        return ram.Has(table - QuickShape<TArch>.Less2, QuickShape<TArch>.PageShift);
    }

    /// <summary>The index of an address in the root; false when it is not canonical.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryRootIndex(ulong virtualAddress, out ulong index)
    {
        if (!TArch.RootIndexIsSigned)
        {
            index = (virtualAddress >> QuickShape<TArch>.RootShift) & QuickShape<TArch>.RootIndex;
            return TArch.IsCanonical(virtualAddress);
        }

        index = virtualAddress >> QuickShape<TArch>.RootShift;
        if (index <= QuickShape<TArch>.LowerHalf)
            return true;
        index += QuickShape<TArch>.Unextended;
        return index - QuickShape<TArch>.LowerHalf - 1 <= QuickShape<TArch>.LowerHalf;
    }

    /// <summary>
    /// The offset of the entry of an address in its table; the last two are constants of the level. Rotated and not shifted: that x86 can do into
    /// another register, and what comes round is masked away.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong QuickOffset(ulong virtualAddress, int shift, ulong mask) => BitOperations.RotateRight(virtualAddress, shift) & mask;

    /// <summary>An entry, in processor order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong QuickWord(ulong word) => GuestOrder<TArch>.Of(word);

    /// <summary>
    /// Maps a page where there is a table of the usual form, nobody has its lock, and the entry is free; false, with nothing done, otherwise.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryMapQuickly(ulong virtualAddress, ulong frame, Protection protection)
    {
        if (frame >> TArch.FrameNumberBits != 0 || !TryFindQuickly(virtualAddress, out MachineImage image, out RamView ram, out ulong table))
            return false;
        ref ulong word = ref QuickEntry(ram, table, virtualAddress);
        ref FrameRecord record = ref image.FrameInView(table, QuickShape<TArch>.RecordShift);
        Pte leaf = TArch.MakeLeaf(frame, protection, 1);
        if (!WordLock<TModel>.TryAcquireBriefly(ref record.Lock))
            return false;
        bool free = TArch.IsNone(PageTables<TArch, TModel>.Load(ref word), 1);
        if (free)
        {
            PageTables<TArch, TModel>.Store(ref word, leaf);
            record.Count++;
        }

        WordLock<TModel>.Release(ref record.Lock);
        return free;
    }

    /// <summary>
    /// Takes the leaf of a page away where there is one and nobody has the lock of its table; none, with nothing done, otherwise. The result is small
    /// enough for two registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (Pte Old, bool Empty) ZapQuickly(ulong virtualAddress)
    {
        if (!TryFindQuickly(virtualAddress, out MachineImage image, out RamView ram, out ulong table))
            return default;
        ref ulong word = ref QuickEntry(ram, table, virtualAddress);
        ref FrameRecord record = ref image.FrameInView(table, QuickShape<TArch>.RecordShift);
        if (!WordLock<TModel>.TryAcquireBriefly(ref record.Lock))
            return default;
        Pte old = PageTables<TArch, TModel>.Load(ref word);
        bool empty = false;
        if (TArch.IsLeaf(old, 1))
        {
            old = TakeAway(ref word, old);
            record.Count--;
            empty = record.Count == 0; // looked at again, and not at all by who does not want to know
        }
        else
        {
            old = default;
        }

        WordLock<TModel>.Release(ref record.Lock);
        return (old, empty);
    }

    /// <summary>The address of the level-1 table of the page at an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryFindQuickly(ulong virtualAddress, out MachineImage image, out RamView ram, out ulong table)
    {
        table = 0;
        image = this.image; // read once: every acquire load would have it read again
        ram = image.View;
        if ((virtualAddress & QuickShape<TArch>.PageMask) != 0 || !ram.IsAttached
            || !TryQuickTable(ram, virtualAddress, out table))
            return false;
        table -= QuickShape<TArch>.Marks2;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref ulong QuickEntry(RamView ram, ulong table, ulong virtualAddress) =>
        ref ram.Word(table + QuickOffset(virtualAddress, QuickShape<TArch>.Shift1, QuickShape<TArch>.Index1));
}
