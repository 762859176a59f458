using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Ksm;

namespace PageTableEmu.Reclaim.Migration;

/// <summary>
/// Puts migration entries in the place of all entries that map a folio (mm/rmap.c try_to_migrate), and present ones in the place of these
/// (mm/migrate.c remove_migration_ptes).
/// </summary>
/// <remarks>
/// <para>The folio is locked from before the first entry changes until after the last. The places are those of the reverse map: VMAs of the
/// anon_vma, of the shared object, or of the items of a merged page, each under the lock of its tree. While entries stand, VMAs come and go, are
/// forked, moved and resized; all of that keeps the trees true, and an entry that is moved or copied is met by the way back, because trees and
/// tables change under the locks that the walk takes.</para>
/// <para>Order for one entry: clear it → note that it was dirty (never undone) → give up exclusiveness, the one step that can fail → publish the
/// migration entry → mapping and reference go. On the way back: reference → mapping, exclusive again if the entry says so → publish.</para>
/// </remarks>
internal sealed class EntryDisplacer<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly SharedObjects<TModel> objects;
    private readonly KsmReverseMap<TArch, TModel> merged;
    private readonly HugeReverseMap<TArch, TModel> huge;

    internal EntryDisplacer(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        objects = mm.Vmas.Objects;
        merged = new KsmReverseMap<TArch, TModel>(mm);
        huge = new HugeReverseMap<TArch, TModel>(mm);
    }

    /// <summary>
    /// Puts migration entries in the place of as many entries as possible; whether no entry maps the folio any more, which a pin prevents. The
    /// reference in <paramref name="displaced"/> is to be given up by <see cref="Release"/>.
    /// </summary>
    internal bool TryDisplace(uint folio, out DisplacedFolio displaced)
    {
        FrameFlags flags = mm.Frames.Flags(folio);
        bool shared = (flags & FrameFlags.SharedMemory) != 0;
        ulong index = mm.Frames[folio].Index;
        displaced = new DisplacedFolio(folio, 0, shared ? (uint)mm.Frames[folio].Mapping : 0, index);
        if (mm.Frames.FolioMappings(folio) == 0)
            return true;
        var visitor = new DisplaceVisitor(this, folio);
        if (shared)
        {
            WalkObject(displaced, ref visitor);
        }
        else if ((flags & FrameFlags.Ksm) != 0)
        {
            merged.Walk(folio, ref visitor);
        }
        else
        {
            displaced = displaced with { AnonVma = TakeAnonVma(folio) };
            WalkAnonVma(displaced, ref visitor);
        }

        return mm.Frames.FolioMappings(folio) == 0;
    }

    /// <summary>
    /// Puts present entries in the place of all migration entries that name the folio. From the first one on the target is in use: whoever gives
    /// part of it up marks it, and nothing here may take that mark back. A folio that stays where it was keeps the mark that its displacing made.
    /// </summary>
    /// <param name="displaced">What was displaced.</param>
    /// <param name="target">The folio that the entries are to map: the new one, or the old one again.</param>
    internal void Restore(in DisplacedFolio displaced, uint target)
    {
        var visitor = new RestoreVisitor(this, displaced.Folio, target);
        if (displaced.SharedObject != 0)
            WalkObject(displaced, ref visitor);
        else if (displaced.AnonVma != 0)
            WalkAnonVma(displaced, ref visitor);
        else if (mm.Frames.Has(target, FrameFlags.Ksm))
            merged.Walk(target, ref visitor);
    }

    /// <summary>Gives up what kept the way to the entries open.</summary>
    internal void Release(in DisplacedFolio displaced)
    {
        if (displaced.AnonVma != 0)
            mm.ReverseMap.Put(displaced.AnonVma);
    }

    /// <summary>The anon_vma of a mapped folio, with a reference that lasts when the mappings are gone; 0 when it is not mapped any more.</summary>
    private uint TakeAnonVma(uint folio)
    {
        uint anonVma = mm.ReverseMap.Lock(folio);
        if (anonVma == 0)
            return 0;
        mm.ReverseMap.TryGet(anonVma); // it lives: the lock has a reference
        mm.ReverseMap.Unlock(anonVma);
        return anonVma;
    }

    private void WalkAnonVma<TVisitor>(in DisplacedFolio displaced, ref TVisitor visitor)
        where TVisitor : struct, IKsmPlaceVisitor
    {
        if (displaced.AnonVma == 0)
            return;
        mm.ReverseMap.LockAnonVma(displaced.AnonVma);
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(displaced.AnonVma, displaced.Index, mm.PagesOf(displaced.Folio)))
        {
            if (!visitor.Visit(place))
                break;
        }

        mm.ReverseMap.Unlock(displaced.AnonVma);
    }

    private void WalkObject<TVisitor>(in DisplacedFolio displaced, ref TVisitor visitor)
        where TVisitor : struct, IKsmPlaceVisitor
    {
        objects.Lock(displaced.SharedObject);
        uint vma = objects.FirstVma(displaced.SharedObject, displaced.Index);
        for (; vma != 0; vma = objects.NextVma(vma, displaced.Index))
        {
            ref Vma record = ref mm.Vmas[vma];
            ulong address = record.Start + ((displaced.Index - record.PageOffset) << TArch.PageShift);
            if (!visitor.Visit(new ReverseMapPlace(vma, address)))
                break;
        }

        objects.Unlock(displaced.SharedObject);
    }

    // ---- away

    private bool TryDisplaceFolioAt(uint folio, ReverseMapPlace place)
    {
        if (!mm.Frames.IsLarge(folio))
            return TryDisplaceAt(folio, place);
        using (HugeGuard<TArch, TModel> guard = huge.Lock(place))
        {
            if (huge.Maps(guard, place, folio))
                return TryDisplaceLeaf(guard, folio, place.Vma);
        }

        uint frame = PageAt(folio, place);
        ulong end = EndAt(folio, place);
        for (ulong address = place.Address; address < end; address += 1UL << TArch.PageShift, frame++)
        {
            if (!TryDisplaceAt(frame, place with { Address = address }))
                return false;
        }

        return true;
    }

    private bool TryDisplaceAt(uint frame, ReverseMapPlace place)
    {
        uint root = mm.Spaces[mm.Vmas[place.Vma].AddressSpace].Root;
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, place.Address);
        if (guard.Table == 0 || !Unmapper<TArch, TModel>.Maps(guard[place.Address].Value, frame))
            return true;
        Unmapping<TArch, TModel> unmapping = mm.Leaves.BeginUnmap(guard[place.Address]);
        if (TArch.IsDirty(unmapping.Previous))
            mm.Frames.Set(frame, FrameFlags.Dirty);
        if (!unmapping.TrySaveAndShare())
        {
            unmapping.Rollback();
            return false;
        }

        unmapping.CommitMigration(mm.SwapTypes);
        mm.Rmap.Remove(frame, place.Vma);
        mm.Folios.Put(frame);
        return true;
    }

    /// <summary>As for an entry of level 1 (set_pmd_migration_entry); the spare table stays.</summary>
    private bool TryDisplaceLeaf(in HugeGuard<TArch, TModel> guard, uint head, uint vma)
    {
        bool exclusive = mm.Frames.Has(head, FrameFlags.AnonExclusive);
        Pte leaf = guard.Exchange(TArch.MakeInvalid(guard.Value, 2)); // a full fence: who pins the folio after this sees the leaf changed
        if (TArch.IsDirty(leaf))
            mm.Frames.Set(head, FrameFlags.Dirty);
        if (!mm.Rmap.TryShare(head))
        {
            guard.Set(leaf);
            return false;
        }

        guard.Set(MigrationEntry<TArch>.Of(leaf, head, exclusive).Encode<TArch>(mm.SwapTypes));
        mm.Tables.Invalidate(mm.Spaces[mm.Vmas[vma].AddressSpace].Root);
        mm.Rmap.RemoveLarge(head, vma);
        mm.Folios.Put(head);
        return true;
    }

    // ---- back

    private void RestoreFolioAt(uint folio, uint target, ReverseMapPlace place)
    {
        if (!mm.Frames.IsLarge(folio))
        {
            RestoreAt(folio, target, place);
            return;
        }

        using (HugeGuard<TArch, TModel> guard = huge.Lock(place))
        {
            if (guard.IsMigration && guard.First == place.Address)
            {
                RestoreLeaf(guard, folio, target, place.Vma);
                return;
            }
        }

        uint frame = PageAt(folio, place);
        ulong end = EndAt(folio, place);
        for (ulong address = place.Address; address < end; address += 1UL << TArch.PageShift, frame++)
            RestoreAt(frame, target + (frame - folio), place with { Address = address });
    }

    private void RestoreAt(uint frame, uint target, ReverseMapPlace place)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(mm.Spaces[mm.Vmas[place.Vma].AddressSpace].Root, place.Address);
        if (guard.Table == 0)
            return;
        SoftLeaf entry = mm.Decode(guard[place.Address].Value);
        if (!entry.IsMigration || entry.Frame != frame)
            return;
        mm.Frames.Get(target);
        if (mm.Frames.Has(target, FrameFlags.Anon))
        {
            mm.Rmap.Add(target, place.Vma, exclusive: entry.Kind != SoftLeafKind.MigrationRead);
        }
        else
        {
            mm.Frames.AddMapping(target);
            mm.Rmap.LockInMemory(target, place.Vma);
        }

        mm.Leaves.ResolveMigration(guard[place.Address], Present(entry, target, place.Vma, 1));
    }

    private void RestoreLeaf(in HugeGuard<TArch, TModel> guard, uint folio, uint target, uint vma)
    {
        SoftLeaf entry = HugeMigrations<TArch, TModel>.Decode(mm, guard.Value);
        if (entry.Frame != folio)
            return;
        mm.Frames.Get(target);
        mm.Rmap.AddLarge(target, vma, exclusive: entry.Kind != SoftLeafKind.MigrationRead);
        Pte leaf = Present(entry, target, vma, 2);
        mm.Tags.BeforePublish(leaf, 2);
        guard.Set(leaf);
    }

    private Pte Present(in SoftLeaf entry, uint target, uint vma, int level)
    {
        bool mayWrite = (mm.Vmas.FlagsOf(vma) & VmaFlags.Write) != 0;
        return MigrationEntry<TArch>.Restore(entry, target, mm.ProtectionOf(vma), mayWrite, mm.Frames.Has(target, FrameFlags.Dirty), level);
    }

    // ---- the part of a large folio that lies in a VMA

    private uint PageAt(uint folio, ReverseMapPlace place) =>
        folio + (uint)(mm.Vmas.LinearIndex(place.Vma, place.Address) - mm.Frames[folio].Index);

    private ulong EndAt(uint folio, ReverseMapPlace place)
    {
        ulong left = mm.Frames[folio].Index + mm.PagesOf(folio) - mm.Vmas.LinearIndex(place.Vma, place.Address);
        return Math.Min(mm.Vmas[place.Vma].End, place.Address + (left << TArch.PageShift));
    }

    private readonly struct DisplaceVisitor(EntryDisplacer<TArch, TModel> owner, uint folio) : IKsmPlaceVisitor
    {
        public bool Visit(ReverseMapPlace place) => owner.TryDisplaceFolioAt(folio, place);
    }

    private readonly struct RestoreVisitor(EntryDisplacer<TArch, TModel> owner, uint folio, uint target) : IKsmPlaceVisitor
    {
        public bool Visit(ReverseMapPlace place)
        {
            owner.RestoreFolioAt(folio, target, place);
            return true;
        }
    }
}
