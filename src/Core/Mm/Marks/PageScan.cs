using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Marks;

/// <summary>
/// Finds pages by what they are and, if wanted, write-protects them in the same look (the PAGEMAP_SCAN ioctl, fs/proc/task_mmu.c): who watches
/// stores gets those since the last scan and misses none.
/// </summary>
/// <remarks>Takes the mmap_lock for reading; a page is looked at and write-protected under one hold of its table's lock.</remarks>
/// <example>
/// <code>
/// var scan = new PageScan&lt;X64FourLevel, Mainline&gt;(machine.Context, machine.PageMap);
/// var found = new List&lt;PageRegion&gt;();
/// var request = new PageScanRequest { Start = start, End = end, Required = PageCategories.Present, Returned = PageCategories.Present };
/// scan.Scan(process, request, found, out ulong walkEnd); // as machine.ScanPages
/// foreach (PageRegion region in found)
///     Console.WriteLine($"{region.Start:x} to {region.End:x}: {region.Categories}");
/// </code>
/// </example>
public sealed class PageScan<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly PageMap<TArch, TModel> pages;

    /// <summary>Makes the operation of a machine.</summary>
    public PageScan(MmContext<TArch, TModel> mm, PageMap<TArch, TModel> pages)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.pages = pages;
    }

    /// <summary>Scans a range; holes between VMAs match nothing.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="request">What to look for.</param>
    /// <param name="found">What was found is added here.</param>
    /// <param name="walkEnd">Where the scan ended: behind the range, or behind the last page that the limit allowed.</param>
    /// <returns>
    /// Ok; Invalid for an empty, unaligned or impossible range; NotPermitted at a VMA that <see cref="PageScanRequest.RequireAsync"/> refuses;
    /// NoMemory when a table for markers could not be had.
    /// </returns>
    public MmResult Scan(uint space, in PageScanRequest request, IList<PageRegion> found, out ulong walkEnd)
    {
        ArgumentNullException.ThrowIfNull(found);
        mm.Spaces.ThrowIfNotLive(space);
        walkEnd = request.Start;
        if (!Mmap<TArch, TModel>.IsRange(request.Start, unchecked(request.End - request.Start)))
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        ulong left = request.MaxPages == 0 ? ulong.MaxValue : request.MaxPages;
        uint vma = mm.Vmas.FindFirstEndingAbove(space, request.Start);
        for (; vma != 0 && mm.Vmas[vma].Start < request.End && left != 0; vma = mm.Vmas.Next(vma))
        {
            walkEnd = Math.Max(request.Start, mm.Vmas[vma].Start);
            PageCategories common = CategoriesOf(vma);
            bool allowed = (common & PageCategories.WriteProtectAllowed) != 0;
            if (!allowed && request.RequireAsync)
                return MmResult.NotPermitted;
            if ((allowed || !request.WriteProtectMatching) && !TryScanVma(vma, request, common, found, ref walkEnd, ref left))
                return MmResult.NoMemory;
        }

        if (left != 0)
            walkEnd = request.End;
        return MmResult.Ok;
    }

    private PageCategories CategoriesOf(uint vma)
    {
        bool allowed = UserfaultRules<TArch, TModel>.IsAsynchronous(mm, vma) && UserfaultRules<TArch, TModel>.UsesMarkers(mm, vma);
        bool written = TArch.HasSoftDirty && (mm.Vmas.FlagsOf(vma) & VmaFlags.SoftDirty) != 0;
        return (allowed ? PageCategories.WriteProtectAllowed : 0) | (written ? PageCategories.SoftDirty : 0);
    }

    private bool TryScanVma(
        uint vma, in PageScanRequest request, PageCategories common, IList<PageRegion> found, ref ulong walkEnd, ref ulong left)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        ulong end = Math.Min(request.End, mm.Vmas[vma].End);
        while (walkEnd < end && left != 0)
        {
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(walkEnd));
            if (TryScanHuge(vma, request, common, found, stop, ref walkEnd, ref left))
                continue;
            using TableGuard<TArch, TModel> guard =
                request.WriteProtectMatching ? mm.Leaves.LockOrCreate(root, walkEnd) : mm.Leaves.Lock(root, walkEnd);
            if (guard.Table == 0 && mm.Huge.IsMapped(root, walkEnd))
                continue; // a fault put a huge leaf there since we looked
            if (guard.Table == 0 && request.WriteProtectMatching)
                return false;
            for (; walkEnd < stop && left != 0; walkEnd += 1UL << TArch.PageShift)
            {
                Pte entry = guard.Table == 0 ? default : guard[walkEnd].Value;
                PageCategories page = Categorise(pages.Describe(entry, VmaFlags.None)) | common;
                if (!Matches(request, page))
                    continue;
                Add(found, walkEnd, 1, page & request.Returned, ref left);
                if (request.WriteProtectMatching)
                    Protect(guard[walkEnd], entry);
            }
        }

        return true;
    }

    /// <summary>One huge leaf as far as the range goes; one that is to be write-protected in part is split, and left to the level below.</summary>
    private bool TryScanHuge(
        uint vma, in PageScanRequest request, PageCategories common, IList<PageRegion> found, ulong stop, ref ulong walkEnd, ref ulong left)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        if (!mm.Huge.IsMapped(root, walkEnd))
            return false;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, walkEnd);
        if (!guard.IsLeaf)
            return false;
        Pte leaf = guard.Value;
        PageCategories page = common | PageCategories.Present | PageCategories.Huge
            | (TArch.IsUffdWp(leaf) ? 0 : PageCategories.Written)
            | (TArch.IsSoftDirty(leaf) ? PageCategories.SoftDirty : 0)
            | (guard.Head == 0 ? PageCategories.Zero : 0);
        ulong count = Math.Min(left, (stop - walkEnd) >> TArch.PageShift);
        if (!Matches(request, page))
        {
            walkEnd = stop;
            return true;
        }

        if (request.WriteProtectMatching)
        {
            if (!HugePages<TArch, TModel>.IsWhole(walkEnd, walkEnd, walkEnd + (count << TArch.PageShift)))
            {
                mm.Huge.Split(guard, vma);
                return false;
            }

            guard.Set(TArch.MakeUffdWp(leaf));
        }

        Add(found, walkEnd, count, page & request.Returned, ref left);
        walkEnd += count << TArch.PageShift;
        return true;
    }

    private static PageCategories Categorise(in PageInfo page)
    {
        if (page.Kind == SoftLeafKind.None)
            return PageCategories.None;
        bool present = page.Kind == SoftLeafKind.Present;
        return (present ? PageCategories.Present : PageCategories.Swapped)
            | (page.Has(PageInfoFlags.UffdWp) ? 0 : PageCategories.Written)
            | (page.Has(PageInfoFlags.SoftDirty) ? PageCategories.SoftDirty : 0)
            | (page.Has(PageInfoFlags.FileOrShared) ? PageCategories.File : 0)
            | (page.Has(PageInfoFlags.ZeroPage) ? PageCategories.Zero : 0)
            | (page.Has(PageInfoFlags.Guard) ? PageCategories.Guard : 0);
    }

    private static bool Matches(in PageScanRequest request, PageCategories page)
    {
        page ^= request.Inverted;
        return (page & request.Required) == request.Required && (request.AnyOf == PageCategories.None || (page & request.AnyOf) != 0);
    }

    private static void Add(IList<PageRegion> found, ulong address, ulong count, PageCategories categories, ref ulong left)
    {
        ulong end = address + (count << TArch.PageShift);
        left -= count;
        bool continues = found.Count != 0 && found[^1].End == address && found[^1].Categories == categories;
        if (continues)
            found[^1] = found[^1] with { End = end };
        else
            found.Add(new PageRegion(address, end, categories));
    }

    /// <summary>Guard and poison markers are left alone: no access gets past them that would have to be noticed.</summary>
    private void Protect(Leaf<TArch, TModel> leaf, Pte entry)
    {
        if (TArch.IsNone(entry, 1))
            mm.Leaves.Mark(leaf, SoftLeaf.OfMarker(PteMarkers.UffdWp).Encode<TArch>(mm.SwapTypes));
        else if (TArch.IsPresent(entry, 1))
            leaf.SetPresent(TArch.MakeUffdWp(entry));
        else if (mm.Decode(entry).Kind is not (SoftLeafKind.Marker or SoftLeafKind.HwPoison))
            mm.Leaves.Amend(leaf, TArch.MakeSwapUffdWp(entry));
    }
}
