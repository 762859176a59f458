using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Capture;

/// <summary>
/// Puts the tables of a capture into a RAM image at their physical addresses, walks them with our walker and formats, and compares what we
/// decode with what the guest's kernel said.
/// </summary>
internal sealed class CaptureVerifier<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    // Of /proc/PID/pagemap.
    private const ulong PagemapPresent = 1UL << 63;
    private const ulong PagemapSwap = 1UL << 62;
    private const ulong PagemapUffdWp = 1UL << 57;
    private const ulong PagemapSoftDirty = 1UL << 55;
    private const ulong PagemapPlace = PagemapSoftDirty - 1;
    private const int PagemapTypeBits = 5;

    // Of /proc/kpageflags (include/uapi/linux/kernel-page-flags.h).
    private const ulong PageHuge = 1UL << 17;
    private const ulong PageThp = 1UL << 22;
    private const ulong PageZero = 1UL << 24;

    private const int GigabyteLevel = 3;

    private readonly CaptureFiles capture;
    private readonly CaptureReport report;
    private readonly SwapTypeLayout types;
    private readonly MachineImage image;
    private readonly Dictionary<int, PageTable<TArch, Mainline>> trees = [];

    private CaptureVerifier(CaptureFiles capture)
    {
        this.capture = capture;
        report = new CaptureReport(capture.Path, capture.FiveLevels);
        // Debian's cloud kernel 6.1: neither MEMORY_FAILURE nor DEVICE_PRIVATE.
        types = SwapTypeLayout.For(KernelVersion.Linux61, SwapTypeOptions.Migration | SwapTypeOptions.PteMarker);
        image = Load(capture);
        var tables = new PageTables<TArch, Mainline>(image, new Folios<Mainline>(image));
        foreach ((int role, ulong root) in capture.Roots)
            trees[role] = new PageTable<TArch, Mainline>(tables, (uint)(root >> TArch.PageShift));
    }

    /// <summary>Verifies one capture.</summary>
    public static CaptureReport Verify(CaptureFiles capture)
    {
        using var verifier = new CaptureVerifier<TArch>(capture);
        verifier.VerifyTruth();
        verifier.VerifySoftDirty();
        verifier.VerifySharedSlots();
        verifier.VerifyCompleteness();
        verifier.VerifyMigrations();
        verifier.VerifyContents();
        return verifier.report;
    }

    /// <inheritdoc/>
    public void Dispose() => image.Dispose();

    /// <summary>The smallest image that holds every table and root; only the tables' own pages are ever touched.</summary>
    private static MachineImage Load(CaptureFiles capture)
    {
        ulong page = 1UL << TArch.PageShift;
        ulong top = Math.Max(capture.Roots.Values.Max(), capture.Tables.Max(row => row.Table)) + page;
        MachineImage image = MachineImage.CreatePrivate(new MachineImageOptions
        {
            RamBytes = Math.Max(top, 1UL << TArch.HugePageShift),
            PageShift = TArch.PageShift,
            HugeShift = TArch.HugePageShift,
            ArchitectureId = TArch.Id,
        });
        IEnumerable<ulong> used = capture.Tables.Select(row => row.Table).Concat(capture.Roots.Values);
        if (!used.Distinct().All(table => image.TryCommitRam(table, page)))
            throw new IOException("There is no memory for the tables of the capture.");
        foreach (TableRow row in capture.Tables)
            PageTables<TArch, Mainline>.Store(ref image.RamWord(row.Table + ((ulong)row.Index * 8)), new Pte(row.Raw));
        return image;
    }

    private static bool IsPresent(in PageWalk walk) => walk.Fault == FaultReason.None;

    private static string Name(TruthRow row) => $"process {row.Role} {row.VirtualAddress:x}";

    /// <summary>Frame or slot, as pagemap would print it; 0 for an entry that is neither a leaf nor a swap entry.</summary>
    private ulong PlaceOf(in PageWalk walk)
    {
        if (IsPresent(walk))
            return PagemapPresent | (walk.PhysicalAddress >> TArch.PageShift);
        if (walk.Fault != FaultReason.NotPresent)
            return 0;
        SoftLeaf leaf = SoftLeaf.Decode<TArch>(walk.Last, in types, walk.Level);
        return leaf.Kind == SoftLeafKind.Swap ? PagemapSwap | leaf.Type | (leaf.Offset << PagemapTypeBits) : 0;
    }

    private void VerifyTruth()
    {
        foreach (TruthRow row in capture.Truth)
        {
            PageWalk walk = trees[row.Role].Walk(row.VirtualAddress);
            ulong place = PlaceOf(walk);
            string entry = $"level {walk.Level} {walk.Last}";
            report.Check(
                "frame or swap slot",
                place == (row.Pagemap & (PagemapPresent | PagemapSwap | PagemapPlace)),
                () => $"{Name(row)} pagemap {row.Pagemap:x16}, we say {place:x16} from {entry}");
            ulong physical = trees[row.Role].Translate(row.VirtualAddress);
            report.Check(
                "translate agrees with walk",
                physical == (IsPresent(walk) ? walk.PhysicalAddress : PageTable<TArch, Mainline>.NotMapped),
                () => $"{Name(row)} translates to {physical:x}");
            report.Check("uffd-wp", UffdWp(walk) == ((row.Pagemap & PagemapUffdWp) != 0), () => $"{Name(row)} pagemap {row.Pagemap:x16}, {entry}");
            if (walk.Level < GigabyteLevel) // the frames of the 1 GiB page were not asked for their flags
                VerifyPageFlags(row, walk, entry);
            report.Count(KindOf(walk));
        }
    }

    /// <summary>
    /// A frame is counted by the kernel; huge leaves map compound pages; the zero page is never writable; a swapped page has no frame.
    /// </summary>
    private void VerifyPageFlags(TruthRow row, PageWalk walk, string entry)
    {
        bool present = IsPresent(walk);
        bool zero = (row.Flags & PageZero) != 0;
        bool holds = present
            ? (row.Count != 0 || zero) && (walk.Level == 1 || (row.Flags & (PageHuge | PageThp)) != 0) && !(zero && TArch.IsWritable(walk.Last))
            : row.Flags == 0 && row.Count == 0;
        report.Check("page flags and count", holds, () => $"{Name(row)} flags {row.Flags:x} count {row.Count:x}, {entry}");
    }

    private bool UffdWp(in PageWalk walk) => walk.Fault switch
    {
        FaultReason.None => TArch.IsUffdWp(walk.Last),
        FaultReason.NotPresent => SoftLeaf.Decode<TArch>(walk.Last, in types, walk.Level).IsUffdWp,
        _ => false,
    };

    private bool SoftDirty(in PageWalk walk) => walk.Fault switch
    {
        FaultReason.None => TArch.IsSoftDirty(walk.Last),
        FaultReason.NotPresent => SoftLeaf.Decode<TArch>(walk.Last, in types, walk.Level).IsSoftDirty,
        _ => false,
    };

    private string KindOf(in PageWalk walk)
    {
        if (IsPresent(walk))
            return TArch.IsProtNone(walk.Last) ? $"PROT_NONE, level {walk.Level}" : $"present, level {walk.Level}";
        SoftLeaf leaf = SoftLeaf.Decode<TArch>(walk.Last, in types, Math.Max(walk.Level, 1));
        return leaf.Kind == SoftLeafKind.Swap ? $"swap type {leaf.Type}{(leaf.IsExclusive ? ", exclusive" : string.Empty)}" : leaf.Kind.ToString();
    }

    /// <summary>
    /// pagemap reports the entry's bit or that of the whole VMA (VM_SOFTDIRTY), and nothing for hugetlb. So a page that is clean in its entry may
    /// be reported dirty only if no page of its VMA is reported clean.
    /// </summary>
    private void VerifySoftDirty()
    {
        foreach (IGrouping<VmaRow, TruthRow> pages in capture.Truth.GroupBy(VmaOf))
        {
            bool whole = pages.All(row => (row.Pagemap & PagemapSoftDirty) != 0);
            foreach (TruthRow row in pages)
            {
                bool reported = (row.Pagemap & PagemapSoftDirty) != 0;
                PageWalk walk = trees[row.Role].Walk(row.VirtualAddress);
                bool expected = !pages.Key.IsHugeTlb && (whole || SoftDirty(walk));
                report.Check("soft-dirty", reported == expected, () => $"{Name(row)} pagemap {row.Pagemap:x16}, level {walk.Level} {walk.Last}");
            }
        }
    }

    private VmaRow VmaOf(TruthRow row) =>
        capture.Vmas.FirstOrDefault(vma => vma.Role == row.Role && row.VirtualAddress >= vma.Start && row.VirtualAddress < vma.End);

    /// <summary>A slot that two entries name belongs to neither alone.</summary>
    private void VerifySharedSlots()
    {
        var entries = capture.Truth
            .Select(row => (Row: row, Leaf: SoftLeafAt(row.Role, row.VirtualAddress)))
            .Where(item => item.Leaf.Kind == SoftLeafKind.Swap)
            .GroupBy(item => (item.Leaf.Type, item.Leaf.Offset));
        foreach (var slot in entries)
        {
            bool exclusive = slot.Any(item => item.Leaf.IsExclusive);
            report.Check(
                "exclusive only if alone",
                slot.Count() == 1 || !exclusive,
                () => $"slot {slot.Key} of {string.Join(", ", slot.Select(item => Name(item.Row)))} is marked exclusive");
        }
    }

    private SoftLeaf SoftLeafAt(int role, ulong virtualAddress)
    {
        PageWalk walk = trees[role].Walk(virtualAddress);
        return walk.Fault == FaultReason.NotPresent ? SoftLeaf.Decode<TArch>(walk.Last, in types, walk.Level) : default;
    }

    /// <summary>
    /// Everything that the tables hold in the user half is in the guest's account, page by page for small pages and by its sampled pages for
    /// huge ones, and the cursor's pieces agree with the walk.
    /// </summary>
    private void VerifyCompleteness()
    {
        foreach ((int role, PageTable<TArch, Mainline> tree) in trees)
        {
            ulong[] told = [.. capture.Truth.Where(row => row.Role == role).Select(row => row.VirtualAddress).Order()];
            var cursor = new RangeCursor<TArch, Mainline>(tree, 0, TArch.UserSpaceEnd);
            while (cursor.MoveNext())
            {
                (ulong start, ulong end, RangeKind kind) = (cursor.Start, cursor.End, cursor.Kind);
                int first = Array.BinarySearch(told, start);
                bool any = first >= 0 || (~first < told.Length && told[~first] < end);
                report.Check("cursor and account agree", any == (kind != RangeKind.Gap), () => $"process {role} {start:x}-{end:x} is {kind}");
                PageWalk walk = tree.Walk(start);
                Pte entry = cursor.Entry;
                report.Check("cursor agrees with walk", kind == RangeKind.Gap || walk.Last == entry, () => $"process {role} {start:x} {entry}");
            }
        }
    }

    private void VerifyMigrations()
    {
        foreach (MigrationRow row in capture.Migrations)
        {
            Pte before = new(row.Before);
            SoftLeaf leaf = SoftLeaf.Decode<TArch>(new Pte(row.During), in types, row.Level);
            string text = $"process {row.Role} {row.VirtualAddress:x} level {row.Level} {row.During:x16}, before {row.Before:x16}";
            report.Check("migration kind", leaf.IsMigration && (leaf.Kind == SoftLeafKind.MigrationWrite) == TArch.IsWritable(before), () => text);
            report.Check("migration frame", leaf.Frame == TArch.FrameOf(before, row.Level), () => $"{text}: frame {leaf.Frame:x}");
            report.Check("migration young", leaf.IsYoung == TArch.IsYoung(before), () => text);
            report.Check("migration dirty", leaf.IsDirty == TArch.IsDirty(before), () => text);
            report.Check("migration soft-dirty", leaf.IsSoftDirty == TArch.IsSoftDirty(before), () => text);
            PageWalk walk = trees[row.Role].Walk(row.VirtualAddress);
            bool same = walk.Level == row.Level && walk.Last == before && walk.EntryAddress(walk.Level) == row.Table + ((ulong)row.Index * 8);
            report.Check("migration entry found by the walk", same, () => $"{text}: the walk finds level {walk.Level} {walk.Last}");
        }
    }

    /// <summary>Pages that lie in the same place hold the same content, so each place that we decode has one first word.</summary>
    private void VerifyContents()
    {
        Dictionary<ulong, ContentRow> seen = [];
        foreach (ContentRow row in capture.Contents)
        {
            ulong place = PlaceOf(trees[row.Role].Walk(row.VirtualAddress));
            if (place == 0)
                continue; // a page that the kernel dropped after it was written: nothing to place
            seen.TryAdd(place, row);
            ContentRow other = seen[place];
            report.Check(
                "one content for one place",
                other.First == row.First,
                () => $"process {row.Role} {row.VirtualAddress:x} and process {other.Role} {other.VirtualAddress:x} are both at {place:x16}");
        }
    }
}
