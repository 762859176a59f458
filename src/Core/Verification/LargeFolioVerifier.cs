using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>Checks the records of large folios: what is said of the whole against what the walk of the tables found of the parts.</summary>
internal sealed class LargeFolioVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly Findings findings;

    internal LargeFolioVerifier(Survey<TArch, TModel> survey, Findings findings)
    {
        this.survey = survey;
        this.findings = findings;
        mm = survey.Mm;
    }

    private uint Pages => mm.Frames.Large.Pages;

    /// <summary>Checks the block that begins with a frame and was handed out as a whole.</summary>
    internal void Check(uint head)
    {
        if (!mm.Frames.IsLarge(head))
            return; // somebody has the block who makes no folio of it
        if (head == mm.Folios.HugeZeroFrame)
        {
            CheckZero(head);
            return;
        }

        FrameFlags flags = mm.Frames.Flags(head);
        uint entire = survey.HugeMapped.GetValueOrDefault(head);
        uint total = entire;
        uint held = 0;
        for (uint frame = head; frame < head + Pages; frame++)
        {
            total += survey.Mapped[frame];
            held += survey.Held(frame);
            CheckPage(frame, head, flags, entire);
        }

        LargeFolios<TModel> large = mm.Frames.Large;
        if (large.EntireMappings(head) != entire || large.TotalMappings(head) != total)
        {
            findings.Add("H3", $"Large folio {head} counts {large.EntireMappings(head)} huge leaves and {large.TotalMappings(head)} mappings; "
                + $"{entire} and {total} were found.");
        }

        bool cached = (flags & FrameFlags.SwapCache) != 0;
        uint expected = total + (cached ? Pages : 0) + held;
        if (mm.Frames.References(head) != expected)
            findings.Add("R1", $"Large folio {head}, {flags}, has {mm.Frames.References(head)} references; {expected} are explained.");
        if (total != 0 && (flags & FrameFlags.Lru) == 0)
            findings.Add("LRU", $"Large folio {head} is mapped and not on the LRU list.");
        if (entire != 0 && total != 1 && (flags & FrameFlags.AnonExclusive) != 0)
            findings.Add("X2", $"Large folio {head} is exclusive, and there are {total} mappings.");
        if ((flags & FrameFlags.Writeback) != 0)
            findings.Add("I16", $"Large folio {head} is being written later; its writes are never put off.");
    }

    private void CheckPage(uint frame, uint head, FrameFlags flags, uint entire)
    {
        ref FrameRecord record = ref mm.Frames[frame];
        const FrameFlags OfTail = FrameFlags.Tail | FrameFlags.AnonExclusive | FrameFlags.TagsValid;
        if (frame != head && ((FrameFlags)record.Flags & ~OfTail) != 0)
            findings.Add("H3", $"Frame {frame} of large folio {head} has flags of its own: {(FrameFlags)record.Flags}.");
        if (frame != head && ((FrameFlags)record.Flags & FrameFlags.Tail) == 0)
            findings.Add("H3", $"Frame {frame} does not know that it belongs to large folio {head}.");
        if (frame != head && record.RefCount != 0)
            findings.Add("H3", $"Frame {frame} of large folio {head} has {record.RefCount} references of its own.");
        if (record.MapCount != survey.Mapped[frame])
            findings.Add("R3", $"Frame {frame} of large folio {head} counts {record.MapCount} mappings, {survey.Mapped[frame]} entries map it.");
        if (record.Index != mm.Frames[head].Index + (frame - head))
            findings.Add("H3", $"Frame {frame} of large folio {head} has index {record.Index:x}.");
        bool cached = (flags & FrameFlags.SwapCache) != 0;
        if (cached != (record.Swap != 0))
            findings.Add("I2", $"Frame {frame} of large folio {head}, {flags}, names slot {new SwapEntry(record.Swap)}.");
        if (entire == 0 && survey.Mapped[frame] > 1 && mm.Frames.Has(frame, FrameFlags.AnonExclusive))
            findings.Add("X2", $"Frame {frame} of large folio {head} is exclusive and mapped {survey.Mapped[frame]} times.");
    }

    private void CheckZero(uint head)
    {
        if (mm.Frames.References(head) != 1 || mm.Frames.FolioMappings(head) != 0)
            findings.Add("R1", $"The huge zero page {head} has {mm.Frames.References(head)} references.");
        for (uint frame = head; frame < head + Pages; frame++)
        {
            if (!SharedBytes<TModel>.IsZero(mm.Frames.Bytes(frame)))
                findings.Add("X7", $"Frame {frame} of the huge zero page is not zero.");
        }
    }
}
