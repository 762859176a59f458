using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>
/// Checks same-page merging: lists, trees and counts of its records, that a merged frame and its node name each other, and that nobody wrote
/// a merged page.
/// </summary>
internal sealed class KsmVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly KsmRegistry<TModel> ksm;
    private readonly MmContext<TArch, TModel> mm;
    private readonly Findings findings = new();

    internal KsmVerifier(Survey<TArch, TModel> survey)
    {
        this.survey = survey;
        mm = survey.Mm;
        ksm = mm.Ksm;
    }

    internal Findings Run()
    {
        if (ksm.State.Cursor != 0 || ksm.State.Unmerging != 0)
            findings.Add("KSM", $"A walk stands at slot {ksm.State.Cursor}, unmerging {ksm.State.Unmerging}.");
        CheckSlots();
        CheckSpaces();
        CheckNodes();
        CheckFrames();
        return findings;
    }

    private void CheckSlots()
    {
        uint slots = 0;
        uint items = 0;
        uint previous = 0;
        for (uint slot = ksm.State.FirstSlot; slot != 0 && slots <= ksm.Slots.InUse; slot = ksm.Slots[slot].Next)
        {
            if (ksm.Slots[slot].Previous != previous)
                findings.Add("KSM", $"Slot {slot} stands behind {previous} and names {ksm.Slots[slot].Previous}.");
            slots++;
            items += CheckItems(slot, ref ksm.Slots[slot]);
            previous = slot;
        }

        if (slots != ksm.Slots.InUse || ksm.State.LastSlot != previous)
            findings.Add("KSM", $"{slots} slots are listed down to {previous}; {ksm.Slots.InUse} are in use, the last is {ksm.State.LastSlot}.");
        if (items != ksm.Items.InUse)
            findings.Add("KSM", $"{items} items are listed and {ksm.Items.InUse} are in use.");
    }

    private uint CheckItems(uint slot, ref KsmSlot record)
    {
        uint count = 0;
        uint merged = 0;
        ulong above = 0;
        for (uint number = record.FirstItem; number != 0 && count <= ksm.Items.InUse; number = ksm.Items[number].NextInSlot)
        {
            ref KsmItem item = ref ksm.Items[number];
            if (item.Slot != slot || (count != 0 && item.Address <= above))
                findings.Add("KSM", $"Item {number} of slot {item.Slot} at {item.Address:x} is listed in slot {slot} behind {above:x}.");
            bool joined = item.State == KsmItemState.Stable;
            if (joined != (item.AnonVma != 0))
                findings.Add("KSM", $"Item {number}, {item.State}, refers to anon_vma {item.AnonVma}.");
            merged += joined ? 1u : 0;
            above = item.Address;
            count++;
        }

        if (record.Merged != merged)
            findings.Add("KSM", $"Slot {slot} counts {record.Merged} merged items and has {merged}.");
        return count;
    }

    private void CheckSpaces()
    {
        foreach (uint space in survey.Spaces)
        {
            uint slot = mm.Spaces[space].KsmSlot;
            if (slot != 0 && (ksm.Slots[slot].Space != space || ksm.Slots[slot].Generation != mm.Spaces[space].Generation))
                findings.Add("KSM", $"Address space {space} has slot {slot}, which is that of {ksm.Slots[slot].Space}.");
            for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0 && slot == 0; vma = mm.Vmas.Next(vma))
            {
                if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Mergeable) != 0)
                    findings.Add("KSM", $"VMA {vma} of address space {space} is mergeable, and no scan would find it.");
            }
        }
    }

    private void CheckNodes()
    {
        uint count = 0;
        uint previous = 0;
        for (uint node = ksm.State.FirstNode; node != 0 && count <= ksm.Nodes.InUse; node = ksm.Nodes[node].Next)
        {
            if (ksm.Nodes[node].Previous != previous)
                findings.Add("KSM", $"Node {node} stands behind {previous} and names {ksm.Nodes[node].Previous}.");
            CheckNode(node, ref ksm.Nodes[node]);
            previous = node;
            count++;
        }

        var tree = new TreeCheck<KsmStableNodes<TModel>>(new KsmStableNodes<TModel>(ksm.Nodes), ksm.State.StableRoot, "Merged pages");
        foreach (string problem in tree.Problems)
            findings.Add("KSM", problem);
        if (count != ksm.Nodes.InUse || ksm.State.LastNode != previous || tree.Nodes.Count != count)
        {
            findings.Add("KSM", $"{count} nodes are listed down to {previous}, {tree.Nodes.Count} are in the tree; "
                + $"{ksm.Nodes.InUse} are in use, the youngest is {ksm.State.LastNode}.");
        }
    }

    /// <summary>A node may be stale: its frame is gone, and the next scan finds that out. Then its items still are its own.</summary>
    private void CheckNode(uint node, ref KsmNode record)
    {
        uint count = 0;
        uint previous = 0;
        for (uint number = record.FirstItem; number != 0 && count <= ksm.Items.InUse; number = ksm.Items[number].NextInNode)
        {
            ref KsmItem item = ref ksm.Items[number];
            if (item.State != KsmItemState.Stable || item.Node != node || item.PreviousInNode != previous)
                findings.Add("KSM", $"Item {number}, {item.State}, of node {item.Node} is listed in node {node} behind {previous}.");
            previous = number;
            count++;
        }

        if (record.ItemCount != count)
            findings.Add("KSM", $"Node {node} counts {record.ItemCount} items and has {count}.");
        bool lives = survey.HasRecord(record.Frame) && mm.Frames.References(record.Frame) != 0 && mm.Frames.Has(record.Frame, FrameFlags.Ksm)
            && mm.Frames[record.Frame].Mapping == node;
        if (lives && SharedBytes<TModel>.Checksum(mm.Frames.Bytes(record.Frame)) != record.Checksum)
            findings.Add("KSM", $"The merged page {record.Frame} of node {node} was written.");
    }

    private void CheckFrames()
    {
        for (uint frame = 1; frame < survey.FrameLimit; frame++)
        {
            if (!mm.Frames.HasStorage(frame) || mm.Frames.References(frame) == 0 || !mm.Frames.Has(frame, FrameFlags.Ksm))
                continue;
            ulong node = mm.Frames[frame].Mapping;
            if (node > ksm.Nodes.HighWater || (node != 0 && ksm.Nodes[(uint)node].Frame != frame))
                findings.Add("KSM", $"The merged page {frame} names node {node}, which is not its own.");
        }
    }
}
