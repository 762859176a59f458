using PageTableEmu.Atomics;
using PageTableEmu.Conformance.Laws;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Conformance.Tags;

/// <summary>
/// A machine whose mappings all check metadata, whose every free frame begins with leftovers, and beside it the metadata that each page ought
/// to have.
/// </summary>
/// <remarks>
/// The kit does not know what pointers look like, so every access goes through one without a tag and may end in a mismatch; it has taken the
/// faults that it needs by then.
/// </remarks>
internal sealed class TagStory<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    internal const uint Pages = 8;
    private const ulong Start = 1UL << 32;

    private readonly Check check;
    private readonly Dictionary<(uint Space, ulong Address), byte[]> ghosts = [];
    private readonly uint area;
    private FaultCounters faults;
    private int seed;

    internal TagStory(Check check)
    {
        this.check = check;
        Machine = SmallMachine<TArch>.Create();
        for (uint frame = 1; frame < Machine.Image.FrameCount; frame++)
        {
            if (Machine.Context.Frames.References(frame) == 0)
                TagBench<TArch>.Pattern((int)frame).CopyTo(Storage.OfFrame(frame));
        }

        SwapResult on = Machine.SwapOn(SwapAreaOptions.Zram(SmallMachine<TArch>.Slots), out area);
        check.That(on == SwapResult.Ok, $"ends with {on}", default, $"switching swap on");
        Parent = Machine.CreateAddressSpace();
        const VmaFlags Flags = VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked;
        MmResult mapped = Machine.Map(Parent, Start, (ulong)Pages << TArch.PageShift, Flags);
        check.That(mapped == MmResult.Ok, $"ends with {mapped}", default, $"mapping {Pages} pages that check");
        for (uint page = 0; page < Pages; page++)
            Store(Parent, Address(page));
    }

    internal Machine<TArch, CheckedModel> Machine { get; }

    internal TagStorage<CheckedModel> Storage => Machine.Context.Tags.Storage;

    internal uint Parent { get; }

    internal static ulong Address(uint page) => Start + ((ulong)page << TArch.PageShift);

    /// <summary>A store to a page, and new metadata of all its blocks by instructions of user mode.</summary>
    internal void Store(uint space, ulong address)
    {
        Machine.Write(space, address, [(byte)++seed], ref faults);
        uint frame = FrameAt(space, address);
        check.That(frame != 0, "shows no page", Entry(space, address), $"a store to {address:x} of process {space}");
        Machine.Context.Frames.Set(frame, FrameFlags.Dirty);
        byte[] metadata = TagBench<TArch>.Pattern(1000 + seed);
        metadata.CopyTo(Storage.OfFrame(frame));
        ghosts[(space, address)] = metadata;
    }

    /// <summary>Brings a page in.</summary>
    internal void Touch(uint space, ulong address)
    {
        Machine.Read(space, address, new byte[1], ref faults);
        check.That(FrameAt(space, address) != 0, "shows no page", Entry(space, address), $"a load from {address:x} of process {space}");
    }

    internal uint Fork(uint space)
    {
        uint child = Machine.Fork(space);
        check.That(child != 0, "ends with none", default, $"a fork of process {space}");
        foreach ((uint Space, ulong Address) key in ghosts.Keys.Where(key => key.Space == space).ToList())
            ghosts[(child, key.Address)] = ghosts[key];
        return child;
    }

    internal void Exit(uint space)
    {
        Machine.Exit(space);
        foreach ((uint Space, ulong Address) key in ghosts.Keys.Where(key => key.Space == space).ToList())
            ghosts.Remove(key);
    }

    internal void Forget(uint space, uint page, uint count)
    {
        Machine.Advise(space, Address(page), (ulong)count << TArch.PageShift, Advice.DontNeed, ref faults);
        for (uint i = page; i < page + count; i++)
            ghosts.Remove((space, Address(i)));
    }

    internal void Move(uint space, uint from, uint to)
    {
        MmResult moved = Machine.Move(space, Address(from), Address(to), 1UL << TArch.PageShift);
        check.That(moved == MmResult.Ok, $"ends with {moved}", default, $"mremap of page {from} of process {space}");
        if (ghosts.Remove((space, Address(from)), out byte[]? ghost))
            ghosts[(space, Address(to))] = ghost;
    }

    internal void SwapOff()
    {
        SwapResult result = Machine.SwapOff(area);
        check.That(result == SwapResult.Ok, $"ends with {result}", default, $"switching swap off");
        check.Equal(0, Storage.KeptCount, "buffers are in use", $"without a swap area");
    }

    /// <summary>At rest: what is kept belongs to slots in use, one buffer each, and every invariant of the machine holds.</summary>
    internal void Balances(string moment)
    {
        Machine.Settle();
        string? violation = Machine.Verify().Select(violation => violation.ToString()).FirstOrDefault();
        check.That(violation is null, violation ?? string.Empty, default, $"verification after {moment}");
        uint slots = 0;
        foreach (SwapEntry slot in Storage.SlotsOf(area))
        {
            if (Storage.OfSlot(slot).IsEmpty)
                continue;
            slots++;
            check.That(Machine.Context.Swap.Map[slot].IsUsed, "keeps metadata and is free", default, $"slot {slot} after {moment}");
        }

        check.Equal(slots, Storage.KeptCount, "buffers are in use for another number of slots", $"{moment}");
    }

    /// <summary>Every page has the metadata that it ought to have, wherever it is.</summary>
    internal void Has(string moment)
    {
        foreach (((uint space, ulong address), byte[] ghost) in ghosts)
        {
            string inputs = $"{moment}: address {address:x} of process {space}";
            uint frame = FrameAt(space, address);
            if (frame == 0 && TArch.KeepsTagsByAddress)
                continue; // where it is then is the provider's alone to know; the page shows it when it is back
            ReadOnlySpan<byte> real = frame != 0 ? OfFrame(frame) : OfEntry(Entry(space, address));
            check.That(!real.IsEmpty, "has no metadata", Entry(space, address), $"{inputs}");
            TagBench<TArch>.Same(check, ghost, real, "has other metadata", inputs);
        }
    }

    internal uint FrameAt(uint space, ulong address)
    {
        Pte entry = Entry(space, address);
        return !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) ? (uint)TArch.FrameOf(entry, 1) : 0;
    }

    internal Pte Entry(uint space, ulong address)
    {
        uint table = Machine.Context.Tables.LeafTable(Machine.Context.Spaces[space].Root, address);
        return table == 0 ? default : PageTables<TArch, CheckedModel>.Load(ref Machine.Context.Tables.Entry(table, address));
    }

    public void Dispose() => Machine.Dispose();

    /// <summary>Where metadata is kept by address a frame has no flag: it has what lies in the memory.</summary>
    private ReadOnlySpan<byte> OfFrame(uint frame) => TArch.KeepsTagsByAddress || Storage.IsValid(frame) ? Storage.OfFrame(frame) : default;

    private ReadOnlySpan<byte> OfEntry(Pte entry)
    {
        SoftLeaf soft = Machine.Context.Decode(entry);
        if (soft.Kind != SoftLeafKind.Swap)
            return default;
        var slot = new SwapEntry(soft.Type, soft.Offset);
        SwapSlotWord word = Machine.Context.Swap.Map[slot];
        return word.IsCached && Storage.IsValid(word.Payload) ? Storage.OfFrame(word.Payload) : Storage.OfSlot(slot);
    }
}
