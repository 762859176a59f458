using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Replay.Machines;

/// <summary>
/// Which mappings check tags in a replay: all, but for those whose pages a script lets be merged where an architecture wants one or the other.
/// A program for that architecture would do the same.
/// </summary>
/// <remarks>
/// Where a check can be switched off (ADI) it is while a mapping is mergeable, and its pages keep their tags. Where it cannot (MTE), regions that the
/// script ever merges are mapped without it.
/// </remarks>
/// <param name="machine">The machine.</param>
/// <param name="unchecked">Bit n: mappings of region n never check. All bits: tags are off.</param>
internal sealed class MappingChecks<TArch>(Machine<TArch, CheckedModel> machine, uint @unchecked)
    where TArch : struct, IArchitecture
{
    /// <summary>No mapping checks tags.</summary>
    internal const uint AllRegions = uint.MaxValue;

    private readonly MmContext<TArch, CheckedModel> mm = machine.Context;

    /// <summary>The regions that hold mappings in which a script merges pages, by themselves or because mremap carries such mappings there.</summary>
    internal static uint MergedRegions(IReadOnlyList<ScriptOperation> script)
    {
        uint merged = 0;
        foreach (ScriptOperation operation in script.Where(operation => operation.Kind == OperationKind.Merge))
            merged |= 1u << operation.Region;
        for (uint before = ~merged; before != merged;)
        {
            before = merged;
            foreach (ScriptOperation move in script.Where(operation => operation.Kind == OperationKind.Mremap))
            {
                uint both = (1u << move.Region) | (1u << move.TargetRegion);
                merged |= (merged & both) != 0 ? both : 0;
            }
        }

        return merged;
    }

    /// <summary>What a new mapping of a region is, beside readable and writable.</summary>
    internal PageTableEmu.Mm.VmaFlags FlagsOf(int region) =>
        ((@unchecked >> region) & 1) != 0 ? PageTableEmu.Mm.VmaFlags.None : PageTableEmu.Mm.VmaFlags.TagChecked;

    /// <summary>madvise; what becomes mergeable does not check tags, and what is so no longer does again.</summary>
    internal MmResult Advise(uint space, ulong start, ulong length, Advice advice, ref FaultCounters counters)
    {
        if (@unchecked == AllRegions || TArch.MergesCheckedMappings || advice is not (Advice.Mergeable or Advice.Unmergeable))
            return machine.Advise(space, start, length, advice, ref counters);
        if (advice == Advice.Mergeable)
            Switch(space, start, start + length, static _ => false, ref counters);
        MmResult result = machine.Advise(space, start, length, advice, ref counters);
        Switch(space, start, start + length, static flags => (flags & PageTableEmu.Mm.VmaFlags.Mergeable) == 0, ref counters);
        return result;
    }

    /// <summary>mprotect that leaves to each mapping whether it checks: a call for each run of mappings that are alike in it.</summary>
    internal MmResult Protect(uint space, ulong start, ulong length, AccessRights rights, ref FaultCounters counters)
    {
        MmResult result;
        ulong end = start + length;
        do
        {
            AccessRights check = ChecksAt(space, start);
            ulong run = EndOfRun(space, start, end, check);
            result = machine.Protect(space, start, run - start, rights | check, ref counters);
            start = run;
        }
        while (result == MmResult.Ok && start < end);
        return result;
    }

    private AccessRights ChecksAt(uint space, ulong address)
    {
        uint vma = mm.Vmas.Find(space, address);
        return vma == 0 ? AccessRights.None : MmContext<TArch, CheckedModel>.RightsOf(mm.Vmas[vma].Flags) & AccessRights.TagChecked;
    }

    /// <summary>Where the next mapping that differs begins; a hole is the call's to find, so it ends no run.</summary>
    private ulong EndOfRun(uint space, ulong start, ulong end, AccessRights check)
    {
        uint vma = mm.Vmas.Find(space, start);
        for (; vma != 0 && mm.Vmas[vma].Start < end; vma = mm.Vmas.Next(vma))
        {
            if (mm.Vmas[vma].Start > start && ChecksAt(space, mm.Vmas[vma].Start) != check)
                return mm.Vmas[vma].Start;
        }

        return end;
    }

    private void Switch(uint space, ulong start, ulong end, Func<PageTableEmu.Mm.VmaFlags, bool> checks, ref FaultCounters counters)
    {
        while (start < end)
        {
            uint vma = mm.Vmas.FindFirstEndingAbove(space, start);
            if (vma == 0 || mm.Vmas[vma].Start >= end)
                return;
            PageTableEmu.Mm.VmaFlags flags = mm.Vmas[vma].Flags;
            ulong first = Math.Max(start, mm.Vmas[vma].Start);
            start = Math.Min(end, mm.Vmas[vma].End);
            AccessRights rights = MmContext<TArch, CheckedModel>.RightsOf(flags) & ~AccessRights.Shared;
            AccessRights wanted = (rights & ~AccessRights.TagChecked) | (checks(flags) ? AccessRights.TagChecked : 0);
            MmResult result = wanted == rights ? MmResult.Ok : machine.Protect(space, first, start - first, wanted, ref counters);
            if (result != MmResult.Ok)
                throw new InvalidOperationException($"mprotect of {first:x} to {start:x} from {rights} to {wanted} ends with {result}.");
        }
    }
}
