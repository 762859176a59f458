using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// Takes hold of pages that are already mapped as wanted, without any lock (mm/gup.c, the fast path). What it cannot do goes to
/// <see cref="Gup{TArch, TModel}"/>.
/// </summary>
/// <remarks>
/// <para>Reader: read the entry → raise the count unless it is 0 → full fence → read the entry again, give up if it differs → for a pin of a
/// read-only anonymous page: give up unless it is exclusive. Whoever takes a page away clears the entry first (a full fence), then looks at
/// the count, then clears exclusiveness, then publishes a new entry, which is never writable. So either it sees our count, or we see
/// its change.</para>
/// <para>Page tables are not freed under a reader: it is counted in <see cref="AddressSpace.FastWalkers"/>, and who frees tables waits after
/// unlinking them until that is 0 (the kernel keeps interrupts off instead).</para>
/// <para>Against fork, which makes pages shared without clearing entries, a pin looks at the sequence that fork makes odd.</para>
/// </remarks>
public sealed class GupFast<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the operation of a machine.</summary>
    public GupFast(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>Takes hold of one page; false when the slow path must be asked, with nothing taken.</summary>
    /// <param name="space">The address space; the caller is a user of it.</param>
    /// <param name="virtualAddress">Any address in the page.</param>
    /// <param name="flags">Get or Pin, and Write.</param>
    /// <param name="frame">The frame, to be given back with <see cref="Gup{TArch, TModel}.Put"/>.</param>
    public bool TryTake(uint space, ulong virtualAddress, GupFlags flags, out uint frame)
    {
        frame = 0;
        if (virtualAddress >= TArch.UserSpaceEnd)
            return false; // a walk ignores the bits above those it indexes with: such an address would show another one's page
        ref AddressSpace record = ref mm.Spaces[space];
        bool pin = (flags & GupFlags.Pin) != 0;
        if (pin && Atomic<TModel>.Load(ref record.HasPinned) == 0)
            Atomic<TModel>.Store(ref record.HasPinned, 1); // before the pin, so that fork looks for it
        ulong sequence = Atomic<TModel>.Load(ref record.WriteProtectSequence);
        if (pin && TModel.GupFastChecksFork && (sequence & 1) != 0)
            return false;

        Atomic<TModel>.Add(ref record.FastWalkers, 1);
        bool taken = TryTakeWalking(record.Root, virtualAddress, flags, out frame);
        Atomic<TModel>.Add(ref record.FastWalkers, -1);
        if (!taken || !pin || !TModel.GupFastChecksFork || Atomic<TModel>.Load(ref record.WriteProtectSequence) == sequence)
            return taken;
        Drop(frame, flags);
        frame = 0;
        return false;
    }

    private bool TryTakeWalking(uint root, ulong virtualAddress, GupFlags flags, out uint frame)
    {
        frame = 0;
        uint table = mm.Tables.LeafTable(root, virtualAddress);
        if (table == 0)
            return TryTakeHuge(root, virtualAddress, flags, out frame);
        Pte entry = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, virtualAddress));
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) || TArch.IsProtNone(entry) || TArch.IsSpecial(entry))
            return false;
        if ((flags & GupFlags.Write) != 0 && !TArch.IsWritable(entry))
            return false;
        uint candidate = (uint)TArch.FrameOf(entry, 1);
        if (!mm.Folios.TryGet(candidate))
            return false;
        if ((flags & GupFlags.Pin) != 0)
            mm.Frames.ConvertToPin(candidate);
        Atomic<TModel>.Fence();
        bool unchanged = (!TModel.GupFastRechecksTable || mm.Tables.LeafTable(root, virtualAddress) == table)
            && (!TModel.GupFastRechecksEntry || PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, virtualAddress)) == entry);
        if (!unchanged || MustUnshare(candidate, entry, flags))
        {
            Drop(candidate, flags);
            return false;
        }

        frame = candidate;
        return true;
    }

    /// <summary>As above, of a huge leaf. The folio may be split meanwhile: then the leaf is another one when it is read again.</summary>
    private bool TryTakeHuge(uint root, ulong virtualAddress, GupFlags flags, out uint frame)
    {
        frame = 0;
        uint middle = mm.Tables.MiddleTable(root, virtualAddress);
        if (middle == 0)
            return false;
        Pte entry = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(middle, virtualAddress, 2));
        AccessKind kind = (flags & GupFlags.Write) != 0 ? AccessKind.Write : AccessKind.Read;
        if (!TArch.IsLeaf(entry, 2) || TArch.IsSpecial(entry) || !TArch.TryAccess(entry, kind, 2, out _))
            return false;
        uint head = (uint)TArch.FrameOf(entry, 2);
        uint candidate = head + HugePages<TArch, TModel>.PageOf(virtualAddress);
        if (!mm.Folios.TryGet(candidate))
            return false;
        if ((flags & GupFlags.Pin) != 0)
            mm.Frames.ConvertToPin(candidate);
        Atomic<TModel>.Fence();
        bool unchanged = (!TModel.GupFastRechecksTable || mm.Tables.MiddleTable(root, virtualAddress) == middle)
            && (!TModel.GupFastRechecksEntry || PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(middle, virtualAddress, 2)) == entry);
        if (!unchanged || MustUnshare(head, entry, flags))
        {
            Drop(candidate, flags);
            return false;
        }

        frame = candidate;
        return true;
    }

    private bool MustUnshare(uint frame, Pte entry, GupFlags flags)
    {
        if (!TModel.PinUnshares || (flags & GupFlags.Pin) == 0 || TArch.IsWritable(entry))
            return false;
        FrameFlags state = mm.Frames.Flags(frame); // after the entry was read again: see the class
        return (state & FrameFlags.Anon) == 0
            ? (flags & GupFlags.LongTerm) != 0 // only the VMA tells whether a store would make a copy, and there is none here
            : (state & FrameFlags.AnonExclusive) == 0;
    }

    private void Drop(uint frame, GupFlags flags)
    {
        if ((flags & GupFlags.Pin) != 0)
            mm.Folios.PutPin(frame);
        else
            mm.Folios.Put(frame);
    }
}
