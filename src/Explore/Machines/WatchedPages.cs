using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Machines;

/// <summary>
/// Judges chosen pages after every step: what a process must find there, and what entry, frame and slot must agree about.
/// </summary>
/// <remarks>
/// A page is judged while nobody holds the lock of its table, because its holder may be in the middle of changing the entry. G1: the page holds
/// the last store that was completed, wherever it is. X1: a writable private entry maps an exclusive frame. X5: an exclusive swap entry is its
/// slot's only reference. I1: a slot has at least as many references as watched entries name it. F1, R2: a mapped frame is not free and has a
/// reference and a mapping; the content of a free frame is not touched. The pages must not be larger than
/// <see cref="Limit"/> in number, and keep their tables.
/// </remarks>
/// <seealso cref="ExploredMachine{TArch, TModel}"/>
public sealed partial class WatchedPages<TArch> : StepOracle
    where TArch : struct, IArchitecture
{
    /// <summary>Most watched pages.</summary>
    public const int Limit = 64;

    private readonly MmContext<TArch, Mainline> mm;
    private readonly ExploredMemory memory;
    private readonly List<Page> pages = [];
    private readonly byte[] content;
    private readonly Operation[] operations = new Operation[ExploredProgram.MaxActors];
    private readonly uint frames;
    private uint touchedFree; // a free frame whose content was touched
    private byte[] begin = [];
    private byte[] ghost = [];

    /// <summary>Makes an oracle of a machine.</summary>
    public WatchedPages(MachineImage image, ExploredMemory memory)
    {
        ArgumentNullException.ThrowIfNull(image);
        mm = new MmContext<TArch, Mainline>(image, TArch.DefaultSwapTypes);
        this.memory = memory;
        content = new byte[image.PageSize];
        frames = image.FrameCount;
    }

    /// <summary>Watches the first byte of a page.</summary>
    public void Watch(uint space, ulong address, byte value)
    {
        if (pages.Count == Limit)
            throw new InvalidOperationException($"{Limit} pages are watched already.");
        pages.Add(new Page(space, address, mm.Spaces[space].Root));
        begin = [.. begin, value];
        ghost = new byte[begin.Length];
        begin.CopyTo(ghost, 0);
    }

    /// <summary>What a page must hold.</summary>
    public byte Ghost(uint space, ulong address) => ghost[Find(space, address)];

    /// <inheritdoc/>
    public override void Begin()
    {
        begin.CopyTo(ghost, 0);
        Array.Clear(operations);
        touchedFree = 0;
        BeginMonitoring();
    }

    /// <summary>The actor is about to store a byte to a watched page.</summary>
    public void BeginStore(int actor, uint space, ulong address, byte value) =>
        operations[actor] = new Operation(Find(space, address) + 1, true, value);

    /// <summary>The actor is about to load the byte of a watched page.</summary>
    public void BeginLoad(int actor, uint space, ulong address) => operations[actor] = new Operation(Find(space, address) + 1, false, 0);

    /// <summary>The actor has loaded; null when it found what it must.</summary>
    public Finding? EndLoad(int actor, byte found)
    {
        Operation done = operations[actor];
        operations[actor] = default;
        return found == done.Value ? null : new Finding("G1", $"{pages[done.Page - 1]} was read as {found}; the last store was {done.Value}");
    }

    /// <inheritdoc/>
    public override void Bytes(int actor, nuint read, nuint written)
    {
        NoteIfFree(read);
        NoteIfFree(written);
        ref Operation operation = ref operations[actor];
        if (operation.Page == 0 || read == 0 || written == 0)
            return;
        if (operation.IsStore && !memory.Contains(read))
        {
            ghost[operation.Page - 1] = operation.Value; // under the table's lock: nobody looks before the store is done
            operation = default;
        }
        else if (!operation.IsStore && !memory.Contains(written))
        {
            operation = operation with { Value = ghost[operation.Page - 1] };
        }
    }

    /// <inheritdoc/>
    public override Finding? Check(int actor)
    {
        if (touchedFree != 0)
            return new Finding("F1", $"the content of frame {touchedFree} was read or written, and the frame is free");
        if (reused is not null)
            return new Finding("I25", reused);
        for (int index = 0; index < pages.Count; index++)
        {
            if (Judge(index) is { } finding)
                return finding;
        }

        return null;
    }

    /// <summary>How a page looks now: its entry, and the frame or slot it names; for drawing.</summary>
    public string Draw(int index)
    {
        uint table = mm.Tables.LeafTable(pages[index].Root, pages[index].Address);
        if (table == 0)
            return "no table";
        Pte entry = PageTables<TArch, Mainline>.Load(ref mm.Tables.Entry(table, pages[index].Address));
        if (TArch.IsNone(entry, 1))
            return "none";
        if (TArch.IsPresent(entry, 1))
            return $"frame {TArch.FrameOf(entry, 1)}{(TArch.IsWritable(entry) ? " W" : " R")}{(TArch.IsDirty(entry) ? "D" : "")}";
        SoftLeaf soft = mm.Decode(entry);
        return soft.Kind == SoftLeafKind.Swap ? $"slot {soft.Offset}{(TArch.IsSwapExclusive(entry) ? " X" : "")}" : soft.Kind.ToString();
    }

    /// <summary>Names of the watched pages, in the order of <see cref="Draw"/>.</summary>
    public IEnumerable<string> Names => pages.Select(page => page.ToString());

    /// <summary>How a slot looks now.</summary>
    public string DrawSlot(uint type, ulong offset)
    {
        SwapSlotWord word = mm.Swap.Map[new SwapEntry(type, offset)];
        return word.IsFree
            ? "free"
            : $"{word.Count}{(word.IsCached ? $" cached {word.Payload}" : "")}{(word.IsPinned ? " pinned" : "")} g{word.Generation}";
    }

    /// <summary>How the frames look now that hold pages of processes or of shared objects.</summary>
    public string DrawFrames()
    {
        List<string> drawn = [];
        for (uint frame = 1; frame < mm.Image.FrameCount; frame++)
        {
            if (mm.Frames.Has(frame, FrameFlags.Anon) || mm.Frames.Has(frame, FrameFlags.SwapCache) || mm.Frames.Has(frame, FrameFlags.SharedMemory))
                drawn.Add(DrawFrame(frame));
        }

        return string.Join(", ", drawn);
    }

    /// <summary>Whether a page's swap entry has the soft-dirty mark.</summary>
    public bool IsSoftDirty(uint space, ulong address)
    {
        uint table = mm.Tables.LeafTable(mm.Spaces[space].Root, address);
        return table != 0 && TArch.IsSwapSoftDirty(PageTables<TArch, Mainline>.Load(ref mm.Tables.Entry(table, address)));
    }

    private void NoteIfFree(nuint address)
    {
        int page = address == 0 || !memory.Contains(address) ? -1 : memory.PageOf(address);
        if (page > 0 && page < frames && mm.Frames.Has((uint)page, FrameFlags.Free))
            touchedFree = (uint)page;
    }

    private string DrawFrame(uint frame)
    {
        ref FrameRecord record = ref mm.Frames[frame];
        string state = string.Concat(
            (mm.Frames.Has(frame, FrameFlags.AnonExclusive) ? "X" : "") + (mm.Frames.Has(frame, FrameFlags.Dirty) ? "D" : "")
            + (mm.Frames.Has(frame, FrameFlags.SwapCache) ? "C" : "") + (record.Lock != 0 ? "L" : ""));
        return $"{frame}({state} r{record.RefCount} m{record.MapCount})={mm.Frames.Bytes(frame)[0]}";
    }

    private int Find(uint space, ulong address)
    {
        int index = pages.FindIndex(page => page.Space == space && page.Address == address);
        return index >= 0 ? index : throw new ArgumentException($"Page {address:x} of address space {space} is not watched.", nameof(address));
    }

    private Finding? Judge(int index)
    {
        Page page = pages[index];
        uint table = mm.Tables.LeafTable(page.Root, page.Address);
        if (table == 0 || Atomic<Mainline>.Load(ref mm.Frames[table].Lock) != 0)
            return null;
        Pte entry = PageTables<TArch, Mainline>.Load(ref mm.Tables.Entry(table, page.Address));
        if (TArch.IsNone(entry, 1))
            return null;
        if (TArch.IsPresent(entry, 1))
            return JudgePresent(index, entry);
        return mm.Decode(entry) is { Kind: SoftLeafKind.Swap } soft
            ? JudgeSwapped(index, entry, new SwapEntry(soft.Type, soft.Offset))
            : null;
    }

    private Finding? JudgePresent(int index, Pte entry)
    {
        uint frame = (uint)TArch.FrameOf(entry, 1);
        if (frame == mm.Folios.ZeroFrame)
            return ghost[index] == 0 ? null : Lost(index, 0);
        ref FrameRecord record = ref mm.Frames[frame];
        var flags = (FrameFlags)Atomic<Mainline>.Load(ref record.Flags);
        if ((flags & FrameFlags.Free) != 0)
            return new Finding("F1", $"{pages[index]} maps frame {frame}, which is free");
        bool used = (flags & (FrameFlags.Tail | FrameFlags.Large)) == 0
            ? Atomic<Mainline>.Load(ref record.RefCount) != 0 && Atomic<Mainline>.Load(ref record.MapCount) != 0
            : mm.Frames.References(frame) != 0 && mm.Frames.Mappings(frame) != 0;
        if (!used)
            return new Finding("R2", $"{pages[index]} maps frame {frame}, which has no reference or no mapping");
        if (TArch.IsWritable(entry) && (flags & FrameFlags.Anon) != 0 && (flags & FrameFlags.AnonExclusive) == 0)
            return new Finding("X1", $"{pages[index]} may be written through frame {frame}, which others may share");
        byte found = mm.Frames.Bytes(frame)[0];
        return found == ghost[index] ? null : Lost(index, found);
    }

    private Finding? JudgeSwapped(int index, Pte entry, SwapEntry slot)
    {
        SwapSlotWord word = mm.Swap.Map[slot];
        if (!word.IsUsed || word.Count == 0)
            return new Finding("I1", $"{pages[index]} names slot {slot.Offset}, which has no reference");
        if (TArch.IsSwapExclusive(entry) && word.Count != 1)
            return new Finding("X5", $"{pages[index]} says it has slot {slot.Offset} alone, which has {word.Count} references");
        byte found;
        if (word.IsCached && mm.Frames.Has(word.Payload, FrameFlags.Uptodate))
        {
            found = mm.Frames.Bytes(word.Payload)[0];
        }
        else
        {
            if (mm.Swap.Peek(slot, content) != SwapResult.Ok)
                return null;
            found = content[0];
        }

        return found == ghost[index] ? null : Lost(index, found);
    }

    private Finding Lost(int index, byte found) => new("G1", $"{pages[index]} holds {found}; the last store was {ghost[index]}");

    private readonly record struct Page(uint Space, ulong Address, uint Root)
    {
        public override string ToString() => $"{Space}:{Address:x}";
    }

    private readonly record struct Operation(int Page, bool IsStore, byte Value);
}
