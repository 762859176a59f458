using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <content>
/// The pages that nearly all of what is unmapped are, with everything about them looked up once. What is done to each, and in which order, is what
/// <c>ZapPresent</c> does (<see cref="IModel.TakesShortcuts"/>).
/// </content>
public sealed partial class Zapper<TArch, TModel>
{
    private const ulong NotPlain = (ulong)(FrameFlags.SharedMemory | FrameFlags.Large | FrameFlags.Tail);

    /// <summary>
    /// Removes entries that are none or map a base page of anonymous memory; stops in front of any other. The counter of the address space follows at
    /// the end, as in the kernel. The VMA is not locked in memory.
    /// </summary>
    private void ZapPlain(uint vma, in TableGuard<TArch, TModel> guard, ref ulong address, ulong stop, bool dropMarkers)
    {
        ref ulong word = ref mm.Tables.Entry(guard.Table, address);
        int zapped = 0;
        for (; address < stop; address += 1UL << TArch.PageShift)
        {
            var leaf = new Leaf<TArch, TModel>(ref word, address);
            Pte entry = leaf.Value;
            if (!TArch.IsNone(entry, 1) && !TryZapPlain(leaf, entry, dropMarkers, ref zapped))
                break;
            word = ref Unsafe.Add(ref word, 1); // safe: stop lies in or right behind the table
        }

        if (zapped != 0)
            Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].AnonPages, -zapped);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryZapPlain(Leaf<TArch, TModel> leaf, Pte entry, bool dropMarkers, ref int zapped)
    {
        uint frame = TArch.IsPresent(entry, 1) ? MmContext<TArch, TModel>.NormalFrame(entry) : 0;
        if (frame == 0 || (!dropMarkers && TArch.IsUffdWp(entry)))
            return false;
        ref FrameRecord record = ref mm.Frames[frame];
        if ((Atomic<TModel>.Load(ref record.Flags) & NotPlain) != 0)
            return false;
        leaf.ClearPresent(); // under the table's lock only hardware changes it meanwhile, and not what it maps
        zapped++;
        Atomic<TModel>.Add(ref record.MapCount, -1);
        if ((Atomic<TModel>.Load(ref record.Flags) & (ulong)FrameFlags.SwapCache) != 0)
            mm.FreeSwapCache(frame);
        mm.Folios.Put(frame);
        return true;
    }
}
