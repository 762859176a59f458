using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Verification;

/// <summary>
/// Checks what is kept of pages' metadata: every buffer belongs to one slot in use, a free slot keeps nothing, and what is kept by address is
/// no more than there are swap entries for. That must balance at any time, not only when address spaces have ended.
/// </summary>
internal sealed class TagVerifier<TArch, TModel> : ITagAccount
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly TagStorage<TModel> tags;
    private readonly Findings findings = new();
    private readonly Dictionary<uint, string> owners = [];

    internal TagVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        mm = survey.Mm;
        tags = mm.Tags.Storage;
    }

    internal Findings Run()
    {
        if (!PageTags<TArch, TModel>.IsOn)
            return findings;
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            if (survey.IsUsed(type))
                CheckSlots(type);
        }

        CheckOwners(tags.ReadBuffers(), "slot");
        if (TArch.KeepsTagsByAddress)
            CheckAddresses();
        return findings;
    }

    /// <inheritdoc/>
    public void Range(uint space, ulong first, ulong last, ulong pages, uint buffer)
    {
        string range = $"the range {first:x}-{last:x} of address space {space}";
        if (buffer != 0 && !owners.TryAdd(buffer, range))
            findings.Add("T1", $"Buffer {buffer} belongs to {range} and to {owners[buffer]}.");
        ulong entries = CountAway(space, first, last);
        if (pages > long.MaxValue)
            findings.Add("T4", $"The count of {range} fell below 0: {pages:x}.");
        else if (pages > entries)
            findings.Add("T1", $"{pages} pages are saved in {range}, and {entries} swap and migration entries could want them.");
    }

    private void CheckSlots(uint type)
    {
        foreach (SwapEntry slot in tags.SlotsOf(type))
        {
            uint buffer = tags.BufferOf(slot);
            if (buffer == 0)
                continue;
            SwapSlotWord word = mm.Swap.Map[slot];
            if (!word.IsUsed)
                findings.Add("T5", $"Slot {slot} is free and keeps metadata: {word}.");
            if (!owners.TryAdd(buffer, $"slot {slot}"))
                findings.Add("T1", $"Buffer {buffer} belongs to slot {slot} and to {owners[buffer]}.");
        }
    }

    private void CheckOwners(IReadOnlyList<uint> live, string whose)
    {
        foreach (uint buffer in live)
        {
            if (!owners.Remove(buffer))
                findings.Add("T1", $"Buffer {buffer} is in use and belongs to no {whose}.");
        }

        foreach ((uint buffer, string owner) in owners)
            findings.Add("T1", $"Buffer {buffer} is free, and {owner} has it.");
        owners.Clear();
    }

    private void CheckAddresses()
    {
        foreach (uint space in survey.Spaces)
            TArch.Account(tags, space, this);
        CheckOwners(tags.ByAddress!.ReadBuffers(), "range of addresses");
    }

    private ulong CountAway(uint space, ulong first, ulong last)
    {
        ulong count = 0;
        uint root = mm.Spaces[space].Root;
        last = Math.Min(last, TArch.UserSpaceEnd - 1);
        for (ulong address = first; address <= last; address += 1UL << TArch.PageShift)
        {
            uint table = mm.Tables.LeafTable(root, address);
            Pte entry = table == 0 ? default : PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
            if (!TArch.IsNone(entry, 1) && !TArch.IsPresent(entry, 1) && IsAway(mm.Decode(entry)))
                count++;
        }

        return count;
    }

    /// <summary>Of pages that are swapped out or on their way to another frame something may be saved.</summary>
    private static bool IsAway(in SoftLeaf entry) => entry.Kind == SoftLeafKind.Swap || entry.IsMigration;
}
