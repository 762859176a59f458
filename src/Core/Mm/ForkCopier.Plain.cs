using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <content>
/// The pages that nearly all of a fork are, with everything about them looked up once. What is done to each, and in which order, is what
/// <c>CopyEntry</c> does, and so for any model (<see cref="IModel.TakesShortcuts"/>).
/// </content>
public sealed partial class ForkCopier<TArch, TModel>
{
    private const ulong NotPlain = (ulong)(FrameFlags.SharedMemory | FrameFlags.Large | FrameFlags.Tail);

    /// <summary>
    /// Copies entries that are none or map a base page of anonymous memory, as long as the parent has pinned nothing; stops in front of any other.
    /// The counter of the child follows at the end, as in the kernel.
    /// </summary>
    private void CopyPlain(
        uint parentVma, uint childVma, in TableGuard<TArch, TModel> parent, in TableGuard<TArch, TModel> child, ref ulong address, ulong stop)
    {
        ref AddressSpace space = ref mm.Spaces[mm.Vmas[parentVma].AddressSpace];
        ref ulong source = ref mm.Tables.Entry(parent.Table, address);
        ref ulong destination = ref mm.Tables.Entry(child.Table, address);
        uint copied = 0;
        for (; address < stop; address += 1UL << TArch.PageShift)
        {
            if (!TryCopyPlain(ref space, new Leaf<TArch, TModel>(ref source, address), new Leaf<TArch, TModel>(ref destination, address), ref copied))
                break;

            // Safe: stop lies in or right behind the two tables, so these are entries of them or never used.
            source = ref Unsafe.Add(ref source, 1);
            destination = ref Unsafe.Add(ref destination, 1);
        }

        if (copied != 0)
            Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[childVma].AddressSpace].AnonPages, copied);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryCopyPlain(ref AddressSpace parent, Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination, ref uint copied)
    {
        Pte entry = source.Value;
        if (TArch.IsNone(entry, 1))
            return true;
        uint frame = TArch.IsPresent(entry, 1) ? MmContext<TArch, TModel>.NormalFrame(entry) : 0;
        if (frame == 0)
            return false;
        ref FrameRecord record = ref mm.Frames[frame];
        ulong flags = Atomic<TModel>.Load(ref record.Flags);
        if ((flags & NotPlain) != 0 || Atomic<TModel>.Load(ref parent.HasPinned) != 0)
            return false;
        Atomic<TModel>.Add(ref record.RefCount, 1);
        if ((flags & (ulong)FrameFlags.AnonExclusive) != 0)
            Atomic<TModel>.And(ref record.Flags, ~(ulong)FrameFlags.AnonExclusive);
        Atomic<TModel>.Add(ref record.MapCount, 1);
        if (TArch.IsWritable(entry))
        {
            entry = TArch.WriteProtect(entry);
            source.SetPresent(entry);
        }

        copied++;
        mm.Leaves.Publish(destination, Share(entry));
        return true;
    }
}
