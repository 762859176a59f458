using PageTableEmu.Atomics;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>UFFDIO_MOVE: pages change their address inside an address space, for who resolves userfaults (mm/userfaultfd.c move_pages).</summary>
/// <remarks>Takes the mmap_lock for reading, anew for each page.</remarks>
internal sealed class UserfaultMove<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly PageMover<TArch, TModel> pages;
    private readonly HugePageMover<TArch, TModel> hugePages;

    internal UserfaultMove(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        pages = new PageMover<TArch, TModel>(mm);
        hugePages = new HugePageMover<TArch, TModel>(mm);
    }

    /// <summary>Moves [source, source + length) to destination.</summary>
    /// <returns>
    /// Ok; Again when only a part was moved; else why the first page was not: NoEntry (no VMA, or no page there), Exists (a page at the
    /// destination), Busy (the page is shared or pinned), Invalid (the VMAs do not allow it), Fault (an entry that remembers no page), NoMemory.
    /// </returns>
    internal MmResult Move(uint space, ulong destination, ulong source, ulong length, bool allowHoles, out ulong moved)
    {
        moved = 0;
        int pressure = 0;
        while (moved < length)
        {
            MmResult result;
            ulong step = 0;
            using (mm.Spaces.HoldRead(space))
            {
                result = Check(space, destination, source, length, out uint from, out uint to);
                if (result == MmResult.Ok)
                    result = MoveStep(from, to, destination + moved, source + moved, length - moved, allowHoles, out step);
            }

            moved += step;
            if (result == MmResult.Again)
                continue; // whoever was in the way is done, or was waited for
            if (result == MmResult.NoMemory && pressure++ < MmContext<TArch, TModel>.PressureTries && mm.TryFindFrames())
                continue;
            if (result != MmResult.Ok)
                return moved == 0 ? result : MmResult.Again;
        }

        return MmResult.Ok;
    }

    /// <summary>validate_move_areas: both private, anonymous, of the same rights, writable, both locked or both not; the target registered.</summary>
    private MmResult Check(uint space, ulong destination, ulong source, ulong length, out uint from, out uint to)
    {
        from = mm.Vmas.Find(space, source);
        to = mm.Vmas.Find(space, destination);
        if (from == 0 || to == 0)
            return MmResult.NoEntry;
        VmaFlags flags = mm.Vmas.FlagsOf(from);
        VmaFlags difference = flags ^ mm.Vmas.FlagsOf(to);
        const VmaFlags Same = VmaFlags.Read | VmaFlags.Write | VmaFlags.Execute | VmaFlags.Locked;
        bool whole = source + length <= mm.Vmas[from].End && destination + length <= mm.Vmas[to].End;
        bool isPrivate = mm.Vmas[from].SharedObject == 0 && mm.Vmas[to].SharedObject == 0;
        if (!whole || !isPrivate || (difference & Same) != 0 || (flags & VmaFlags.Write) == 0 || mm.Vmas[to].Uffd == 0)
            return MmResult.Invalid;
        return mm.Vmas.TryPrepareAnonVma(to) ? MmResult.Ok : MmResult.NoMemory;
    }

    /// <summary>One page, or a whole huge page; a huge page that cannot be moved whole is split into entries first.</summary>
    private MmResult MoveStep(uint from, uint to, ulong destination, ulong source, ulong left, bool allowHoles, out ulong step)
    {
        step = 0;
        uint root = mm.Spaces[mm.Vmas[from].AddressSpace].Root;
        if (mm.Huge.IsMapped(root, destination))
            return MmResult.Exists;
        MmResult result;
        ulong size = 1UL << TArch.PageShift;
        if (mm.Huge.IsMapped(root, source))
        {
            size = HugePages<TArch, TModel>.Span;
            bool whole = ((source | destination) & (size - 1)) == 0 && left >= size && mm.Tables.LeafTable(root, destination) == 0;
            if (!whole)
                return hugePages.TrySplit(from, source) ? MmResult.Again : MmResult.Busy;
            result = hugePages.Move(from, to, destination, source);
        }
        else
        {
            result = pages.Move(from, to, destination, source, allowHoles);
        }

        if (result == MmResult.Ok)
            step = size;
        return result;
    }
}
