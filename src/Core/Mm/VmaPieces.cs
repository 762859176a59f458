using PageTableEmu.Atomics;

namespace PageTableEmu.Mm;

/// <summary>Walks the VMAs of a range as madvise(2) does (mm/madvise.c madvise_walk_vmas): holes are skipped and reported at the end.</summary>
public static class VmaPieces<TModel>
    where TModel : IModel
{
    /// <summary>Visits each piece in ascending order. The VMAs may change under the visitor, if it holds the mmap_lock for writing.</summary>
    /// <returns>The first failure of a visit; NoMemory when all visits succeeded but a part of the range is not mapped; else Ok.</returns>
    public static MmResult Walk<TVisitor>(Vmas<TModel> vmas, uint space, ulong start, ulong end, ref TVisitor visitor)
        where TVisitor : struct, IVmaPieceVisitor
    {
        ArgumentNullException.ThrowIfNull(vmas);
        MmResult atEnd = MmResult.Ok;
        for (ulong position = start; position < end;)
        {
            uint vma = vmas.FindFirstEndingAbove(space, position);
            if (vma == 0 || vmas[vma].Start >= end)
                return MmResult.NoMemory;
            if (vmas[vma].Start > position)
            {
                atEnd = MmResult.NoMemory;
                position = vmas[vma].Start;
            }

            ulong stop = Math.Min(vmas[vma].End, end);
            MmResult result = visitor.Visit(vma, position, stop);
            if (result != MmResult.Ok)
                return result;
            position = stop;
        }

        return atEnd;
    }
}
