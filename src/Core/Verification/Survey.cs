using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Verification;

/// <summary>What a walk of all page tables of a machine found, in dense arrays by frame, slot and address space.</summary>
internal sealed class Survey<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly IReadOnlyDictionary<uint, uint>? held;

    internal Survey(MmContext<TArch, TModel> mm, IReadOnlyDictionary<uint, uint>? held)
    {
        this.held = held;
        Mm = mm;
        Areas = new SwapAreas<TModel>(mm.Image);
        FrameLimit = mm.Frames.CommittedFrames;
        Mapped = new uint[FrameLimit];
        Marks = new FrameMarks[FrameLimit];
        HugeMapped = [];
        uint slots = 0;
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            if (IsUsed(type))
                slots = Math.Max(slots, Areas[type].FirstSlot + Areas[type].Slots);
        }

        Named = new uint[slots];
        ExclusivelyNamed = new bool[slots];
        var spaces = new List<uint>();
        for (uint space = mm.Spaces.NextLive(0); space != 0; space = mm.Spaces.NextLive(space))
            spaces.Add(space);
        Spaces = spaces;
        uint last = spaces.Count == 0 ? 0 : spaces[^1];
        AnonPages = new ulong[last + 1];
        SharedPages = new ulong[last + 1];
        SwapEntries = new ulong[last + 1];
    }

    internal MmContext<TArch, TModel> Mm { get; }

    internal SwapAreas<TModel> Areas { get; }

    /// <summary>Live address spaces, ascending.</summary>
    internal IReadOnlyList<uint> Spaces { get; }

    /// <summary>One more than the highest frame with a record.</summary>
    internal uint FrameLimit { get; }

    /// <summary>By frame: present entries that map it; entries of the zero page are not counted.</summary>
    internal uint[] Mapped { get; }

    /// <summary>By first frame of a large folio: huge leaves that map it.</summary>
    internal Dictionary<uint, uint> HugeMapped { get; }

    /// <summary>Folios that migration entries name: somebody has them locked and moves them.</summary>
    internal HashSet<uint> Moving { get; } = [];

    /// <summary>By frame: what the entries that map it are like, and whether it is a table.</summary>
    internal FrameMarks[] Marks { get; }

    /// <summary>By word of the swap map: swap entries, and pages of shared objects, that name the slot.</summary>
    internal uint[] Named { get; }

    /// <summary>By word of the swap map: whether one of them has the exclusive mark.</summary>
    internal bool[] ExclusivelyNamed { get; }

    /// <summary>By address space: entries that map anonymous frames.</summary>
    internal ulong[] AnonPages { get; }

    /// <summary>By address space: entries that map pages of shared objects.</summary>
    internal ulong[] SharedPages { get; }

    /// <summary>By address space: swap entries.</summary>
    internal ulong[] SwapEntries { get; }

    /// <summary>References to a frame that the caller of the verification said somebody holds.</summary>
    internal uint Held(uint frame) => held is not null && held.TryGetValue(frame, out uint references) ? references : 0;

    /// <summary>Whether there is a swap area of a number.</summary>
    internal bool IsUsed(uint type) => SwapAreas<TModel>.Has(ref Areas[type], SwapAreaFlags.Used);

    /// <summary>Position of a slot's word in the swap map; false when no area has it.</summary>
    internal bool TryIndex(SwapEntry entry, out uint index)
    {
        index = 0;
        if (entry.Type >= SwapAreas<TModel>.MaxAreas || !IsUsed(entry.Type) || entry.Offset >= Areas[entry.Type].Slots)
            return false;
        index = Areas[entry.Type].FirstSlot + (uint)entry.Offset;
        return true;
    }

    /// <summary>Whether an entry checks the metadata of a frame that has none of its own.</summary>
    internal bool HasUndefinedTags(Pte entry, ulong frame) =>
        PageTags<TArch, TModel>.IsOn && !TArch.KeepsTagsByAddress && TArch.ChecksTags(entry) && HasRecord(frame)
        && !Mm.Tags.Storage.IsValid((uint)frame);

    /// <summary>Whether a frame has a record to look at.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool HasRecord(ulong frame) => frame != 0 && frame < FrameLimit && Mm.Frames.HasStorage((uint)frame);
}
