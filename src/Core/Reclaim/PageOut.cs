using System.Buffers;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim;

/// <summary>MADV_PAGEOUT: reclaims the pages that only this address space maps (mm/madvise.c madvise_pageout).</summary>
public sealed class PageOut<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>reclaim_pages: no group is short of memory, so the evicted pages are measured against all there is.</summary>
    private static readonly ScanControl Control = new(IgnoreReferences: true, WaitForWrite: false, MemoryGroups<TModel>.Outside);

    private readonly MmContext<TArch, TModel> mm;
    private readonly Reclaimer<TArch, TModel> reclaimer;
    private readonly HugeAdvice<TArch, TModel> huge;
    private readonly PlainPageOut<TArch, TModel> plain;

    /// <summary>Makes the operation of a machine.</summary>
    public PageOut(MmContext<TArch, TModel> mm, Reclaimer<TArch, TModel> reclaimer)
    {
        this.mm = mm;
        this.reclaimer = reclaimer;
        huge = new HugeAdvice<TArch, TModel>(mm);
        plain = new PlainPageOut<TArch, TModel>(mm, Control.Scope);
    }

    /// <summary>Reclaims the pages of [start, end), in ascending order of address.</summary>
    /// <returns>Ok, also when pages were skipped; Invalid at a locked VMA; NoMemory when a part is not mapped.</returns>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public MmResult Apply(uint space, ulong start, ulong end)
    {
        var visitor = new Visitor(this);
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        try
        {
            return VmaPieces<TModel>.Walk(mm.Vmas, space, start, end, ref visitor);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private void ReclaimPiece(uint vma, ulong start, ulong end)
    {
        uint[] batch = ArrayPool<uint>.Shared.Rent(1 << TArch.LevelBits(1));
        uint space = mm.Vmas[vma].AddressSpace;
        uint root = mm.Spaces[space].Root;
        huge.SplitPartial(vma, start, end);
        for (ulong address = start; address < end;)
        {
            ulong span = 1UL << TArch.LevelShift(2);
            ulong stop = Math.Min(end, (address & ~(span - 1)) + span);
            batch[0] = huge.TakeForReclaim(root, address, stop, out bool isLeaf);
            if (!isLeaf)
                address = plain.Reclaim(space, address, stop);
            int count = isLeaf ? Math.Min((int)batch[0], 1) : Collect(root, address, stop, batch);
            for (int i = 0; i < count; i++)
            {
                if (mm.Folios.Lru.TryIsolate(batch[i]))
                {
                    mm.Frames.Clear(batch[i], FrameFlags.Active);
                    reclaimer.ShrinkIsolated(batch[i], Control);
                }

                mm.Folios.Put(batch[i]);
            }

            address = stop;
        }

        ArrayPool<uint>.Shared.Return(batch);
    }

    /// <summary>References the pages of one table that this entry alone maps and that reclaim may have; reclaim comes after the table lock.</summary>
    private int Collect(uint root, ulong start, ulong end, uint[] batch)
    {
        if (start == end)
            return 0;
        int count = 0;
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, start);
        if (guard.Table == 0)
            return 0;
        for (ulong address = start; address < end; address += 1UL << TArch.PageShift)
        {
            Pte entry = guard[address].Value;
            if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1))
                continue;
            uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
            if (frame == 0 || mm.Frames.Mappings(frame) != 1)
                continue;
            if (mm.Frames.IsLarge(frame) && (mm.Frames.HeadOf(frame) != frame || !huge.CanReclaimMapped(guard, address, end, frame)))
                continue; // taken once, with its first page
            if (!mm.Frames.Has(frame, FrameFlags.Lru))
                continue;
            if (mm.Frames.Has(frame, FrameFlags.Unevictable))
            {
                mm.Folios.Lru.TryIsolate(frame);
                mm.Folios.Lru.PutBack(frame); // the kernel finds out when it has it in hand
                continue;
            }

            mm.Frames.Clear(frame, FrameFlags.Referenced);
            mm.Frames.Get(frame);
            batch[count++] = frame;
        }

        return count;
    }

    private readonly struct Visitor(PageOut<TArch, TModel> owner) : IVmaPieceVisitor
    {
        public MmResult Visit(uint vma, ulong start, ulong end)
        {
            if ((owner.mm.Vmas.FlagsOf(vma) & VmaFlags.Locked) != 0)
                return MmResult.Invalid;
            owner.ReclaimPiece(vma, start, end);
            return MmResult.Ok;
        }
    }
}
