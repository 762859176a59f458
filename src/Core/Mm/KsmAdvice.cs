using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>MADV_MERGEABLE and MADV_UNMERGEABLE (mm/ksm.c ksm_madvise), and the same for whole processes (ksm_enable_merge_any).</summary>
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

    /// <summary>Whether a VMA's pages can be merged at all (vma_ksm_compatible).</summary>
    internal static bool IsCompatible(VmaFlags flags) =>
        (flags & (VmaFlags.Shared | VmaFlags.MayShare | VmaFlags.DontExpand)) == 0 && !Mmap<TArch, TModel>.RefusesMerging(flags);

    /// <summary>
    /// Makes all VMAs mergeable that can be, and those that are mapped from now on; or none, and every merged page gets a frame of its own again.
    /// </summary>
    /// <returns>Ok; NoMemory: all is as it was, but for pages that were unmerged.</returns>
    internal MmResult SetMergesAll(uint space, bool on, ref FaultCounters counters)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        if ((mm.Spaces[space].MergesAll != 0) == on)
            return MmResult.Ok;
        if (on && !mm.Ksm.TryEnter(space))
            return MmResult.NoMemory;
        MmResult result = MmResult.Ok;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0 && result == MmResult.Ok && !on; vma = mm.Vmas.Next(vma))
            result = Unmerge(vma, ref counters);
        if (on || result != MmResult.Ok)
            MakeAllMergeable(space); // also what was unmerged before frames ran out
        if (result == MmResult.Ok)
            mm.Spaces[space].MergesAll = on ? 1u : 0;
        return result;
    }

    private MmResult Unmerge(uint vma, ref FaultCounters counters)
    {
        VmaFlags flags = mm.Vmas.FlagsOf(vma);
        if ((flags & VmaFlags.Mergeable) == 0)
            return MmResult.Ok;
        MmResult result = mm.Vmas.AnonVmaOf(vma) == 0
            ? MmResult.Ok
            : pages.Unmerge(vma, mm.Vmas[vma].Start, mm.Vmas[vma].End, ref counters);
        if (result == MmResult.Ok)
            mm.Vmas.SetFlags(vma, flags & ~VmaFlags.Mergeable);
        return result;
    }

    private void MakeAllMergeable(uint space)
    {
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.Next(vma))
        {
            if (IsCompatible(mm.Vmas.FlagsOf(vma)))
                mm.Vmas.SetFlags(vma, mm.Vmas.FlagsOf(vma) | VmaFlags.Mergeable);
        }
    }

    private static MmResult ChangeFlags(Vmas<TModel> vmas, uint vma, ulong start, ulong end, VmaFlags flags) =>
        vmas.TryModify(vma, start, end, flags, vmas[vma].Uffd) != 0 ? MmResult.Ok : MmResult.NoMemory;

    private readonly struct MergeableVisitor(MmContext<TArch, TModel> mm) : IVmaPieceVisitor
    {
        /// <summary>VMAs whose pages cannot be merged are passed over without a word (vma_ksm_compatible).</summary>
        public MmResult Visit(uint vma, ulong start, ulong end)
        {
            VmaFlags flags = mm.Vmas.FlagsOf(vma);
            if ((flags & VmaFlags.Mergeable) != 0 || !IsCompatible(flags))
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
