using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>
/// Walks the page tables of every address space, checks tables and entries, and fills the <see cref="Survey{TArch, TModel}"/> in passing.
/// </summary>
/// <remarks>A table is entered once, however many entries point to it, so that a damaged tree ends.</remarks>
internal sealed class TableVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly ReverseMapVerifier<TArch, TModel> reverseMap;
    private readonly HugeLeafVerifier<TArch, TModel> huge;
    private readonly MigrationVerifier<TArch, TModel> migrations;
    private readonly Findings findings = new();
    private List<uint> vmas = [];
    private uint space;
    private int position;
    private Vma vma;
    private uint vmaNumber;

    internal TableVerifier(Survey<TArch, TModel> survey, ReverseMapVerifier<TArch, TModel> reverseMap)
    {
        this.survey = survey;
        this.reverseMap = reverseMap;
        huge = new HugeLeafVerifier<TArch, TModel>(survey, reverseMap, findings);
        migrations = new MigrationVerifier<TArch, TModel>(survey, reverseMap, findings);
        mm = survey.Mm;
    }

    internal Findings Run()
    {
        foreach (uint number in survey.Spaces)
        {
            var tree = new TreeCheck<VmaNodes<TModel>>(mm.Vmas.Nodes, mm.Spaces[number].VmaRoot, $"Address space {number}");
            foreach (string problem in tree.Problems)
                findings.Add("VMA", problem);
            space = number;
            vmas = tree.Nodes;
            position = 0;
            vma = default;
            uint root = mm.Spaces[number].Root;
            if (!survey.HasRecord(root))
                findings.Add("PT3", $"The root table {root} of address space {number} lies outside RAM.");
            else
                VisitTable(root, TArch.Levels, 0);
        }

        migrations.Finish();
        return findings;
    }

    private void VisitTable(uint table, int level, ulong first)
    {
        if ((survey.Marks[table] & FrameMarks.Table) != 0)
        {
            findings.Add("PT1", $"Table {table} is reached a second time, at {first:x} of address space {space}.");
            return;
        }

        survey.Marks[table] |= FrameMarks.Table;
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(mm.Frames.Bytes(table))[..(1 << TArch.LevelBits(level))];
        uint used = level == 1 ? VisitLeaves(words, first) : VisitTables(words, level, first);
        if (level == 2)
            huge.VisitSpares(table, space);
        CheckRecord(table, level, first, used);
    }

    /// <summary>The root keeps the generation of the tree where other tables keep their first address; level-1 tables need not count.</summary>
    private void CheckRecord(uint table, int level, ulong first, uint used)
    {
        ref FrameRecord record = ref mm.Frames[table];
        FrameFlags flags = mm.Frames.Flags(table);
        if ((flags & (FrameFlags.Table | FrameFlags.Lru | FrameFlags.Anon | FrameFlags.SwapCache | FrameFlags.Free)) != FrameFlags.Table)
            findings.Add("PT2", $"Frame {table} is a table with flags {flags}.");
        else if (record.Mapping != space || record.Swap != (uint)level || (level != TArch.Levels && record.Index != first))
        {
            findings.Add("PT2", $"Table {table} at {first:x}, level {level}, of address space {space} "
                + $"says {record.Index:x}, {record.Swap}, {record.Mapping}.");
        }
        else if (level != 1 && record.Count != used)
            findings.Add("PT2", $"Table {table} has {used} entries and counts {record.Count}.");
    }

    private uint VisitTables(Span<ulong> words, int level, ulong first)
    {
        uint used = 0;
        for (int i = 0; i < words.Length; i++)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref words[i]);
            if (TArch.IsNone(entry, level))
                continue;
            used++;
            ulong address = first + ((ulong)i << TArch.LevelShift(level));
            if (level == 2 && TArch.IsLeaf(entry, 2))
            {
                huge.Visit(entry, address, space, IsInVma(address) ? vmaNumber : 0);
                continue;
            }

            if (level == 2 && HugePages<TArch, TModel>.IsMigration(entry))
            {
                VisitHugeMigration(entry, address);
                continue;
            }

            ulong below = TArch.IsTable(entry, level) ? TArch.TableAddress(entry) >> TArch.PageShift : 0;
            if (!survey.HasRecord(below))
                findings.Add("PT3", $"The entry {entry} of level {level} at {address:x} of address space {space} points to no table in RAM.");
            else
                VisitTable((uint)below, level - 1, address);
        }

        return used;
    }

    private void VisitHugeMigration(Pte entry, ulong address)
    {
        SoftLeaf soft = HugeMigrations<TArch, TModel>.Decode(mm, entry);
        uint inVma = IsInVma(address) ? vmaNumber : 0;
        huge.VisitMigration(address, space, inVma);
        if (soft.IsMigration)
            migrations.Visit(soft, address, space, inVma, HugePages<TArch, TModel>.Pages);
        else
            findings.Add("PT3", $"The entry {entry} of level 2 at {address:x} of address space {space} means nothing.");
    }

    private uint VisitLeaves(Span<ulong> words, ulong first)
    {
        uint used = 0;
        for (int i = 0; i < words.Length; i++)
        {
            if (words[i] == 0)
                continue;
            Pte entry = PageTables<TArch, TModel>.Load(ref words[i]);
            if (TArch.IsNone(entry, 1))
                continue;
            used++;
            ulong address = first + ((ulong)i << TArch.PageShift);
            if (!IsInVma(address))
                findings.Add("PT4", $"The entry {entry} at {address:x} of address space {space} lies in no VMA.");
            if (TArch.IsPresent(entry, 1))
                VisitPresent(entry, address);
            else
                VisitSoftLeaf(entry, address);
        }

        return used;
    }

    /// <summary>Moves to the VMA of an address; addresses ascend.</summary>
    private bool IsInVma(ulong address)
    {
        while (address >= vma.End && position < vmas.Count)
        {
            vmaNumber = vmas[position++];
            vma = mm.Vmas[vmaNumber];
        }

        return address >= vma.Start && address < vma.End;
    }

    private void VisitPresent(Pte entry, ulong address)
    {
        bool inVma = address >= vma.Start && address < vma.End;
        if (inVma && Exceeds(entry, vma.Flags))
            findings.Add("PT5", $"The entry {entry} at {address:x} of address space {space} allows more than its VMA, {vma.Flags}.");
        if (inVma)
            new MarkVerifier<TArch, TModel>(mm, findings).CheckPresent(entry, address, space, vma);
        bool writable = TArch.IsWritable(entry);
        ulong frame = TArch.FrameOf(entry, 1);
        if (survey.HasUndefinedTags(entry, frame))
            findings.Add("T6", $"Frame {frame} is mapped at {address:x} of address space {space} with tags that nobody defined.");
        if (TArch.IsSpecial(entry))
        {
            if (frame != mm.Folios.ZeroFrame)
                findings.Add("PT3", $"The special entry {entry} at {address:x} of address space {space} maps frame {frame}.");
            if (writable)
                findings.Add("X7", $"The zero page is writable at {address:x} of address space {space}.");
            return;
        }

        if (!survey.HasRecord(frame))
        {
            findings.Add("PT3", $"The entry {entry} at {address:x} of address space {space} maps frame {frame}, outside RAM.");
            return;
        }

        FrameFlags flags = mm.Frames.Flags((uint)frame);
        ulong[] counts = (flags & FrameFlags.SharedMemory) != 0 ? survey.SharedPages : survey.AnonPages;
        counts[space]++;
        survey.Mapped[frame]++;
        survey.Marks[frame] |= (TArch.IsDirty(entry) ? FrameMarks.Dirty : 0) | (writable ? FrameMarks.Writable : 0);
        if (writable && (flags & FrameFlags.Ksm) != 0)
            findings.Add("X7", $"The KSM page {frame} is writable at {address:x} of address space {space}.");
        else if (writable && (vma.Flags & VmaFlags.Shared) == 0 && (flags & FrameFlags.AnonExclusive) == 0)
            findings.Add("X1", $"Frame {frame} is writable at {address:x} of address space {space} and not exclusive.");
        if (inVma)
            reverseMap.Check((uint)frame, flags, vmaNumber, address);
    }

    internal static bool Exceeds(Pte entry, VmaFlags flags)
    {
        const VmaFlags Any = VmaFlags.Read | VmaFlags.Write | VmaFlags.Execute;
        if ((flags & Any) == 0)
            return !TArch.IsProtNone(entry);
        return (TArch.IsWritable(entry) && (flags & VmaFlags.Write) == 0) || (TArch.IsExecutable(entry) && (flags & VmaFlags.Execute) == 0);
    }

    private void VisitSoftLeaf(Pte entry, ulong address)
    {
        SoftLeaf soft = mm.Decode(entry);
        if (address >= vma.Start && address < vma.End)
            new MarkVerifier<TArch, TModel>(mm, findings).CheckSoftLeaf(soft, address, space, vma);
        if (soft.IsMigration)
            migrations.Visit(soft, address, space, address >= vma.Start && address < vma.End ? vmaNumber : 0, 1);
        else if (soft.Kind == SoftLeafKind.Invalid)
            findings.Add("PT3", $"The entry {entry} at {address:x} of address space {space} means nothing.");
        if (soft.Kind != SoftLeafKind.Swap)
            return;
        survey.SwapEntries[space]++;
        var slot = new SwapEntry(soft.Type, soft.Offset);
        if (!survey.TryIndex(slot, out uint index))
        {
            findings.Add("I23", $"The swap entry at {address:x} of address space {space} names slot {slot}, which no area has.");
            return;
        }

        survey.Named[index]++;
        survey.ExclusivelyNamed[index] |= soft.IsExclusive;
    }
}
