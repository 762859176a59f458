using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <content>The quick walk: one comparison for each level, which is all that the C walk beside which it is measured does too.</content>
public sealed partial class PageTable<TArch, TModel>
{
    private const ulong NoTable = ulong.MaxValue;

    /// <summary>
    /// The level-1 entry of an address, and the generation that the tree had before it was read; false when the address is not canonical, an entry
    /// above it is not a table of the usual form, or the entry is not a plain leaf.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryQuickLeaf(RamView ram, ref ulong generation, ulong virtualAddress, out ulong before, out Pte entry)
    {
        entry = default;
        before = 0;
        if (!ram.HasFrame(Root))
            return false;
        before = Atomic<TModel>.Load(ref generation);
        if (!TArch.IsCanonical(virtualAddress))
            return false;
        ulong table = QuickTable(ram, virtualAddress);
        if (table == NoTable)
            return false;
        entry = new Pte(QuickWord(ram, table + ((virtualAddress >> QuickShape<TArch>.Shift1) & QuickShape<TArch>.Index1)));
        return TArch.IsPlainLeaf(entry);
    }

    /// <summary>The word that holds the generation of the tree, by a look at nothing but the view: only to be used where it has the root.</summary>
    private ref ulong QuickGeneration
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref image.FrameInView(Root).Index;
    }

    /// <summary>Whether the tree has a generation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsOf(ulong generation) => image.View.HasFrame(Root) && Atomic<TModel>.Load(ref QuickGeneration) == generation;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong PlainAddress(Pte entry, ulong virtualAddress) =>
        (entry.Raw & QuickShape<TArch>.PlainLeafFrame) | (virtualAddress & QuickShape<TArch>.PageMask);

    /// <summary>
    /// The distance of the level-1 table of an address; <see cref="NoTable"/> when an entry above it is not a table of the usual form. The root is
    /// inside the view.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong QuickTable(RamView ram, ulong virtualAddress)
    {
        ulong table = rootDistance;
        if (TArch.Levels >= 5)
        {
            table = QuickWord(ram, table + ((virtualAddress >> QuickShape<TArch>.Shift5) & QuickShape<TArch>.Index5));
            table = (table & QuickShape<TArch>.Keep5) - QuickShape<TArch>.Less5;
            if (!ram.Has(table, QuickShape<TArch>.PageShift))
                return NoTable;
        }

        table = QuickWord(ram, table + ((virtualAddress >> QuickShape<TArch>.Shift4) & QuickShape<TArch>.Index4));
        table = (table & QuickShape<TArch>.Keep4) - QuickShape<TArch>.Less4;
        if (!ram.Has(table, QuickShape<TArch>.PageShift))
            return NoTable;
        table = QuickWord(ram, table + ((virtualAddress >> QuickShape<TArch>.Shift3) & QuickShape<TArch>.Index3));
        table = (table & QuickShape<TArch>.Keep3) - QuickShape<TArch>.Less3;
        if (!ram.Has(table, QuickShape<TArch>.PageShift))
            return NoTable;
        table = QuickWord(ram, table + ((virtualAddress >> QuickShape<TArch>.Shift2) & QuickShape<TArch>.Index2));
        table = (table & QuickShape<TArch>.Keep2) - QuickShape<TArch>.Less2;
        if (!ram.Has(table, QuickShape<TArch>.PageShift))
            return NoTable;
        return table;
    }

    /// <summary>An entry, in processor order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong QuickWord(RamView ram, ulong distance) => GuestOrder<TArch>.Of(Atomic<TModel>.Load(ref ram.Word(distance)));

    /// <summary>The level-1 table of an address, looked for quickly; 0 when that was not enough to tell.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint QuickLeafTable(RamView ram, ulong virtualAddress)
    {
        if (!ram.HasFrame(Root))
            return 0;
        ulong table = QuickTable(ram, virtualAddress);
        return table == NoTable ? 0 : (uint)(table >> QuickShape<TArch>.PageShift) + 1;
    }
}
