using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Tags;

/// <summary>
/// Per-page metadata of a machine: the only caller of its architecture's <see cref="IPageTagProvider"/>. On an architecture without
/// metadata every member is nothing, or the plain operation on the page's bytes.
/// </summary>
/// <remarks>
/// <para>For who writes memory management. A frame whose content is copied, compared or cleared as a whole: <see cref="CopyPage"/>,
/// <see cref="Identical"/>, <see cref="TryAllocateZeroed"/>, <see cref="TryAllocateLarge"/>. An entry that shows a frame it did not show before,
/// or begins to check tags: LeafOperations.Publish, which asks <see cref="BeforePublish"/>; huge leaves ask it where they are made. A page of a
/// shared object that comes back from swap: <see cref="RestoreFromSlot"/> before the index shows it. All else (swap entries, slots, failed
/// unmappings) is done by the primitives and by the swap floor.</para>
/// <para>A value and no object, so that where there is no metadata the JIT has not even a reference to look at.</para>
/// </remarks>
/// <example>
/// <code>
/// using var guest = Machine&lt;Sun4vM7&lt;AdiFrameSlot&gt;&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// PageTags&lt;Sun4vM7&lt;AdiFrameSlot&gt;, Mainline&gt; tags = guest.Context.Tags;
/// tags.Storage.Faults.FailAllocation = 1; // the next page that is swapped out finds no buffer for its tags and stays
/// uint kept = tags.Storage.KeptCount;
/// </code>
/// </example>
public readonly struct PageTags<TArch, TModel> : ISlotTagEvents
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Folios<TModel> folios;

    /// <summary>Makes the operations of a machine and listens to its slots.</summary>
    public PageTags(Folios<TModel> folios, SwapSpace<TModel> swap)
    {
        ArgumentNullException.ThrowIfNull(folios);
        ArgumentNullException.ThrowIfNull(swap);
        this.folios = folios;
        Storage = swap.Tags;
        if (IsOn)
            swap.TagEvents = this;
    }

    /// <summary>Whether pages have metadata; a constant.</summary>
    public static bool IsOn
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TArch.TagBytesPerPage != 0;
    }

    /// <summary>Where it lies.</summary>
    public TagStorage<TModel> Storage { get; }

    private FrameTable<TModel> Frames => folios.Table;

    // ---- frames

    /// <summary>A frame with one reference and zeroed content; 0 when RAM is exhausted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint TryAllocateZeroed()
    {
        uint frame = folios.TryAllocateZeroed();
        if (IsOn && frame != 0)
            TArch.OnFrameCleared(Storage, frame);
        return frame;
    }

    /// <summary>A large folio of 2^order frames with one reference, and zeroed content if that is wanted; 0 when there is no room for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint TryAllocateLarge(int order, bool zeroed)
    {
        uint head = folios.TryAllocateLarge(order, zeroed);
        if (IsOn && zeroed && head != 0)
            ClearedLarge(head);
        return head;
    }

    /// <summary>The first frame of the huge zero page, made at first use; 0 when no block is free.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint TryHugeZeroFrame()
    {
        bool isNew = IsOn && folios.HugeZeroFrame == 0;
        uint head = folios.TryHugeZeroFrame();
        if (isNew && head != 0)
            ClearedLarge(head);
        return head;
    }

    /// <summary>Copies a page, bytes and metadata, to a frame that nobody else has.</summary>
    /// <param name="source">The frame to copy; nobody writes it.</param>
    /// <param name="destination">The new frame.</param>
    /// <param name="forUnchecked">Whether the copy is for a mapping that does not check tags (copy_user_highpage of such a VMA).</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void CopyPage(uint source, uint destination, bool forUnchecked = false)
    {
        SharedBytes<TModel>.Copy(Frames.Bytes(source), Frames.Bytes(destination));
        if (IsOn)
            TArch.CopyFrame(Storage, destination, source, forUnchecked);
    }

    /// <summary>Whether two frames of equal content may stand for each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Identical(uint frame, uint other) => !IsOn || TArch.Identical(Storage, frame, other);

    /// <summary>
    /// Defines the metadata of what a present entry shows, if the entry checks it: before the entry is stored, under its table's lock.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BeforePublish(Pte entry, int level = 1)
    {
        if (IsOn && TArch.ChecksTags(entry))
            EnsureDefined((uint)TArch.FrameOf(entry, level), level == 1 ? 1u : 1u << TArch.LevelBits(1));
    }

    /// <summary>
    /// A page comes from its slot into a locked frame, data first: before the entry or index shows it, and before its swap reference goes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void RestoreFromSlot(SwapEntry slot, uint frame)
    {
        if (IsOn)
            TArch.RestoreFromSlot(Storage, slot, frame);
    }

    /// <summary>Whether the tag of a pointer allows an access to a page through an entry; bytes are those of one page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(Pte entry, uint frame, ulong pointer, int length) =>
        !IsOn || !TArch.ChecksTags(entry)
        || TArch.Allows(Storage, frame, pointer, (int)(pointer & ((1UL << TArch.PageShift) - 1)), length);

    /// <summary>An address space ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void OnSpaceExit(uint space)
    {
        if (IsOn && TArch.KeepsTagsByAddress)
            TArch.OnSpaceExit(Storage, space);
    }

    // ---- slots

    bool ISlotTagEvents.TryPrepareToSwap(uint frame, uint pages)
    {
        for (uint page = 0; page < pages; page++)
        {
            if (TArch.PrepareToSwap(Storage, frame + page, new SwapEntry(Frames[frame + page].Swap)))
                continue;
            while (page-- > 0)
                TArch.OnSlotFree(Storage, new SwapEntry(Frames[frame + page].Swap)); // all of a folio or nothing; its frames stay valid
            return false;
        }

        return true;
    }

    void ISlotTagEvents.SlotFreed(SwapEntry slot) => TArch.OnSlotFree(Storage, slot);

    void ISlotTagEvents.AreaFreed(uint type) => TArch.OnAreaFree(Storage, type);

    private void ClearedLarge(uint head)
    {
        for (uint frame = head; frame < head + Frames.PagesOf(head); frame++)
            TArch.OnFrameCleared(Storage, frame);
    }

    private void EnsureDefined(uint frame, uint pages)
    {
        for (uint end = frame + pages; frame < end; frame++)
            TArch.EnsureDefined(Storage, frame);
    }
}
