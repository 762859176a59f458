using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm.Huge;

namespace PageTableEmu.Mm;

/// <summary>madvise(2), but for MADV_PAGEOUT, which is reclaim's.</summary>
public sealed class Madvise<TArch, TModel>
    where TArch : struct, Paging.IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Gup<TArch, TModel> gup;
    private readonly PageAdvice<TArch, TModel> pages;
    private readonly KsmAdvice<TArch, TModel> ksm;
    private readonly TableReclaimer<TArch, TModel> tables;
    private readonly Collapse<TArch, TModel> collapse;

    /// <summary>Makes the operation of a machine.</summary>
    public Madvise(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults, Gup<TArch, TModel> gup)
    {
        this.mm = mm;
        this.gup = gup;
        tables = new TableReclaimer<TArch, TModel>(mm);
        collapse = new Collapse<TArch, TModel>(mm, faults);
        pages = new PageAdvice<TArch, TModel>(mm, faults);
        ksm = new KsmAdvice<TArch, TModel>(mm, faults);
    }

    /// <summary>Applies advice to [start, end).</summary>
    /// <returns>
    /// Ok; NoMemory when a part is not mapped (the mapped parts are done), Invalid when a VMA does not take the advice (those before it are
    /// done), Fault when a page cannot be faulted in.
    /// </returns>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public MmResult Apply(uint space, ulong start, ulong end, Advice advice, ref FaultCounters counters)
    {
        try
        {
            return Dispatch(space, start, end, advice, ref counters);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult Dispatch(uint space, ulong start, ulong end, Advice advice, ref FaultCounters counters) => advice switch
    {
        Advice.Cold or Advice.WillNeed or Advice.DontNeed or Advice.Free or Advice.GuardInstall or Advice.GuardRemove
            => ApplyToPages(space, start, end, advice),
        Advice.PopulateRead => Populate(space, start, end, VmaFlags.Read, GupFlags.None, ref counters),
        Advice.PopulateWrite => Populate(space, start, end, VmaFlags.Write, GupFlags.Write, ref counters),
        Advice.DontFork => ChangeFlags(space, start, end, VmaFlags.DontFork, VmaFlags.None),
        Advice.DoFork => ChangeFlags(space, start, end, VmaFlags.None, VmaFlags.DontFork),
        Advice.WipeOnFork => ChangeFlags(space, start, end, VmaFlags.WipeOnFork, VmaFlags.None),
        Advice.KeepOnFork => ChangeFlags(space, start, end, VmaFlags.None, VmaFlags.WipeOnFork),
        Advice.HugePage => ChangeFlags(space, start, end, VmaFlags.HugePage, VmaFlags.NoHugePage),
        Advice.Collapse => collapse.Apply(space, start, end),
        Advice.NoHugePage => ChangeFlags(space, start, end, VmaFlags.NoHugePage, VmaFlags.HugePage),
        Advice.Mergeable or Advice.Unmergeable => ksm.Apply(space, start, end, advice == Advice.Mergeable, ref counters),
        _ => throw new ArgumentOutOfRangeException(nameof(advice), advice, "MADV_PAGEOUT belongs to reclaim; other values are no advice."),
    };

    private MmResult ApplyToPages(uint space, ulong start, ulong end, Advice advice)
    {
        var visitor = new PagesVisitor(mm, pages, advice);
        MmResult result;
        using (mm.Spaces.HoldRead(space))
            result = VmaPieces<TModel>.Walk(mm.Vmas, space, start, end, ref visitor);

        if (result == MmResult.Again && advice == Advice.GuardInstall)
        {
            using MmapHold<TModel> alone = mm.Spaces.HoldWrite(space); // faults that were faster are over now, and none begins
            result = VmaPieces<TModel>.Walk(mm.Vmas, space, start, end, ref visitor);
        }

        if (advice == Advice.DontNeed && TArch.ReclaimsEmptyTables)
            tables.FreeEmptyTables(space, start, end);
        return result;
    }

    /// <summary>
    /// Page by page (madvise_populate), but for those that come in together; the permission is looked at again for each, because the lock may be
    /// given up between them.
    /// </summary>
    private MmResult Populate(uint space, ulong start, ulong end, VmaFlags needed, GupFlags flags, ref FaultCounters counters)
    {
        MmResult result = MmResult.Ok;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        for (ulong address = start; address < end && result == MmResult.Ok;)
        {
            uint vma = mm.Vmas.Find(space, address);
            if (vma == 0)
                result = MmResult.NoMemory;
            else if ((mm.Vmas.FlagsOf(vma) & needed) == 0)
                result = MmResult.Invalid;
            else
                result = gup.FaultIn(space, vma, ref address, Math.Min(mm.Vmas[vma].End, end), flags, ref counters);
        }

        mm.Folios.Allocator.AdvanceEpoch(); // lru_add_drain
        return result;
    }

    private MmResult ChangeFlags(uint space, ulong start, ulong end, VmaFlags set, VmaFlags clear)
    {
        var visitor = new FlagsVisitor(mm.Vmas, set, clear);
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        return VmaPieces<TModel>.Walk(mm.Vmas, space, start, end, ref visitor);
    }

    private readonly struct PagesVisitor(MmContext<TArch, TModel> mm, PageAdvice<TArch, TModel> pages, Advice advice) : IVmaPieceVisitor
    {
        public MmResult Visit(uint vma, ulong start, ulong end)
        {
            VmaFlags flags = mm.Vmas.FlagsOf(vma);
            bool needsUnlocked = advice is not (Advice.WillNeed or Advice.GuardRemove);
            if (needsUnlocked && (flags & VmaFlags.Locked) != 0)
                return MmResult.Invalid;
            if (advice == Advice.Free && mm.Vmas[vma].SharedObject != 0)
                return MmResult.Invalid;
            return pages.Apply(vma, start, end, advice);
        }
    }

    private readonly struct FlagsVisitor(Vmas<TModel> vmas, VmaFlags set, VmaFlags clear) : IVmaPieceVisitor
    {
        public MmResult Visit(uint vma, ulong start, ulong end)
        {
            VmaFlags flags = vmas.FlagsOf(vma);
            if ((set & VmaFlags.WipeOnFork) != 0 && vmas[vma].SharedObject != 0)
                return MmResult.Invalid;
            VmaFlags wanted = (flags & ~clear) | set;
            return wanted == flags || vmas.TryModify(vma, start, end, wanted, vmas[vma].Uffd) != 0 ? MmResult.Ok : MmResult.NoMemory;
        }
    }
}
