using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>MADV_MERGEABLE and MADV_UNMERGEABLE (mm/ksm.c ksm_madvise).</summary>
internal sealed class KsmAdvice<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly KsmPages<TArch, TModel> pages;

    internal KsmAdvice(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        pages = new KsmPages<TArch, TModel>(mm, faults);
    }

    internal MmResult Apply(uint space, ulong start, ulong end, bool mergeable, ref FaultCounters counters)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        if (mergeable)
        {
            var visitor = new MergeableVisitor(mm);
            return VmaPieces<TModel>.Walk(mm.Vmas, space, start, end, ref visitor);
        }

        var unmerging = new UnmergeableVisitor(mm, pages) { Counters = counters };
        MmResult result = VmaPieces<TModel>.Walk(mm.Vmas, space, start, end, ref unmerging);
        counters = unmerging.Counters;
        return result;
    }

    private static MmResult ChangeFlags(Vmas<TModel> vmas, uint vma, ulong start, ulong end, VmaFlags flags) =>
        vmas.TryModify(vma, start, end, flags, vmas[vma].Uffd) != 0 ? MmResult.Ok : MmResult.NoMemory;

    private readonly struct MergeableVisitor(MmContext<TArch, TModel> mm) : IVmaPieceVisitor
    {
        /// <summary>VMAs whose pages cannot be merged are passed over without a word (vma_ksm_compatible).</summary>
        public MmResult Visit(uint vma, ulong start, ulong end)
        {
            const VmaFlags Incompatible = VmaFlags.Shared | VmaFlags.MayShare | VmaFlags.DontExpand;
            VmaFlags flags = mm.Vmas.FlagsOf(vma);
            if ((flags & (Incompatible | VmaFlags.Mergeable)) != 0 || Mmap<TArch, TModel>.RefusesMerging(flags))
                return MmResult.Ok;
            if (!mm.Ksm.TryEnter(mm.Vmas[vma].AddressSpace))
                return MmResult.NoMemory;
            return ChangeFlags(mm.Vmas, vma, start, end, flags | VmaFlags.Mergeable);
        }
    }

    private struct UnmergeableVisitor(MmContext<TArch, TModel> mm, KsmPages<TArch, TModel> pages) : IVmaPieceVisitor
    {
        internal FaultCounters Counters;

        public MmResult Visit(uint vma, ulong start, ulong end)
        {
            VmaFlags flags = mm.Vmas.FlagsOf(vma);
            if ((flags & VmaFlags.Mergeable) == 0)
                return MmResult.Ok;
            MmResult unmerged = mm.Vmas.AnonVmaOf(vma) == 0 ? MmResult.Ok : pages.Unmerge(vma, start, end, ref Counters);
            return unmerged == MmResult.Ok ? ChangeFlags(mm.Vmas, vma, start, end, flags & ~VmaFlags.Mergeable) : unmerged;
        }
    }
}
