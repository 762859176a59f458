using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Marks;

/// <summary>
/// Forgets what page tables know of accesses, so that whoever looks later sees those since then (fs/proc/task_mmu.c clear_refs_write).
/// </summary>
/// <remarks>
/// <para>Takes the mmap_lock for writing. To notice the next store, every page loses its write permission: the fault of the store marks it. A
/// page that may be pinned keeps both, since whoever pinned it writes past the page table anyway and must go on sharing the page with it.</para>
/// <para>A new mapping counts as written as a whole (<see cref="VmaFlags.SoftDirty"/>) until soft-dirty is cleared the next time; only then do its
/// pages tell by themselves.</para>
/// </remarks>
/// <example>
/// <code>
/// machine.ClearRefs(process, ClearRefsKind.SoftDirty);
/// machine.Write(process, address, one, ref faults);
/// bool written = machine.PageMap.Look(process, address).Has(PageInfoFlags.SoftDirty);
/// var operation = new ClearRefs&lt;X64FourLevel, Mainline&gt;(machine.Context); // what ClearRefs calls
/// operation.Clear(process, ClearRefsKind.Referenced);
/// </code>
/// </example>
public sealed class ClearRefs<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the operation of a machine.</summary>
    public ClearRefs(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
    }

    /// <summary>Clears the marks of all pages of an address space.</summary>
    /// <returns>Ok; Invalid for soft-dirty where the architecture has no bit for it, and for numbers that are no kind.</returns>
    public MmResult Clear(uint space, ClearRefsKind kind)
    {
        mm.Spaces.ThrowIfNotLive(space);
        bool known = kind is >= ClearRefsKind.Referenced and <= ClearRefsKind.SoftDirty;
        if (!known || (kind == ClearRefsKind.SoftDirty && !(TArch.HasSoftDirty && TArch.HasSwapSoftDirty)))
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.Next(vma))
        {
            bool isObject = mm.Vmas[vma].SharedObject != 0;
            if ((kind == ClearRefsKind.ReferencedAnonymous && isObject) || (kind == ClearRefsKind.ReferencedMapped && !isObject))
                continue;
            if (kind == ClearRefsKind.SoftDirty)
                mm.Vmas.SetFlags(vma, mm.Vmas.FlagsOf(vma) & ~VmaFlags.SoftDirty);
            ClearVma(vma, kind);
        }

        mm.Tables.Invalidate(mm.Spaces[space].Root); // no processor may use a permission or mark that it remembers
        return MmResult.Ok;
    }

    private void ClearVma(uint vma, ClearRefsKind kind)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        ulong end = mm.Vmas[vma].End;
        for (ulong address = mm.Vmas[vma].Start; address < end;)
        {
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            if (guard.Table == 0)
            {
                ClearHuge(root, address, kind);
                address = stop;
            }

            for (; address < stop; address += 1UL << TArch.PageShift)
                ClearEntry(vma, guard[address], kind);
        }
    }

    private void ClearEntry(uint vma, Leaf<TArch, TModel> leaf, ClearRefsKind kind)
    {
        Pte entry = leaf.Value;
        if (TArch.IsNone(entry, 1))
            return;
        if (TArch.IsPresent(entry, 1))
        {
            uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
            if (kind != ClearRefsKind.SoftDirty)
                Forget(leaf, entry, frame);
            else if (!IsPinned(vma, entry, frame))
                leaf.SetPresent(TArch.ClearSoftDirty(TArch.WriteProtect(entry)));
        }
        else if (kind == ClearRefsKind.SoftDirty && TArch.IsSwapSoftDirty(entry))
        {
            mm.Leaves.Amend(leaf, TArch.ClearSwapSoftDirty(entry));
        }
    }

    private void Forget(Leaf<TArch, TModel> leaf, Pte entry, uint frame)
    {
        if (frame == 0)
            return;
        if (TArch.IsYoung(entry))
            leaf.SetPresent(TArch.MakeOld(entry));
        mm.Frames.Clear(frame, FrameFlags.Referenced);
    }

    /// <summary>A huge leaf is not looked at for pins.</summary>
    private void ClearHuge(uint root, ulong address, ClearRefsKind kind)
    {
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address);
        Pte entry = guard.Value;
        if (guard.Table == 0 || TArch.IsNone(entry, 2) || TArch.IsTable(entry, 2))
            return;
        if (!guard.IsLeaf)
        {
            if (kind == ClearRefsKind.SoftDirty)
                guard.Set(TArch.ClearSwapSoftDirty(entry)); // a huge page that is being moved
        }
        else if (kind == ClearRefsKind.SoftDirty)
        {
            guard.Set(TArch.ClearSoftDirty(TArch.WriteProtect(entry)));
        }
        else if (guard.Head != 0)
        {
            guard.Set(TArch.MakeOld(entry));
            mm.Frames.Clear(guard.Head, FrameFlags.Referenced);
        }
    }

    /// <summary>pte_is_pinned: asked only of writable pages of a private mapping in an address space that ever pinned any.</summary>
    private bool IsPinned(uint vma, Pte entry, uint frame)
    {
        if (!TModel.ClearRefsSparesPinned || frame == 0 || !TArch.IsWritable(entry) || mm.Vmas[vma].SharedObject != 0)
            return false;
        return Atomic<TModel>.Load(ref mm.Spaces[mm.Vmas[vma].AddressSpace].HasPinned) != 0 && mm.Frames.MaybePinned(frame);
    }
}
