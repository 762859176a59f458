using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>Checks counters: of address spaces, of swap areas and their clusters, of pending writes; and the swapoff list.</summary>
internal sealed class AccountingVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly SwapAreas<TModel> areas;
    private readonly Findings findings = new();

    internal AccountingVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        mm = survey.Mm;
        areas = survey.Areas;
    }

    internal Findings Run()
    {
        CheckSpaces();
        CheckMmList();
        CheckAreas();
        CheckPendingWrites();
        CheckGroups();
        return findings;
    }

    private void CheckSpaces()
    {
        foreach (uint space in survey.Spaces)
        {
            ref AddressSpace record = ref mm.Spaces[space];
            if (record.AnonPages != survey.AnonPages[space])
                findings.Add("I18", $"Address space {space} counts {record.AnonPages} anonymous pages and maps {survey.AnonPages[space]}.");
            if (record.SharedPages != survey.SharedPages[space])
                findings.Add("I18", $"Address space {space} counts {record.SharedPages} shared pages and maps {survey.SharedPages[space]}.");
            if (record.SwapEntries != survey.SwapEntries[space])
                findings.Add("I18", $"Address space {space} counts {record.SwapEntries} swap entries and has {survey.SwapEntries[space]}.");
        }
    }

    private void CheckMmList()
    {
        ref MmState state = ref mm.Image.Record<MmState>(MetadataRegion.MmState, 0);
        var live = survey.Spaces.ToHashSet();
        var listed = new HashSet<uint>();
        uint previous = 0;
        for (uint space = state.MmListHead; space != 0; space = mm.Spaces[space].MmListNext)
        {
            if (!live.Contains(space) || !listed.Add(space) || mm.Spaces[space].MmListPrevious != previous || mm.Spaces[space].OnMmList != 1)
            {
                findings.Add("S5", $"The swapoff list is broken behind address space {previous}: {space} is next.");
                return;
            }

            previous = space;
        }

        if (state.MmListCount != listed.Count)
            findings.Add("S5", $"The swapoff list has {listed.Count} address spaces and counts {state.MmListCount}.");
        foreach (uint space in survey.Spaces)
        {
            if (!listed.Contains(space) && (mm.Spaces[space].OnMmList != 0 || survey.SwapEntries[space] != 0))
                findings.Add("S5", $"Address space {space} has {survey.SwapEntries[space]} swap entries and is not on the swapoff list.");
        }
    }

    private void CheckAreas()
    {
        long total = 0;
        long free = 0;
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            if (!survey.IsUsed(type))
                continue;
            ref SwapAreaRecord area = ref areas[type];
            ulong used = 0;
            for (uint index = 0; index < area.Clusters; index++)
                used += CheckCluster(ref area, type, index);
            if (used != area.InUse)
                findings.Add("I10", $"Area {type} has {used} slots in use and counts {area.InUse}.");
            long usable = SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk) ? area.Usable : 0;
            total += usable;
            free += usable - (long)used;
        }

        if (findings.IsEmpty && (total != (long)areas.State.TotalSlots || free != (long)areas.State.FreeSlots))
            findings.Add("I10", $"{free} of {total} slots are free; counted are {(long)areas.State.FreeSlots} of {(long)areas.State.TotalSlots}.");
    }

    /// <summary>Slots in use; the tail of the last cluster beyond the end of the area counts as unusable there.</summary>
    private ulong CheckCluster(ref SwapAreaRecord area, uint type, uint index)
    {
        uint used = 0;
        uint unusable = 0;
        for (uint i = 0; i < areas.ClusterSlots; i++)
        {
            ulong offset = ((ulong)index * areas.ClusterSlots) + i;
            SwapSlotWord word = offset < area.Slots ? mm.Swap.Map[new SwapEntry(type, offset)] : default;
            used += word.IsUsed ? 1u : 0;
            unusable += offset >= area.Slots || word.Tag == SwapSlotTag.Bad ? 1u : 0;
        }

        uint counted = areas.Cluster(ref area, index).Used;
        if (counted != used + unusable)
            findings.Add("I10", $"Cluster {index} of area {type} has {used} slots in use and {unusable} unusable; it counts {counted}.");
        return used;
    }

    private void CheckPendingWrites()
    {
        uint writing = 0;
        for (uint frame = 1; frame < survey.FrameLimit; frame++)
            writing += mm.Frames.HasStorage(frame) && mm.Frames.References(frame) != 0 && mm.Frames.Has(frame, FrameFlags.Writeback) ? 1u : 0;
        if (writing != areas.State.QueueLength)
            findings.Add("I16", $"{writing} folios are being written, {areas.State.QueueLength} writes are pending.");
    }

    /// <summary>Charges are what is owned: frames in use that name the group, slots in use that remember it, address spaces in it.</summary>
    private void CheckGroups()
    {
        MemoryGroups<TModel> groups = mm.Folios.Groups;
        var pages = new ulong[256]; // whatever a damaged frame says
        var slots = new ulong[pages.Length];
        var members = new ulong[pages.Length];
        for (uint frame = 1; frame < survey.FrameLimit; frame++)
        {
            if (mm.Frames.HasStorage(frame) && mm.Frames[frame].RefCount != 0)
                pages[mm.Frames[frame].Flags >> 56] += mm.Frames.PagesOf(frame);
        }

        foreach ((SwapEntry entry, _) in mm.Swap.UsedSlots())
            slots[mm.Swap.OwnerOf(entry)]++;
        foreach (uint space in survey.Spaces)
            members[mm.GroupOf(space) & MemoryGroups<TModel>.Most]++;
        for (uint group = 1; group <= MemoryGroups<TModel>.Most; group++)
        {
            ref MemoryGroupRecord record = ref groups[group];
            (uint, uint, uint) charged = (record.Pages, record.Slots, groups.Members(group));
            if (charged != (pages[group], slots[group], members[group]))
            {
                findings.Add("MG1", $"Group {group} has {pages[group]} frames, {slots[group]} slots and {members[group]} address spaces; "
                    + $"counted are {charged}.");
            }
        }
    }
}
