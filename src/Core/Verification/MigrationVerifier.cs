using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>
/// Checks the migration entries that the walk of the tables meets. A migration whose two halves the caller does himself may be under way: then
/// the folio is locked, and its entries are true to what they remember.
/// </summary>
internal sealed class MigrationVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly ReverseMapVerifier<TArch, TModel> reverseMap;
    private readonly Findings findings;
    private readonly Dictionary<uint, (uint Entries, bool Exclusive)> entries = [];

    internal MigrationVerifier(Survey<TArch, TModel> survey, ReverseMapVerifier<TArch, TModel> reverseMap, Findings findings)
    {
        this.survey = survey;
        this.reverseMap = reverseMap;
        this.findings = findings;
        mm = survey.Mm;
    }

    /// <summary>One entry.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="address">First address that it covers.</param>
    /// <param name="space">The address space.</param>
    /// <param name="vma">The VMA of that address, 0 when there is none.</param>
    /// <param name="pages">Base pages that it covers.</param>
    internal void Visit(in SoftLeaf entry, ulong address, uint space, uint vma, uint pages)
    {
        bool shared = vma != 0 && mm.Vmas[vma].SharedObject != 0;
        ulong[] counts = shared ? survey.SharedPages : survey.AnonPages;
        counts[space] += pages; // a page under way is resident
        string where = $"{entry.Kind} of frame {entry.Frame} at {address:x} of address space {space}";
        if (!survey.HasRecord(entry.Frame))
        {
            findings.Add("PT3", $"{where}: that frame lies outside RAM.");
            return;
        }

        uint frame = (uint)entry.Frame;
        if (Atomic<TModel>.Load(ref mm.Frames.Folio(frame).Lock) == 0)
        {
            findings.Add("M2", $"{where} is left behind: the folio is not locked.");
            return;
        }

        survey.Moving.Add(mm.Frames.HeadOf(frame));
        if (mm.Frames.References(frame) == 0)
        {
            findings.Add("M3", $"{where}: that frame is free.");
            return;
        }

        (uint count, bool exclusive) = entries.GetValueOrDefault(frame);
        entries[frame] = (count + 1, exclusive || (!shared && entry.Kind != SoftLeafKind.MigrationRead));
        if (vma != 0)
            reverseMap.Check(frame, mm.Frames.Flags(frame), vma, address);
    }

    /// <summary>After all entries: an exclusive page under way has one entry, is mapped nowhere, and says itself that it is nobody's own.</summary>
    internal void Finish()
    {
        foreach ((uint frame, (uint count, bool exclusive)) in entries)
        {
            if (exclusive && (count != 1 || survey.Mapped[frame] != 0 || mm.Frames.Has(frame, FrameFlags.AnonExclusive)))
            {
                findings.Add("X6", $"Frame {frame}, {mm.Frames.Flags(frame)}, is under way as an exclusive page: "
                    + $"{count} migration entries, {survey.Mapped[frame]} mappings.");
            }
        }
    }
}
