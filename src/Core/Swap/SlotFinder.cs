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
    /// As <see cref="SwapAreas{TModel}.Slot"/>; a null reference also where that would have to look further. The caller has stabilised the area.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong Find(SwapEntry entry)
    {
        ulong limit = image.SlotWordLimit;
        if (entry.Type >= SwapAreas<TModel>.MaxAreas || limit == 0)
            return ref Unsafe.NullRef<ulong>();
        ref SwapAreaRecord area = ref Unsafe.AsRef<SwapAreaRecord>(areas + entry.Type);
        ulong index = area.FirstSlot + entry.Offset;
        if (entry.Offset >= area.Slots || index >= limit)
            return ref Unsafe.NullRef<ulong>();
        return ref Unsafe.AsRef<ulong>(words + index);
    }
}
