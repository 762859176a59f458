using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Replay.Machines;

/// <summary>Tags of a format that follow from the first byte of a page: that byte and the tags have to travel together.</summary>
/// <remarks>
/// Zeros have the tag 0, other bytes one of 1 to 13: a page that was never stored to is right by itself, and none matches by being a match for all.
/// </remarks>
internal sealed class ContentTags<TArch, TFormat>(MmContext<TArch, CheckedModel> mm) : ReplayTags<TArch>
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
{
    private const int Tags = 13;

    private readonly byte[] page = new byte[1 << TArch.PageShift];

    private TagStorage<CheckedModel> Storage => mm.Tags.Storage;

    /// <inheritdoc/>
    internal override ulong Pointer(uint space, ulong address)
    {
        ReadOnlySpan<byte> metadata = Find(space, address, out uint frame, out SwapEntry slot) ? Metadata(frame, slot) : default;
        return metadata.IsEmpty ? address : BlockTags<TFormat>.Tagged(address, BlockTags<TFormat>.Get(metadata, 0));
    }

    /// <inheritdoc/>
    internal override void Stored(uint space, ulong address)
    {
        if (!Find(space, address, out uint frame, out _) || frame == 0 || !IsTagged(space, address))
            return;
        uint tag = TagOf(mm.Frames.Bytes(frame)[0]);
        Storage.OfFrame(frame).Fill(Packed(tag));
        Storage.SetValid(frame);
    }

    /// <inheritdoc/>
    internal override IEnumerable<string> Check(IEnumerable<uint> spaces)
    {
        foreach (uint space in spaces)
        {
            for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.Next(vma))
            {
                for (ulong address = mm.Vmas[vma].Start; address < mm.Vmas[vma].End; address += 1UL << TArch.PageShift)
                {
                    if (CheckPage(space, address) is { } problem)
                        yield return $"G2: address {address:x} of address space {space}: {problem}";
                }
            }
        }
    }

    /// <summary>A mapping whose check is off may have tags from when it was on, but not where it cannot be switched off.</summary>
    private bool IsTagged(uint space, ulong address) =>
        !TFormat.ChecksForEver || (mm.Vmas[mm.Vmas.Find(space, address)].Flags & PageTableEmu.Mm.VmaFlags.TagChecked) != 0;

    private static uint TagOf(byte content) => content == 0 ? 0u : 1 + (content % (uint)Tags);

    /// <summary>A byte of metadata where all blocks have one tag, whatever the order in which the format packs them.</summary>
    private static byte Packed(uint tag) => (byte)(tag * 0x11);

    private string? CheckPage(uint space, ulong address)
    {
        if (!Find(space, address, out uint frame, out SwapEntry slot))
            return null;
        SwapSlotWord word = frame != 0 ? default : mm.Swap.Map[slot];
        if (frame == 0 && word.IsCached && !mm.Frames.Has(word.Payload, Image.FrameFlags.Uptodate))
            return null; // the content is lost, or not there yet
        if (frame == 0 && word.IsCached)
            frame = word.Payload;
        byte content;
        if (frame != 0)
            content = mm.Frames.Bytes(frame)[0];
        else if (mm.Swap.Peek(slot, page) == SwapResult.Ok)
            content = page[0];
        else
            return null; // the device has lost it
        ReadOnlySpan<byte> metadata = frame != 0 && Storage.IsValid(frame) ? Storage.OfFrame(frame)
            : slot.IsNone ? default : Storage.OfSlot(slot);
        uint expected = IsTagged(space, address) ? TagOf(content) : 0;
        bool right = metadata.IsEmpty ? expected == 0 : !metadata.ContainsAnyExcept(Packed(expected));
        return right ? null
            : $"its tags are {(metadata.IsEmpty ? "none" : Convert.ToHexString(metadata))}, and what it holds asks for "
                + $"{expected:x} (frame {frame}, slot {slot})";
    }

    private ReadOnlySpan<byte> Metadata(uint frame, SwapEntry slot)
    {
        if (frame != 0)
            return Storage.IsValid(frame) ? Storage.OfFrame(frame) : default;
        SwapSlotWord word = mm.Swap.Map[slot];
        return word.IsCached && Storage.IsValid(word.Payload) ? Storage.OfFrame(word.Payload) : Storage.OfSlot(slot);
    }

    /// <summary>The frame or the slot that a page is in; false when it is nowhere, or is a zero page.</summary>
    private bool Find(uint space, ulong address, out uint frame, out SwapEntry slot)
    {
        slot = default;
        uint root = mm.Spaces[space].Root;
        uint table = mm.Tables.LeafTable(root, address);
        if (table == 0)
            return FindHuge(root, address, out frame) || FindShared(space, address, out frame, out slot);
        Pte entry = PageTables<TArch, CheckedModel>.Load(ref mm.Tables.Entry(table, address));
        frame = 0;
        if (TArch.IsNone(entry, 1))
            return FindShared(space, address, out frame, out slot);
        if (TArch.IsPresent(entry, 1))
            return (frame = MmContext<TArch, CheckedModel>.NormalFrame(entry)) != 0;
        SoftLeaf soft = mm.Decode(entry);
        slot = soft.Kind == SoftLeafKind.Swap ? new SwapEntry(soft.Type, soft.Offset) : default;
        return !slot.IsNone;
    }

    private bool FindHuge(uint root, ulong address, out uint frame)
    {
        using HugeGuard<TArch, CheckedModel> guard = mm.Huge.Lock(root, address);
        frame = guard.IsLeaf && guard.Head != 0 ? guard.Head + HugePages<TArch, CheckedModel>.PageOf(address) : 0;
        return frame != 0;
    }

    private bool FindShared(uint space, ulong address, out uint frame, out SwapEntry slot)
    {
        frame = 0;
        slot = default;
        uint vma = mm.Vmas.Find(space, address);
        if (vma == 0 || mm.Vmas[vma].SharedObject == 0)
            return false;
        var place = mm.Vmas.Objects.Index.Load(mm.Vmas[vma].SharedObject, mm.Vmas.LinearIndex(vma, address));
        if (place.IsFrame)
            frame = place.Frame;
        else if (place.IsSwap)
            slot = place.Entry;
        return place.IsFrame || place.IsSwap;
    }
}
