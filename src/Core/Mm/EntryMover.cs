using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>Moves the entries of a range to another address of the same address space (mm/mremap.c move_page_tables).</summary>
/// <remarks>
/// The caller holds the mmap_lock for writing. The lock of the VMA's shared object or anon_vma root is held meanwhile, so that a reverse-map
/// walker finds each entry at the old or at the new place and never misses one in between.
/// </remarks>
public sealed class EntryMover<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly HugeMover<TArch, TModel> huge;

    /// <summary>Makes the operation of a machine.</summary>
    public EntryMover(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        huge = new HugeMover<TArch, TModel>(mm);
    }

    /// <summary>
    /// Moves the entries of [oldStart, oldStart + length) to newStart; returns how many bytes were moved before frames for tables ran out
    /// (<paramref name="length"/> when all were).
    /// </summary>
    /// <param name="vma">A VMA that covers the old range.</param>
    /// <param name="oldStart">First byte address of the old range.</param>
    /// <param name="newStart">First byte address of the new range.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="dropUffd">Whether write-protection by userfaultfd stays behind: the range was registered and is so no more.</param>
    public ulong Move(uint vma, ulong oldStart, ulong newStart, ulong length, bool dropUffd)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        uint anonVma = mm.Vmas.AnonVmaOf(vma);
        uint shared = mm.Vmas[vma].SharedObject;
        mm.Vmas.Objects.Lock(shared);
        if (anonVma != 0)
            mm.ReverseMap.LockAnonVma(anonVma);
        ulong moved = 0;
        while (moved < length)
        {
            ulong oldAddress = oldStart + moved;
            ulong step = Math.Min(
                Zapper<TArch, TModel>.TableEnd(oldAddress) - oldAddress,
                Zapper<TArch, TModel>.TableEnd(newStart + moved) - (newStart + moved));
            step = Math.Min(step, length - moved);
            if (huge.TryMove(vma, root, oldAddress, newStart + moved, length - moved, dropUffd))
            {
                moved += HugePages<TArch, TModel>.Span;
                continue;
            }

            if (mm.Tables.LeafTable(root, oldAddress) != 0 && !TryMoveWithinTables(root, oldAddress, newStart + moved, step, dropUffd))
                break;
            moved += step;
        }

        if (anonVma != 0)
            mm.ReverseMap.Unlock(anonVma);
        mm.Vmas.Objects.Unlock(shared);
        return moved;
    }

    private bool TryMoveWithinTables(uint root, ulong oldAddress, ulong newAddress, ulong length, bool dropUffd)
    {
        ulong page = 1UL << TArch.PageShift;
        if (mm.Tables.TryEnsureLeafTable(root, newAddress) == 0)
            return false;
        using TableGuard<TArch, TModel> source = mm.Leaves.Lock(root, oldAddress);
        using TableGuard<TArch, TModel> second = mm.Leaves.LockSecond(source, root, newAddress);
        for (ulong offset = 0; offset < length; offset += page)
        {
            Leaf<TArch, TModel> from = source[oldAddress + offset];
            Leaf<TArch, TModel> to = second.Table == 0 ? source[newAddress + offset] : second[newAddress + offset];
            MoveEntry(from, to, dropUffd);
        }

        return true;
    }

    private void MoveEntry(Leaf<TArch, TModel> from, Leaf<TArch, TModel> to, bool dropUffd)
    {
        Pte entry = from.Value;
        if (TArch.IsNone(entry, 1))
            return;
        bool isUffdMarker = dropUffd && !TArch.IsPresent(entry, 1) && mm.Decode(entry) is { Kind: SoftLeafKind.Marker } marker
            && (marker.Markers & PteMarkers.UffdWp) != 0;
        if (isUffdMarker)
            mm.Leaves.Mark(from, default); // the registration does not move along
        else
            mm.Leaves.Move(from, to, keepUffdWp: !dropUffd);
    }
}
