using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <content>The quick walk: one comparison for each level, which is all that the C walk beside which it is measured does too.</content>
public sealed partial class PageTable<TArch, TModel>
{
    /// <summary>The root table as a <see cref="RamView"/> names tables. That it is inside RAM is checked when its record is read.</summary>
    private ulong RootDistance => rootAddress - (1UL << TArch.PageShift);

    /// <summary>The level-1 entry of an address; false when an entry above it is not a table of the usual form.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryQuickLeaf(RamView ram, ulong virtualAddress, out Pte entry)
    {
        bool found = TryQuickTable(ram, virtualAddress, out ulong table);
        entry = found ? PageTables<TArch, TModel>.Load(ref ram.Word(table, Scaled(virtualAddress, 1))) : default;
        return found;
    }

    /// <summary>The distance of the level-1 table of an address; false when an entry above it is not a table of the usual form.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryQuickTable(RamView ram, ulong virtualAddress, out ulong table)
    {
        table = RootDistance;
        if (TArch.Levels >= 5 && !TryQuickStep(ram, virtualAddress, 5, ref table))
            return false;
        return TryQuickStep(ram, virtualAddress, 4, ref table) && TryQuickStep(ram, virtualAddress, 3, ref table)
            && TryQuickStep(ram, virtualAddress, 2, ref table);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryQuickStep(RamView ram, ulong virtualAddress, int level, ref ulong table)
    {
        table = Below(PageTables<TArch, TModel>.Load(ref ram.Word(table, Scaled(virtualAddress, level))), level);
        return ram.Has(table, TArch.PageShift);
    }

    /// <summary>The distance of the table that an entry of the usual form points to; of any other entry, something that no view has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Below(Pte entry, int level) =>
        (entry.Raw & ~TArch.TableIgnores(level)) - (TArch.TableMarks(level) + (1UL << TArch.PageShift));

    /// <summary>The level-1 table of an address, looked for quickly; 0 when that was not enough to tell.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint QuickLeafTable(ulong virtualAddress) =>
        TryQuickTable(image.View(TArch.PageShift), virtualAddress, out ulong table) ? (uint)(table >> TArch.PageShift) + 1 : 0;
}
