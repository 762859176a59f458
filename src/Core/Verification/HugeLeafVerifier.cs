using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>Checks the huge leaves that the walk of the tables meets, and the spare tables that lie with them.</summary>
internal sealed class HugeLeafVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly Survey<TArch, TModel> survey;
    private readonly MmContext<TArch, TModel> mm;
    private readonly ReverseMapVerifier<TArch, TModel> reverseMap;
    private readonly Findings findings;
    private uint leaves;

    internal HugeLeafVerifier(Survey<TArch, TModel> survey, ReverseMapVerifier<TArch, TModel> reverseMap, Findings findings)
    {
        this.survey = survey;
        this.reverseMap = reverseMap;
        this.findings = findings;
        mm = survey.Mm;
    }

    /// <summary>One huge leaf.</summary>
    /// <param name="leaf">The entry.</param>
    /// <param name="address">First address that it maps.</param>
    /// <param name="space">The address space.</param>
    /// <param name="vma">The VMA of that address, 0 when there is none.</param>
    internal void Visit(Pte leaf, ulong address, uint space, uint vma)
    {
        leaves++;
        if (vma == 0 || !HugePages<TArch, TModel>.IsWhole(address, mm.Vmas[vma].Start, mm.Vmas[vma].End))
            findings.Add("H1", $"The huge leaf {leaf} at {address:x} of address space {space} does not lie in one VMA.");
        else if (TableVerifier<TArch, TModel>.Exceeds(leaf, mm.Vmas.FlagsOf(vma)))
            findings.Add("PT5", $"The huge leaf {leaf} at {address:x} of address space {space} allows more than its VMA.");
        if (vma != 0)
            new MarkVerifier<TArch, TModel>(mm, findings).CheckPresent(leaf, address, space, mm.Vmas[vma]);
        ulong frame = TArch.FrameOf(leaf, 2);
        bool writable = TArch.IsWritable(leaf);
        if (TArch.IsSpecial(leaf))
        {
            if (frame != mm.Folios.HugeZeroFrame)
                findings.Add("PT3", $"The special huge leaf {leaf} at {address:x} of address space {space} maps frame {frame}.");
            if (writable)
                findings.Add("X7", $"The huge zero page is writable at {address:x} of address space {space}.");
            return;
        }

        uint pages = HugePages<TArch, TModel>.Pages;
        if (!survey.HasRecord(frame) || (frame & (pages - 1)) != 0 || mm.Frames.PagesOf((uint)frame) != pages)
        {
            findings.Add("H1", $"The huge leaf {leaf} at {address:x} of address space {space} maps frame {frame}, which begins no huge page.");
            return;
        }

        for (uint page = 0; page < HugePages<TArch, TModel>.Pages; page++)
        {
            if (survey.HasUndefinedTags(leaf, frame + page))
                findings.Add("T6", $"Page {page} of the huge leaf at {address:x} of address space {space} has tags that nobody defined.");
        }

        Count((uint)frame, space, leaf, writable);
        FrameFlags flags = mm.Frames.Flags((uint)frame);
        if (writable && (flags & FrameFlags.AnonExclusive) == 0)
            findings.Add("X1", $"Frame {frame} is writable by the huge leaf at {address:x} of address space {space} and not exclusive.");
        if (vma != 0)
            reverseMap.Check((uint)frame, flags, vma, address);
    }

    /// <summary>The entry of a huge page under way; it has a spare table as a leaf has.</summary>
    internal void VisitMigration(ulong address, uint space, uint vma)
    {
        leaves++;
        if (vma == 0 || !HugePages<TArch, TModel>.IsWhole(address, mm.Vmas[vma].Start, mm.Vmas[vma].End))
            findings.Add("H1", $"The entry of a huge page under way at {address:x} of address space {space} does not lie in one VMA.");
    }

    /// <summary>There is one spare table for each huge leaf of the level-2 table whose entries were visited last.</summary>
    internal void VisitSpares(uint middle, uint space)
    {
        uint spares = 0;
        for (uint table = mm.Frames[middle].LruNext; table != 0 && spares <= leaves; table = mm.Frames[table].LruNext, spares++)
        {
            if (!survey.HasRecord(table) || !mm.Frames.Has(table, FrameFlags.Table) || mm.Frames[table].Mapping != space
                || mm.Frames[table].Swap != 1 || (survey.Marks[table] & FrameMarks.Table) != 0)
            {
                findings.Add("H2", $"The spare table {table} of table {middle} of address space {space} is none, or used elsewhere.");
                break;
            }

            survey.Marks[table] |= FrameMarks.Table;
        }

        if (spares != leaves)
            findings.Add("H2", $"Table {middle} of address space {space} has {leaves} huge leaves and {spares} spare tables.");
        leaves = 0;
    }

    private void Count(uint head, uint space, Pte leaf, bool writable)
    {
        survey.AnonPages[space] += HugePages<TArch, TModel>.Pages;
        survey.HugeMapped[head] = survey.HugeMapped.GetValueOrDefault(head) + 1;
        FrameMarks marks = (TArch.IsDirty(leaf) ? FrameMarks.Dirty : 0) | (writable ? FrameMarks.Writable : 0);
        for (uint frame = head; frame < head + HugePages<TArch, TModel>.Pages; frame++)
            survey.Marks[frame] |= marks;
    }
}
