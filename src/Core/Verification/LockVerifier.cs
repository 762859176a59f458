using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>
/// Lists every lock word that is held and every reference that only an operation under way has (I21). Of a machine at rest there is none; of one
/// that hangs the list says who waits for whom, so it may be asked for at any time.
/// </summary>
internal sealed class LockVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly IReadOnlySet<uint> moving;
    private readonly Findings findings = new();

    /// <param name="mm">The machine.</param>
    /// <param name="moving">Folios that are locked because they are under way to other frames.</param>
    internal LockVerifier(MmContext<TArch, TModel> mm, IReadOnlySet<uint>? moving = null)
    {
        this.mm = mm;
        this.moving = moving ?? new HashSet<uint>();
    }

    internal Findings Run()
    {
        CheckFrames();
        CheckMm();
        CheckSwap();
        return findings;
    }

    private void CheckFrames()
    {
        uint limit = mm.Frames.CommittedFrames;
        for (uint frame = 1; frame < limit; frame++)
        {
            if (!mm.Frames.HasStorage(frame))
                continue;
            if (Atomic<TModel>.Load(ref mm.Frames[frame].Lock) != 0 && !moving.Contains(frame))
                Check($"the lock of {(mm.Frames.Has(frame, FrameFlags.Table) ? "table" : "folio")} {frame}", ref mm.Frames[frame].Lock);
        }

        Check("the lock of folios to be split", ref mm.Image.Record<FrameState>(MetadataRegion.FrameState, 0).SplitLock);
        Check("the LRU lock", ref mm.Image.Record<FrameState>(MetadataRegion.FrameState, 0).LruLock);
        for (uint cache = 0; cache < mm.Image.Capacity(MetadataRegion.FrameCaches); cache++)
            Check($"the lock of frame cache {cache}", ref mm.Image.Record<FrameCache>(MetadataRegion.FrameCaches, cache).Lock);
    }

    private void CheckMm()
    {
        for (uint space = mm.Spaces.NextLive(0); space != 0; space = mm.Spaces.NextLive(space))
        {
            ref AddressSpace record = ref mm.Spaces[space];
            Check($"the mmap_lock of address space {space} for writing", ref record.MmapWriter);
            Check($"the page_table_lock of address space {space}", ref record.PageTableLock);
            if (record.MmapReaders != 0)
                findings.Add("I21", $"Address space {space}: {record.MmapReaders} readers hold the mmap_lock.");
            if ((record.WriteProtectSequence & 1) != 0)
                findings.Add("I21", $"Address space {space} is being forked: sequence {record.WriteProtectSequence}.");
            if (record.FastWalkers.Even + record.FastWalkers.Odd is not 0 and var walkers)
                findings.Add("I21", $"Address space {space}: {walkers} lock-free walkers of its page tables.");
            if (record.Users != 1)
                findings.Add("I21", $"Address space {space} has {record.Users} users.");
        }

        if (new UserfaultQueue<TArch, TModel>(mm).HasWaiter)
            findings.Add("I21", "A thread waits for a userfaultfd.");
        Check("the lock of the swapoff list", ref mm.Image.Record<MmState>(MetadataRegion.MmState, 0).MmListLock);
        Check("the lock of the swap list of shared objects", ref mm.Image.Record<MmState>(MetadataRegion.MmState, 0).SharedSwapLock);
        for (uint number = 1; number <= mm.Vmas.Objects.HighWater; number++)
        {
            if (Atomic<TModel>.Load(ref mm.Vmas.Objects[number].References) != 0)
                Check($"the lock of shared object {number}", ref mm.Vmas.Objects[number].Lock);
        }

        Check("the lock of same-page merging", ref mm.Ksm.State.Lock);
        Check("the lock of the list of mergeable address spaces", ref mm.Ksm.State.ListLock);
        RecordPool<TModel, AnonVma> anonVmas = mm.Vmas.Anons.Pool;
        for (uint number = 1; number <= anonVmas.HighWater; number++)
        {
            if (Atomic<TModel>.Load(ref anonVmas[number].References) != 0)
                Check($"the lock of anon_vma {number}", ref anonVmas[number].Lock);
        }
    }

    private void CheckSwap()
    {
        var areas = new SwapAreas<TModel>(mm.Image);
        ref SwapStateRecord state = ref areas.State;
        Check("the lock of all swap areas", ref state.AreasLock);
        Check("the availability lock", ref state.AvailableLock);
        Check("the lock of the overflow table", ref state.OverflowLock);
        Check("the lock of the write queue", ref state.QueueLock);
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            ref SwapAreaRecord area = ref areas[type];
            if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Used))
                continue;
            Check($"the list lock of area {type}", ref area.ListLock);
            Check($"the hint lock of area {type}", ref area.HintLock);
            if (area.Users != SwapAreaRecord.Live)
                findings.Add("I21", $"Swap area {type} has users or is not alive: 0x{area.Users:x}.");
            for (uint index = 0; index < area.Clusters; index++)
                Check($"the lock of cluster {index} of area {type}", ref areas.Cluster(ref area, index).Lock);
        }
    }

    private void Check(string name, ref ulong word)
    {
        ulong owner = Atomic<TModel>.Load(ref word);
        if (owner != 0)
            findings.Add("I21", $"Thread {(uint)owner} of process {owner >> 32} holds {name}.");
    }
}
