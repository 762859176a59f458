using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Migration;

/// <summary>
/// Makes free blocks by moving pages from the low end of RAM to free frames at the high end (mm/compaction.c): one scanner looks for blocks whose
/// pages can all move, from low to high; another takes free frames from blocks in part use, from high to low. They end where they meet.
/// </summary>
/// <remarks>
/// A page can move if it is anonymous, of a shared object or in the swap cache, and nobody has a reference but its mappings and those. A block with
/// anything else in it (page tables, pinned pages, pages that somebody uses) cannot become free, so nothing of it is moved. Whether a page can
/// move is looked at without locks and again by the migration. Blocks in use as a whole, and free ones, are left alone. Any locks may be held by
/// the caller that may be held before a folio lock.
/// </remarks>
/// <example>
/// <code>
/// CompactionResult result = machine.Compact();
/// Console.WriteLine($"{result.BlocksMade} blocks made, {result.PagesMoved} pages moved");
/// bool one = new Compactor&lt;X64FourLevel, Mainline&gt;(machine.Context, machine.Migrator).TryMakeBlock(); // as many as a huge page needs
/// </code>
/// </example>
public sealed class Compactor<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Migrator<TArch, TModel> migrator;

    /// <summary>Makes the operation of a machine.</summary>
    public Compactor(MmContext<TArch, TModel> mm, Migrator<TArch, TModel> migrator)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.migrator = migrator;
    }

    /// <summary>Compacts all of RAM (/proc/sys/vm/compact_memory).</summary>
    public CompactionResult Run() => Run(uint.MaxValue);

    /// <summary>Compacts until there is a free block, for an allocation that found none; whether there is one.</summary>
    public bool TryMakeBlock() => Run(1).FreeBlocks != 0;

    private CompactionResult Run(uint wanted)
    {
        FrameAllocator<TModel> allocator = mm.Folios.Allocator;
        Drain();
        uint before = allocator.FreeBlocks;
        uint moved = 0;
        uint failed = 0;
        uint free = before;
        for (uint first = 0; first < mm.Frames.CommittedFrames && free < wanted; first += allocator.BlockFrames)
        {
            if (!allocator.IsPartlyUsed(first) || !CanMoveAll(first))
                continue;
            bool more = TryEmpty(first, ref moved, ref failed);
            Drain();
            free = allocator.FreeBlocks;
            if (!more)
                break;
        }

        return new CompactionResult((int)free - (int)before, free, moved, failed);
    }

    /// <summary>Frames that processors keep for themselves keep blocks from being whole.</summary>
    private void Drain()
    {
        mm.Folios.Allocator.AdvanceEpoch();
        mm.Folios.Allocator.ReturnCaches();
    }

    private bool CanMoveAll(uint first)
    {
        uint end = first + mm.Folios.Allocator.BlockFrames;
        for (uint frame = first; frame < end; frame++)
        {
            if (mm.Folios.Allocator.IsTaken(frame) && !CanMove(frame))
                return false;
        }

        return true;
    }

    private bool CanMove(uint frame)
    {
        FrameFlags flags = mm.Frames.Flags(frame);
        if ((flags & (FrameFlags.Reserved | FrameFlags.Table | FrameFlags.Writeback)) != 0 || mm.Frames.IsLarge(frame))
            return false;
        if ((flags & (FrameFlags.Anon | FrameFlags.SharedMemory | FrameFlags.SwapCache)) == 0)
            return false;
        uint owners = ((flags & FrameFlags.SwapCache) != 0 ? 1u : 0) + ((flags & FrameFlags.SharedMemory) != 0 ? 1u : 0);
        return mm.Frames.References(frame) == mm.Frames.Mappings(frame) + owners;
    }

    /// <summary>Moves the pages of a block to higher ones; false when there is no free frame above any more.</summary>
    private bool TryEmpty(uint first, ref uint moved, ref uint failed)
    {
        uint end = first + mm.Folios.Allocator.BlockFrames;
        uint target = 0;
        for (uint frame = first; frame < end; frame++)
        {
            if (!mm.Folios.Allocator.IsTaken(frame) || !mm.Folios.TryGet(frame))
                continue;
            target = target != 0 ? target : mm.Folios.Allocator.TryAllocateAbove(end);
            MigrationResult result = target == 0 ? MigrationResult.NoMemory : migrator.Move(frame, target, MigrationMode.Async);
            mm.Folios.Put(frame);
            if (target == 0)
                return false;
            if (result == MigrationResult.Moved)
            {
                target = 0;
                moved++;
                continue;
            }

            failed++;
            break; // the block stays in use: the pages that are left need not move
        }

        if (target != 0)
            mm.Folios.Put(target);
        return true;
    }
}
