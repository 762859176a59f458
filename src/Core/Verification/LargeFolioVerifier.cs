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

    /// <summary>The folios that say that they wait to be split.</summary>
    internal HashSet<uint> Waiting { get; } = [];

    /// <summary>Checks the list of those that wait, after all folios.</summary>
    internal void CheckList()
    {
        DeferredSplits<TModel> list = mm.Frames.DeferredSplits;
        uint count = 0;
        for (uint head = list.Oldest; head != 0 && count <= Waiting.Count; head = list.Next(head), count++)
        {
            if (Waiting.Contains(head))
                continue;
            findings.Add("H4", $"The list of large folios to be split holds {head}, which does not say so.");
            return;
        }

        if (count != Waiting.Count || count != list.Count)
            findings.Add("H4", $"{count} large folios are on the list of those to be split; it says {list.Count}, and {Waiting.Count} say so.");
    }

    /// <summary>Checks the large folio that begins with a frame.</summary>
    internal void Check(uint head)
    {
        if (head == mm.Folios.HugeZeroFrame)
        {
            CheckZero(head);
            return;
        }

        FrameFlags flags = mm.Frames.Flags(head);
        uint entire = survey.HugeMapped.GetValueOrDefault(head);
        uint total = entire;
        uint held = 0;
        uint pages = mm.Frames.PagesOf(head);
        for (uint frame = head; frame < head + pages; frame++)
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
        uint expected = total + (cached ? pages : 0) + held;
        if (mm.Frames.References(head) != expected)
            findings.Add("R1", $"Large folio {head}, {flags}, has {mm.Frames.References(head)} references; {expected} are explained.");
        CheckWaiting(head, flags);
        if (total != 0 && (flags & FrameFlags.Lru) == 0)
            findings.Add("LRU", $"Large folio {head} is mapped and not on the LRU list.");
        if (entire != 0 && total != 1 && (flags & FrameFlags.AnonExclusive) != 0)
            findings.Add("X2", $"Large folio {head} is exclusive, and there are {total} mappings.");
        if ((flags & FrameFlags.Writeback) != 0)
            findings.Add("I16", $"Large folio {head} is being written later; its writes are never put off.");
    }

    /// <summary>
    /// Who waits to be split is a huge page, which may turn out not to be used in full, or known as partially mapped. The reverse does not hold: an
    /// attempt to split may have failed, and a folio in the swap cache is not put on the list.
    /// </summary>
    private void CheckWaiting(uint head, FrameFlags flags)
    {
        uint waiting = mm.Frames[head + 3].Count;
        bool huge = mm.Frames.OrderOf(head) == mm.Frames.Large.LargestOrder;
        if (waiting != 0 && !huge && (flags & FrameFlags.PartiallyMapped) == 0)
            findings.Add("H4", $"Large folio {head}, {flags}, waits to be split although it is not known to be partially mapped.");
        if (waiting != 0)
            Waiting.Add(head);
    }

    private void CheckPage(uint frame, uint head, FrameFlags flags, uint entire)
    {
        ref FrameRecord record = ref mm.Frames[frame];
        const FrameFlags OfTail = FrameFlags.Tail | FrameFlags.AnonExclusive | FrameFlags.OrderMask | FrameFlags.TagsValid;
        if (frame != head && ((FrameFlags)record.Flags & ~OfTail) != 0)
            findings.Add("H3", $"Frame {frame} of large folio {head} has flags of its own: {(FrameFlags)record.Flags}.");
        if (frame != head && (((FrameFlags)record.Flags & FrameFlags.Tail) == 0 || mm.Frames.HeadOf(frame) != head))
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
        for (uint frame = head; frame < head + mm.Frames.PagesOf(head); frame++)
        {
            if (!SharedBytes<TModel>.IsZero(mm.Frames.Bytes(frame)))
                findings.Add("X7", $"Frame {frame} of the huge zero page is not zero.");
        }
    }
}
