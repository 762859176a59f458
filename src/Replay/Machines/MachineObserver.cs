using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Replay.Machines;

/// <summary>Shows a machine as /proc shows a kernel: pagemap, kpageflags, smaps, the swap device's bytes.</summary>
internal sealed class MachineObserver<TArch>(MmContext<TArch, CheckedModel> mm)
    where TArch : struct, IArchitecture
{
    /// <summary>Proportional shares are summed in units of 2^-12 byte (PSS_SHIFT), and shown in KiB.</summary>
    private const int PssShift = 12;

    private readonly byte[] slot = new byte[1 << TArch.PageShift];

    /// <summary>Fills in what belongs to the machine as a whole.</summary>
    internal void ObserveSwap(Observation observation, uint? area)
    {
        observation.SwapIns = (long)mm.Swap.PagesRead;
        observation.SwapOuts = (long)mm.Swap.PagesWritten;
        observation.UsedSlots = -1;
        if (area is not { } type)
            return;
        observation.UsedSlots = mm.Swap.InUse(type);
        for (ulong offset = mm.Swap.NextInUse(type, 1); offset != 0; offset = mm.Swap.NextInUse(type, offset + 1))
        {
            SwapSlotWord word = mm.Swap.Map[new SwapEntry(type, offset)];
            if (word.Tag == SwapSlotTag.Cached)
                observation.AddSwapCacheFrame(word.Payload);
        }
    }

    /// <summary>Fills in one process.</summary>
    /// <param name="process">What to fill.</param>
    /// <param name="space">Its address space.</param>
    /// <param name="addressOf">First address of a page of a region.</param>
    internal void ObserveProcess(ProcessObservation process, uint space, Func<int, long, ulong> addressOf)
    {
        process.Merged = mm.Ksm.MergedItems(space);
        uint vma = mm.Vmas.FindFirstEndingAbove(space, addressOf(0, 0));
        for (int region = 0; region < ScriptOperation.RegionCount; region++)
        {
            ulong first = addressOf(region, 0);
            ulong next = addressOf(region + 1, 0);
            for (; vma != 0 && mm.Vmas[vma].Start < next; vma = mm.Vmas.Next(vma))
                ObserveVma(process, space, vma, (byte)region, first);
        }
    }

    private void ObserveVma(ProcessObservation process, uint space, uint vma, byte region, ulong regionStart)
    {
        ref Vma record = ref mm.Vmas[vma];
        uint root = mm.Spaces[space].Root;
        bool locked = (record.Flags & PageTableEmu.Mm.VmaFlags.Locked) != 0;
        var sums = new SmapsSums();
        for (ulong address = record.Start; address < record.End; address += 1UL << TArch.PageShift)
        {
            var page = new PageObservation { Region = region, Page = (int)((address - regionStart) >> TArch.PageShift) };
            uint table = mm.Tables.LeafTable(root, address);
            if (table == 0)
            {
                ObserveHuge(process, page, root, address, locked, ref sums);
                continue;
            }

            Pte entry = PageTables<TArch, CheckedModel>.Load(ref mm.Tables.Entry(table, address));
            if (TArch.IsNone(entry, 1))
                continue;
            process.AddPage(TArch.IsPresent(entry, 1) ? Present(page, entry, locked, ref sums) : NotPresent(page, entry, ref sums));
            Touch(entry);
        }

        if (record.SharedObject != 0)
        {
            ulong end = record.PageOffset + ((record.End - record.Start) >> TArch.PageShift);
            sums.AddSharedSwap(mm.Vmas.Objects.SwappedPages(record.SharedObject, record.PageOffset, end));
        }

        var shown = new VmaObservation
        {
            Region = region,
            FirstPage = (long)((record.Start - regionStart) >> TArch.PageShift),
            Pages = (long)((record.End - record.Start) >> TArch.PageShift),
            Protection = (ScriptProtection)((uint)record.Flags & 3),
            IsShared = (record.Flags & PageTableEmu.Mm.VmaFlags.Shared) != 0,
            Flags = Letters(record.Flags),
        };
        process.AddVma(shown, sums.InKiB());
    }

    /// <summary>One page of a huge leaf, if there is one: shown as its first page is, where pagemap shows the leaf.</summary>
    private void ObserveHuge(ProcessObservation process, PageObservation page, uint root, ulong address, bool locked, ref SmapsSums sums)
    {
        using HugeGuard<TArch, CheckedModel> guard = mm.Huge.Lock(root, address);
        if (!guard.IsLeaf)
            return;
        Pte leaf = guard.Value;
        if (guard.Head == 0)
        {
            process.AddPage(page with
            {
                Kind = PageKind.Present,
                Core = CoreFlags.Huge | CoreFlags.ZeroPage,
                Pagemap = PagemapFlags.FileOrShared,
            });
            return;
        }

        sums.AddHuge();
        PageObservation shown = Present(page, leaf, guard.Head + HugePages<TArch, CheckedModel>.PageOf(address), locked, ref sums);
        bool once = mm.Frames.Mappings(guard.Head) == 1;
        process.AddPage(shown with
        {
            Pagemap = (shown.Pagemap & ~PagemapFlags.MappedOnce) | (once ? PagemapFlags.MappedOnce : 0),
        });
    }

    private PageObservation Present(PageObservation page, Pte entry, bool locked, ref SmapsSums sums) =>
        Present(page, entry, (uint)TArch.FrameOf(entry, 1), locked, ref sums);

    private PageObservation Present(PageObservation page, Pte entry, uint frame, bool locked, ref SmapsSums sums)
    {
        PagemapFlags writeProtected = TArch.IsUffdWp(entry) ? PagemapFlags.UffdWp : 0;
        if (TArch.IsSpecial(entry))
            return page with { Kind = PageKind.Present, Core = CoreFlags.ZeroPage, Pagemap = writeProtected };
        FrameFlags flags = LettersShown(frame);
        long mapCount = mm.Frames.Mappings(frame);
        Span<byte> bytes = mm.Frames.Bytes(frame);
        sums.AddPresent(flags, mapCount, TArch.IsDirty(entry), locked);
        return page with
        {
            Kind = PageKind.Present,
            Key = frame,
            FirstByte = bytes[0],
            LastByte = bytes[^1],
            MapCount = mapCount,
            Core = Letters(flags),
            Pagemap = writeProtected | (mapCount == 1 ? PagemapFlags.MappedOnce : 0)
                | ((flags & FrameFlags.Anon) == 0 ? PagemapFlags.FileOrShared : 0),
        };
    }

    private PageObservation NotPresent(PageObservation page, Pte entry, ref SmapsSums sums)
    {
        SoftLeaf leaf = mm.Decode(entry);
        if (leaf.Kind == SoftLeafKind.Marker)
        {
            PagemapFlags letter = (leaf.Markers & PteMarkers.Guard) != 0 ? PagemapFlags.Guard : PagemapFlags.UffdWp;
            return page with
            {
                Kind = PageKind.Marker,
                Key = (ulong)leaf.Markers,
                FirstByte = PageObservation.Unknown,
                LastByte = PageObservation.Unknown,
                Pagemap = letter,
            };
        }

        if (leaf.Kind != SoftLeafKind.Swap)
            return page with { Kind = PageKind.Other, FirstByte = PageObservation.Unknown, LastByte = PageObservation.Unknown };
        var swapped = new SwapEntry(leaf.Type, leaf.Offset);
        sums.AddSwapped(mm.Swap.Count(swapped));
        (short first, short last) = BytesOf(swapped);
        return page with
        {
            Kind = PageKind.Swapped,
            Key = swapped.Value,
            FirstByte = first,
            LastByte = last,
            Pagemap = leaf.IsUffdWp ? PagemapFlags.UffdWp : 0,
        };
    }

    /// <summary>
    /// The recorder reads the first and the last byte of a present page through /proc/pid/mem, which the kernel takes for two uses of it: they
    /// decide on the order in which reclaim finds pages.
    /// </summary>
    private void Touch(Pte entry)
    {
        uint frame = TArch.IsPresent(entry, 1) ? MmContext<TArch, CheckedModel>.NormalFrame(entry) : 0;
        if (frame == 0)
            return;
        mm.Folios.Lru.MarkAccessed(frame);
        mm.Folios.Lru.MarkAccessed(frame);
    }

    /// <summary>What the device holds, unknown while the page was not written since it got the slot.</summary>
    private (short First, short Last) BytesOf(SwapEntry entry)
    {
        SwapSlotWord word = mm.Swap.Map[entry];
        bool stale = word.Tag == SwapSlotTag.Cached && mm.Frames.Has(word.Payload, FrameFlags.Dirty);
        if (stale || mm.Swap.Peek(entry, slot) != SwapResult.Ok)
            return (PageObservation.Unknown, PageObservation.Unknown);
        return (slot[0], slot[^1]);
    }

    /// <summary>Flags as kpageflags shows them: of a large folio exclusiveness is the first page's.</summary>
    private FrameFlags LettersShown(uint frame) => mm.Frames.Flags(mm.Frames.HeadOf(frame));

    private static CoreFlags Letters(FrameFlags flags)
    {
        CoreFlags letters = CoreFlags.None;
        void Add(FrameFlags flag, CoreFlags letter)
        {
            if ((flags & flag) == flag)
                letters |= letter;
        }

        Add(FrameFlags.Anon, CoreFlags.Anonymous);
        Add(FrameFlags.SwapBacked, CoreFlags.SwapBacked);
        Add(FrameFlags.SwapCache, CoreFlags.SwapCache);
        Add(FrameFlags.Ksm, CoreFlags.Ksm);
        Add(FrameFlags.Large, CoreFlags.Huge);
        Add(FrameFlags.Anon | FrameFlags.AnonExclusive, CoreFlags.Exclusive);
        Add(FrameFlags.Unevictable, CoreFlags.Unevictable);
        Add(FrameFlags.Mlocked, CoreFlags.Mlocked);
        Add(FrameFlags.Writeback, CoreFlags.Writeback);
        return letters;
    }

    private static VmaFlags Letters(PageTableEmu.Mm.VmaFlags flags)
    {
        VmaFlags letters = VmaFlags.None;
        void Add(PageTableEmu.Mm.VmaFlags flag, VmaFlags letter)
        {
            if ((flags & flag) != 0)
                letters |= letter;
        }

        Add(PageTableEmu.Mm.VmaFlags.Locked, VmaFlags.Locked);
        Add(PageTableEmu.Mm.VmaFlags.DontFork, VmaFlags.DontCopy);
        Add(PageTableEmu.Mm.VmaFlags.WipeOnFork, VmaFlags.WipeOnFork);
        Add(PageTableEmu.Mm.VmaFlags.UffdWriteProtect, VmaFlags.UffdWp);
        Add(PageTableEmu.Mm.VmaFlags.Guard, VmaFlags.Guard);
        Add(PageTableEmu.Mm.VmaFlags.HugePage, VmaFlags.HugePage);
        Add(PageTableEmu.Mm.VmaFlags.NoHugePage, VmaFlags.NoHugePage);
        Add(PageTableEmu.Mm.VmaFlags.Mergeable, VmaFlags.Mergeable);
        return letters;
    }

    /// <summary>The counters of one VMA in bytes; shares in 2^-12 byte, rounded down once at the end (fs/proc/task_mmu.c).</summary>
    private struct SmapsSums
    {
        /// <summary>
        /// A page counts as one of the recorded machine, which had pages of 4 KiB: scaled here, because shares are rounded down after they are
        /// summed and could not be scaled afterwards.
        /// </summary>
        private const long PageBytes = 4096;

        private long rss;
        private long pss;
        private long sharedClean;
        private long sharedDirty;
        private long privateClean;
        private long privateDirty;
        private long anonymous;
        private long ksm;
        private long lazyFree;
        private long swap;
        private long swapPss;
        private long lockedPss;
        private long huge;

        internal void AddPresent(FrameFlags flags, long mapCount, bool entryDirty, bool locked)
        {
            bool dirty = entryDirty || (flags & FrameFlags.Dirty) != 0;
            long share = (PageBytes << PssShift) / mapCount;
            rss += PageBytes;
            pss += share;
            lockedPss += locked ? share : 0;
            anonymous += (flags & FrameFlags.Anon) != 0 ? PageBytes : 0;
            ksm += (flags & FrameFlags.Ksm) != 0 ? PageBytes : 0;
            lazyFree += (flags & (FrameFlags.Anon | FrameFlags.SwapBacked)) == FrameFlags.Anon && !dirty ? PageBytes : 0;
            bool shared = mapCount >= 2;
            sharedDirty += shared && dirty ? PageBytes : 0;
            sharedClean += shared && !dirty ? PageBytes : 0;
            privateDirty += !shared && dirty ? PageBytes : 0;
            privateClean += !shared && !dirty ? PageBytes : 0;
        }

        internal void AddHuge() => huge += PageBytes;

        internal void AddSwapped(uint references)
        {
            swap += PageBytes;
            swapPss += (PageBytes << PssShift) / Math.Max(references, 1);
        }

        /// <summary>Pages of a shared object that are in swap: nobody's share.</summary>
        internal void AddSharedSwap(ulong pages) => swap += (long)pages * PageBytes;

        internal readonly SmapsCounters InKiB() => new(
            rss >> 10, pss >> (10 + PssShift), sharedClean >> 10, sharedDirty >> 10, privateClean >> 10, privateDirty >> 10, anonymous >> 10,
            ksm >> 10, lazyFree >> 10, huge >> 10, swap >> 10, swapPss >> (10 + PssShift), lockedPss >> (10 + PssShift));
    }
}
