using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Lost;

/// <summary>The walk written as a loop over levels: a design that lost.</summary>
internal static class LevelLoop<TArch>
    where TArch : struct, IArchitecture
{
    internal static ulong Translate(PageTable<TArch, Mainline> tree, ulong address)
    {
        uint table = tree.Root;
        for (int level = TArch.Levels; level > 1; level--)
        {
            Pte entry = PageTables<TArch, Mainline>.Load(ref tree.Tables.Entry(table, address, level));
            if (!TArch.IsTable(entry, level))
                return PageTable<TArch, Mainline>.NotMapped;
            table = (uint)(TArch.TableAddress(entry) >> TArch.PageShift);
        }

        Pte leaf = PageTables<TArch, Mainline>.Load(ref tree.Tables.Entry(table, address));
        return (TArch.FrameOf(leaf, 1) << TArch.PageShift) | (address & ((1UL << TArch.PageShift) - 1));
    }
}
