using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim;

/// <summary>
/// A hardware memory error in a frame (mm/memory-failure.c): takes the frame from everybody who maps it, so that only those who need its lost
/// content are told.
/// </summary>
/// <remarks>
/// <para>Who reports an error keeps one reference to the frame for as long as it is poisoned, so that it is never handed out. Everything
/// happens under the folio's lock.</para>
/// <para>Entries of a folio that is in no swap cache become poison entries; those of a folio in the swap cache become swap entries. A clean
/// folio then leaves the cache, and the next fault reads the slot; a dirty one stays there, poisoned, and the next fault fails. A page
/// of a shared object is lost to the object.</para>
/// </remarks>
/// <example>
/// <code>
/// uint frame = machine.PageMap.Look(process, address).Frame;
/// var failure = new MemoryFailure&lt;X64FourLevel, Mainline&gt;(machine.Context);
/// MemoryFailureResult result = failure.Report(frame); // as machine.MemoryFailure; Recovered: who touches the page gets BusError
/// failure.TryTakeBack(frame);
/// </code>
/// </example>
public sealed class MemoryFailure<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Unmapper<TArch, TModel> unmapper;
    private readonly FolioSplitter<TArch, TModel> splitter;

    /// <summary>Makes the operation of a machine.</summary>
    public MemoryFailure(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        unmapper = new Unmapper<TArch, TModel>(mm);
        splitter = new FolioSplitter<TArch, TModel>(mm);
    }

    /// <summary>Reports an error in a frame (memory_failure).</summary>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    /// <exception cref="ArgumentOutOfRangeException">RAM has no such frame.</exception>
    public MemoryFailureResult Report(uint frame)
    {
        ThrowIfOutside(frame);
        if (!IsUserMemory(frame))
            return MemoryFailureResult.Ignored;
        if (!mm.Frames.HasStorage(frame) || !mm.Folios.TryGet(frame))
            return MemoryFailureResult.NotInUse;
        if (!IsUserMemory(frame))
        {
            mm.Folios.Put(frame); // it became a table before we had a reference
            return MemoryFailureResult.Ignored;
        }

        mm.Frames.Lock(frame);
        MemoryFailureResult result;
        try
        {
            result = ReportLocked(frame);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }

        mm.Frames.Unlock(frame);
        if (result is MemoryFailureResult.NotSplit or MemoryFailureResult.AlreadyReported)
            mm.Folios.Put(frame);
        return result;
    }

    /// <summary>
    /// Takes a report back (unpoison_memory): the frame becomes free. Entries that were poisoned stay so.
    /// </summary>
    /// <returns>False: the frame is not poisoned, or somebody still uses it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">RAM has no such frame.</exception>
    public bool TryTakeBack(uint frame)
    {
        ThrowIfOutside(frame);
        if (!mm.Frames.HasStorage(frame) || !mm.Frames.Has(frame, FrameFlags.HwPoison))
            return false;
        mm.Frames.Lock(frame);
        bool idle = mm.Frames.Has(frame, FrameFlags.HwPoison) && mm.Frames.References(frame) == 1 && mm.Frames.Mappings(frame) == 0
            && !mm.Frames.Has(frame, FrameFlags.SwapCache);
        if (idle)
            mm.Frames.Clear(frame, FrameFlags.HwPoison | FrameFlags.Anon);
        mm.Frames.Unlock(frame);
        if (idle)
            mm.Folios.Put(frame); // the reporter's reference
        return idle;
    }

    private void ThrowIfOutside(uint frame)
    {
        ulong frames = mm.Image.Options.RamBytes >> TArch.PageShift;
        if (frame >= frames)
            throw new ArgumentOutOfRangeException(nameof(frame), frame, $"RAM has {frames} frames.");
    }

    private bool IsUserMemory(uint frame) =>
        frame >= mm.Image.Options.ReservedFrames
        && !(mm.Frames.HasStorage(frame) && (mm.Frames.Flags(frame) & (FrameFlags.Table | FrameFlags.Reserved)) != 0);

    private MemoryFailureResult ReportLocked(uint frame)
    {
        if (mm.Frames.Has(frame, FrameFlags.HwPoison))
            return MemoryFailureResult.AlreadyReported;
        if (mm.Frames.IsLarge(frame) && !splitter.TrySplit(frame))
            return MemoryFailureResult.NotSplit;
        mm.Swap.WaitForWriteback(frame);
        mm.Frames.Set(frame, FrameFlags.HwPoison); // before the unmapping, which looks at it
        if (mm.Frames.Has(frame, FrameFlags.SharedMemory))
        {
            mm.SharedCache.Lose(frame);
            return Isolate(frame);
        }

        if (mm.Frames.Mappings(frame) != 0 && !unmapper.TryUnmap(frame))
            return MemoryFailureResult.Failed;
        if (mm.Frames.Has(frame, FrameFlags.Ksm))
            mm.Frames[frame].Mapping = 0; // nobody is to be merged with it any more: its node is stale from now on
        if (!mm.Frames.Has(frame, FrameFlags.SwapCache))
            return Isolate(frame);
        if (mm.Frames.Has(frame, FrameFlags.Dirty))
        {
            // The slot has older content or none: the folio has to stand in its way until its last entry is gone.
            mm.Frames.Clear(frame, FrameFlags.Dirty | FrameFlags.Uptodate);
            mm.Folios.Lru.TryIsolate(frame);
            return MemoryFailureResult.Delayed;
        }

        mm.Swap.RemoveFromCache(frame);
        return Isolate(frame);
    }

    /// <summary>Keeps reclaim and all others from the frame; whoever has a reference beside the reporter's is somebody who may use it.</summary>
    private MemoryFailureResult Isolate(uint frame)
    {
        mm.Folios.Lru.TryIsolate(frame);
        return mm.Frames.References(frame) == 1 ? MemoryFailureResult.Recovered : MemoryFailureResult.Failed;
    }
}
