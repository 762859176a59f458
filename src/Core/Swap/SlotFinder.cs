using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>
/// Finds the word of a slot without a call. Every change of a slot is a locked instruction, which the loads behind it wait for: how many of them
/// depend on each other decides how fast references are counted. So the addresses that never change lie here, in the object that looks.
/// </summary>
// Safe: the records of areas have storage from the start, there are MaxAreas of them, and a word below the limit has storage; an image that is
// not attached has no words, and its records are not looked at.
internal readonly unsafe struct SlotFinder<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly SwapAreaRecord* areas;
    private readonly ulong* words;

    internal SlotFinder(MachineImage image)
    {
        this.image = image;
        areas = (SwapAreaRecord*)image.FixedRecords(MetadataRegion.SwapAreas);
        words = (ulong*)image.FixedRecords(MetadataRegion.SwapSlots);
    }

    /// <summary>
    /// Where the word of a slot lies, by the rules of <see cref="SwapAreas{TModel}.Slot"/>; false also where that would have to look further. The
    /// caller has stabilised the area.
    /// </summary>
    /// <remarks>An index and not a reference: that none was found would have to be seen from the reference once more.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryFind(SwapEntry entry, out ulong index)
    {
        index = 0;
        ulong limit = image.SlotWordLimit;
        ulong type = entry.Value >> SwapEntry.TypeShift;
        if (type >= SwapAreas<TModel>.MaxAreas || limit == 0)
            return false;
        ref SwapAreaRecord area = ref Unsafe.AsRef<SwapAreaRecord>(areas + type);
        index = area.FirstSlot + entry.Offset;
        return entry.Offset < area.Slots && index < limit;
    }

    /// <summary>The word that was found.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong Word(ulong index) => ref Unsafe.AsRef<ulong>(words + index);
}
