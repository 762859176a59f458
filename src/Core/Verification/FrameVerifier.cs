using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>Checks every frame's record against what the walk of the tables and the allocator say of it.</summary>
internal sealed class FrameVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly Findings findings = new();
    private readonly LargeFolioVerifier<TArch, TModel> large;

    internal FrameVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        mm = survey.Mm;
        large = new LargeFolioVerifier<TArch, TModel>(survey, findings);
    }

    internal Findings Run()
    {
        for (uint frame = mm.Image.Options.ReservedFrames; frame < survey.FrameLimit; frame++)
        {
            if (mm.Frames.HasStorage(frame))
                Check(frame, ref mm.Frames[frame]);
        }

        return findings;
    }

    private void Check(uint frame, ref FrameRecord record)
    {
        FrameMarks marks = survey.Marks[frame];
        if ((marks & FrameMarks.Block) != 0)
        {
            if (frame % mm.Frames.Large.Pages == 0)
                large.Check(frame);
            return; // the frames of a block belong to whoever has the block
        }

        if ((marks & FrameMarks.Free) != 0)
            CheckFree(frame, ref record);
        else if (frame == mm.Folios.ZeroFrame)
            CheckZero(frame, ref record);
        else if ((marks & FrameMarks.Table) != 0)
            CheckTable(frame, ref record);
        else if (((FrameFlags)record.Flags & FrameFlags.Table) != 0)
            findings.Add("PT1", $"Frame {frame} is a table that no address space reaches.");
        else
            CheckPage(frame, ref record);
    }

    private void CheckFree(uint frame, ref FrameRecord record)
    {
        const FrameFlags Busy = FrameFlags.Lru | FrameFlags.SwapCache | FrameFlags.Writeback | FrameFlags.Table;
        var flags = (FrameFlags)record.Flags;
        bool used = survey.Mapped[frame] != 0 || (survey.Marks[frame] & (FrameMarks.Table | FrameMarks.InObject)) != 0;
        if (used || record.RefCount != 0 || record.MapCount != 0 || (flags & Busy) != 0)
        {
            findings.Add("F1", $"Frame {frame} is free and has {record.RefCount} references, {record.MapCount} mappings "
                + $"({survey.Mapped[frame]} found), flags {flags}.");
        }
    }

    private void CheckZero(uint frame, ref FrameRecord record)
    {
        if (record.RefCount != 1 || record.MapCount != 0 || survey.Mapped[frame] != 0)
        {
            findings.Add("R1", $"The zero page {frame} has {record.RefCount} references and {record.MapCount} mappings "
                + $"({survey.Mapped[frame]} found).");
        }

        if (!SharedBytes<TModel>.IsZero(mm.Frames.Bytes(frame)))
            findings.Add("X7", $"The zero page {frame} is not zero.");
    }

    private void CheckTable(uint frame, ref FrameRecord record)
    {
        if (record.RefCount != 1 || record.MapCount != 0 || survey.Mapped[frame] != 0)
            findings.Add("R1", $"Table {frame} has {record.RefCount} references and {record.MapCount} mappings ({survey.Mapped[frame]} found).");
    }

    private void CheckPage(uint frame, ref FrameRecord record)
    {
        var flags = (FrameFlags)record.Flags;
        if ((flags & (FrameFlags.Large | FrameFlags.Tail)) != 0)
            findings.Add("H3", $"Frame {frame} was handed out alone and says that it belongs to a large folio: {flags}.");
        uint mapped = survey.Mapped[frame];
        bool cached = (flags & FrameFlags.SwapCache) != 0;
        bool inObject = (survey.Marks[frame] & FrameMarks.InObject) != 0;
        bool poisoned = (flags & FrameFlags.HwPoison) != 0; // who reported the error holds a reference
        uint expected = mapped + (cached ? 1u : 0) + (inObject ? 1u : 0) + (poisoned ? 1u : 0) + survey.Held(frame);
        if (record.MapCount != mapped)
            findings.Add("R3", $"Frame {frame} counts {record.MapCount} mappings, {mapped} entries map it.");
        if (record.RefCount == 0 && expected == 0)
            findings.Add("FR1", $"Frame {frame} has no reference, and the allocator has it not.");
        else if (record.RefCount != expected)
        {
            findings.Add("R1", $"Frame {frame}, {flags}, has {record.RefCount} references; "
                + $"{mapped} mappings{(cached ? " and the swap cache" : "")}{(inObject ? " and a shared object" : "")} explain {expected}.");
        }

        CheckExclusive(frame, flags, mapped);
        CheckBacking(frame, flags, ref record);
        const FrameFlags Owned = FrameFlags.SharedMemory | FrameFlags.Anon;
        if (inObject != ((flags & FrameFlags.SharedMemory) != 0) || (flags & Owned) == Owned)
            findings.Add("SH1", $"Frame {frame}, {flags}, is {(inObject ? "" : "not ")}in a shared object.");
        if ((mapped != 0 || inObject) && (flags & FrameFlags.Lru) == 0)
            findings.Add("LRU", $"Frame {frame} is in use and not on the LRU list: reclaim would never find it.");
    }

    private void CheckExclusive(uint frame, FrameFlags flags, uint mapped)
    {
        if ((flags & FrameFlags.AnonExclusive) == 0 || mapped == 0)
            return; // of an unmapped frame the flag means nothing
        if (mapped != 1)
            findings.Add("X2", $"Frame {frame} is exclusive and mapped {mapped} times.");
        if ((flags & FrameFlags.Ksm) != 0)
            findings.Add("I11", $"Frame {frame} is exclusive and merged by KSM.");
    }

    private void CheckBacking(uint frame, FrameFlags flags, ref FrameRecord record)
    {
        bool cached = (flags & FrameFlags.SwapCache) != 0;
        if (cached != (record.Swap != 0))
            findings.Add("I2", $"Frame {frame}, {flags}, names slot {new SwapEntry(record.Swap)}.");
        else if (cached && (flags & FrameFlags.SwapBacked) == 0)
            findings.Add((flags & FrameFlags.Anon) != 0 ? "L1" : "I5", $"Frame {frame} is in the swap cache and not swap-backed: {flags}.");
        if ((flags & FrameFlags.Writeback) == 0)
            return;
        if (!cached)
            findings.Add("I16", $"Frame {frame} is being written and is in no swap cache.");
        else if ((survey.Marks[frame] & FrameMarks.Writable) != 0 && mm.Swap.HasStableWrites(new SwapEntry(record.Swap)))
            findings.Add("I17", $"Frame {frame} is being written to an area with stable writes and can be modified.");
    }
}
