using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>
/// Where per-page metadata (memory tags) lies: with each frame, and with each slot of which somebody wants to keep it. What a
/// provider of an architecture (Paging.IPageTagProvider) works with; nobody else changes anything here.
/// </summary>
/// <remarks>
/// <para>Ownership. Metadata belongs to a frame while the frame's <see cref="FrameFlags.TagsValid"/> is set, to a slot from
/// <see cref="TryKeep"/> until <see cref="Forget"/>, and never to an address. Both at once is normal while a folio is in the swap cache: the
/// frame's is the newer.</para>
/// <para>Locks. A frame's metadata changes by compare-exchange of words (<see cref="Word"/>), or as a whole by who owns the frame
/// alone. A slot's changes with the bound folio locked (keep, replace), and when nobody uses the slot, under its cluster's lock (forget).</para>
/// <para>A buffer is allocated on demand, from a pool of the image; that can fail (<see cref="MachineImageOptions.TagBuffers"/>,
/// <see cref="Faults"/>). Replacing what a slot has needs none.</para>
/// </remarks>
/// <seealso cref="AddressTagStorage{TModel}"/>
public sealed class TagStorage<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly SwapAreas<TModel> areas;
    private readonly RecordPool<TModel, ulong>? buffers;

    internal TagStorage(MachineImage image, SwapAreas<TModel> areas)
    {
        this.image = image;
        this.areas = areas;
        if (image.Options.TagBytesPerPage != 0)
            buffers = new RecordPool<TModel, ulong>(image, MetadataRegion.TagBuffers);
        if (image.Options.AddressTagBuffers != 0)
            ByAddress = new AddressTagStorage<TModel>(image, Faults);
    }

    /// <summary>Allocations that shall fail; of this view only.</summary>
    public TagFaults Faults { get; } = new();

    /// <summary>Metadata kept by address; null on a machine that keeps none so.</summary>
    public AddressTagStorage<TModel>? ByAddress { get; }

    /// <summary>Slots' buffers in use.</summary>
    public uint KeptCount => buffers?.InUse ?? 0;

    /// <summary>The content of a frame, for providers that look at data too.</summary>
    public ReadOnlySpan<byte> Content(uint frame) => image.FrameBytes(frame);

    /// <summary>The metadata of a frame; left over from an earlier life unless <see cref="IsValid"/>.</summary>
    public Span<byte> OfFrame(uint frame) => image.RecordBytes(MetadataRegion.FrameTags, frame);

    /// <summary>A 64-bit word of a frame's metadata, to be changed by compare-exchange. Little-endian whatever the guest's byte order.</summary>
    public ref ulong Word(uint frame, int index) => ref MemoryMarshal.Cast<byte, ulong>(OfFrame(frame))[index];

    /// <summary>Whether a frame's metadata is its page's own.</summary>
    public bool IsValid(uint frame) => (Atomic<TModel>.Load(ref image.Frame(frame).Flags) & (ulong)FrameFlags.TagsValid) != 0;

    /// <summary>Says so. What was stored before is visible to who sees it.</summary>
    public void SetValid(uint frame) => Atomic<TModel>.Or(ref image.Frame(frame).Flags, (ulong)FrameFlags.TagsValid);

    /// <summary>Takes <see cref="SetValid"/> back: the content was replaced by one without metadata.</summary>
    public void ClearValid(uint frame) => Atomic<TModel>.And(ref image.Frame(frame).Flags, ~(ulong)FrameFlags.TagsValid);

    /// <summary>What a slot keeps; empty when it keeps nothing.</summary>
    public ReadOnlySpan<byte> OfSlot(SwapEntry slot)
    {
        uint buffer = (uint)Atomic<TModel>.Load(ref Place(slot));
        return buffer == 0 ? default : Buffer(buffer);
    }

    /// <summary>
    /// Keeps metadata with a slot, in the place of what it kept before; false, and nothing changed, when there is no room for more.
    /// </summary>
    public bool TryKeep(SwapEntry slot, ReadOnlySpan<byte> metadata)
    {
        ref ulong place = ref Place(slot);
        uint buffer = (uint)Atomic<TModel>.Load(ref place);
        if (buffer == 0)
        {
            buffer = Faults.FailsThisAllocation() ? 0 : buffers!.TryAllocate();
            if (buffer == 0)
                return false;
            SharedBytes<TModel>.Copy(metadata, Buffer(buffer));
            Atomic<TModel>.Store(ref place, buffer);
            return true;
        }

        SharedBytes<TModel>.Copy(metadata, Buffer(buffer));
        return true;
    }

    /// <summary>Lets go of what a slot keeps, if anything.</summary>
    public void Forget(SwapEntry slot)
    {
        ulong buffer = Atomic<TModel>.Exchange(ref Place(slot), 0);
        if (buffer == 0)
            return;
        Buffer((uint)buffer).Clear(); // the pool clears the beginning only, and a free record is all zero
        buffers!.Free((uint)buffer);
    }

    /// <summary>Every slot of an area, free ones included.</summary>
    public IEnumerable<SwapEntry> SlotsOf(uint type)
    {
        for (uint offset = 0; type < SwapAreas<TModel>.MaxAreas && offset < areas[type].Slots; offset++)
            yield return new SwapEntry(type, offset);
    }

    /// <summary>The buffers in use, by number, after checking the pool. Meaningful only while nobody works with the machine.</summary>
    /// <exception cref="CorruptImageException">The pool is damaged.</exception>
    public IReadOnlyList<uint> ReadBuffers() => buffers?.ReadLive() ?? [];

    /// <summary>The buffer of a slot, by number; 0 when it has none.</summary>
    public uint BufferOf(SwapEntry slot) => (uint)Atomic<TModel>.Load(ref Place(slot));

    private Span<byte> Buffer(uint number) => number - 1 < image.Capacity(MetadataRegion.TagBuffers)
        ? image.RecordBytes(MetadataRegion.TagBuffers, number - 1)
        : throw new CorruptImageException(nameof(MetadataRegion.SlotTags), $"buffer {number} is outside the pool");

    private ref ulong Place(SwapEntry slot)
    {
        ref SwapAreaRecord area = ref areas[slot.Type];
        if (slot.Offset >= area.Slots)
            throw new CorruptImageException(nameof(MetadataRegion.SlotTags), $"no area has slot {slot}");
        return ref image.Record<ulong>(MetadataRegion.SlotTags, area.FirstSlot + slot.Offset);
    }
}
