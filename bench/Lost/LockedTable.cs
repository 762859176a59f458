using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Lost;

/// <summary>One lock for a whole tree, taken for every page that is mapped: a design that lost.</summary>
internal sealed class LockedTable(PageTable<X64FourLevel, Mainline> tree)
{
    private readonly Lock all = new();

    internal bool TryMap(ulong address, ulong frame, Protection protection)
    {
        lock (all)
            return tree.Map(address, frame, protection).IsMapped;
    }

    internal void Unmap(ulong address)
    {
        lock (all)
            tree.Unmap(address, out _).Ignore();
    }
}
