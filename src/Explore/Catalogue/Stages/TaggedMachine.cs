using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>A small sparc64 machine whose process has pages with tags.</summary>
internal sealed class TaggedMachine<TTags, TModel>(
    int pages, int filled, bool shared = false, bool synchronous = true, int order = 0)
    : TaggedMachine<Sun4vM7<TTags>, AdiFormat, TModel>(
        new ExploredMachine<Sun4vM7<TTags>, TModel>(slots: 4, synchronous, frames: 40), pages, filled, shared, order)
    where TTags : struct, IPageTagProvider
    where TModel : struct, IExplored;

/// <summary>A small machine whose process has pages with tags. Every frame begins with leftovers of another life.</summary>
internal class TaggedMachine<TArch, TFormat, TModel>
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
    where TModel : struct, IExplored
{
    /// <summary>The tag of all blocks that are judged.</summary>
    internal const uint Tag = 5;

    /// <summary>What the pages hold.</summary>
    internal const byte Value = 1;

    private const uint Stale = 9;
    private readonly TagInstructions<TArch, TModel, TFormat> instructions;

    /// <summary>Makes the machine.</summary>
    /// <param name="small">An empty one.</param>
    /// <param name="pages">Pages of its process.</param>
    /// <param name="filled">How many of them are written and tagged.</param>
    /// <param name="shared">Whether they are those of a shared object.</param>
    /// <param name="order">Of the folios that the process gets.</param>
    internal TaggedMachine(ExploredMachine<TArch, TModel> small, int pages, int filled, bool shared, int order)
    {
        Small = small;
        if (order != 0)
            small.Machine.FolioOrders.Set(order, FolioOrderPolicy.Always);
        instructions = new TagInstructions<TArch, TModel, TFormat>(Small.Machine.Context);
        IsShared = shared;
        Space = Small.CreateSpace(pages, shared, VmaFlags.TagChecked);
        for (int page = 0; page < filled; page++)
            Fill(page);
    }

    internal ExploredMachine<TArch, TModel> Small { get; }

    internal uint Space { get; }

    /// <summary>Whether the pages are those of a shared object.</summary>
    internal bool IsShared { get; }

    internal TagStorage<TModel> Storage => Small.Machine.Context.Tags.Storage;

    /// <summary>Writes and tags a page.</summary>
    internal void Fill(int page)
    {
        Small.Poke(Space, page, Value);
        Set(page, Tag);
    }

    /// <summary>Tags the first block of a page.</summary>
    internal void Set(int page, uint tag)
    {
        var faults = new FaultCounters();
        instructions.Set(Space, ExploredMachine<TArch, TModel>.At(page), tag, ref faults);
    }

    /// <summary>The tag of the first block of a page.</summary>
    internal uint Get(int page)
    {
        var faults = new FaultCounters();
        return instructions.Get(Space, ExploredMachine<TArch, TModel>.At(page), out uint tag, ref faults) == TagResult.Ok ? tag : uint.MaxValue;
    }

    /// <summary>A load, in the set-up, through a pointer with a tag.</summary>
    internal void Read(int page, uint tag)
    {
        Span<byte> loaded = stackalloc byte[1];
        var faults = new FaultCounters();
        Small.Machine.Read(Space, BlockTags<TFormat>.Tagged(ExploredMachine<TArch, TModel>.At(page), tag), loaded, ref faults);
    }

    /// <summary>A store, in the set-up, through a pointer with the tag.</summary>
    internal void Write(int page, byte value)
    {
        var faults = new FaultCounters();
        Small.Machine.Write(Space, BlockTags<TFormat>.Tagged(ExploredMachine<TArch, TModel>.At(page), Tag), [value], ref faults);
    }

    /// <summary>Whether accesses to the page are checked from now on.</summary>
    internal void Check(int page, bool on)
    {
        AccessRights rights = AccessRights.Read | AccessRights.Write | (on ? AccessRights.TagChecked : 0);
        var faults = new FaultCounters();
        Small.Machine.Protect(Space, ExploredMachine<TArch, TModel>.At(page), 1UL << TArch.PageShift, rights, ref faults);
    }

    /// <summary>Ends the set-up: frames that are free now get tags of nobody.</summary>
    internal void Settle()
    {
        Small.Machine.Settle();
        for (uint frame = 1; frame < Small.Machine.Image.FrameCount; frame++)
        {
            if (Small.Machine.Context.Frames.References(frame) == 0)
                Storage.OfFrame(frame).Fill((byte)((Stale << 4) | Stale));
        }
    }

    /// <summary>A load through a pointer with the tag.</summary>
    /// <exception cref="FindingException">The page has other tags, or none.</exception>
    internal void Load(uint space, int page)
    {
        if (Seen(space, page) is { } finding)
            throw new FindingException(finding);
    }

    /// <summary>A load by another processor, which walks the tables without locks and checks tags; without a fault.</summary>
    /// <exception cref="FindingException">The first page can be read, and its tag does not match.</exception>
    internal void Walk()
    {
        MmContext<TArch, TModel> mm = Small.Machine.Context;
        ulong address = ExploredMachine<TArch, TModel>.At(0);
        uint table = mm.Tables.LeafTable(mm.Spaces[Space].Root, address);
        if (table == 0)
            return;
        Pte entry = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) || !TArch.ChecksTags(entry))
            return;
        uint tag = BlockTags<TFormat>.Get(Storage, (uint)TArch.FrameOf(entry, 1), 0);
        if (!TFormat.Matches(Tag, tag))
            throw new FindingException(new Finding("G2", $"a pointer with tag {Tag} met tag {tag}"));
    }

    /// <summary>What is wrong with a page as its process sees it; null when nothing is.</summary>
    internal Finding? Seen(uint space, int page, byte value = Value)
    {
        Span<byte> loaded = stackalloc byte[1];
        var faults = new FaultCounters();
        ulong address = ExploredMachine<TArch, TModel>.At(page);
        UserAccessResult result = Small.Machine.Read(space, BlockTags<TFormat>.Tagged(address, Tag), loaded, ref faults);
        if (result != UserAccessResult.Ok)
            return new Finding("G2", $"{space}:{page:x} cannot be read through a pointer with its tag: {result}");
        if (loaded[0] != value)
            return new Finding("G1", $"{space}:{page:x} is read as {loaded[0]}, not {value}");
        TagResult asked = instructions.Get(space, address, out uint tag, ref faults);
        return asked == TagResult.Ok && tag == Tag ? null : new Finding("G2", $"{space}:{page:x} has tag {tag} ({asked}), not {Tag}");
    }

    /// <summary>Judges the end: some pages as their process sees them, then the machine.</summary>
    internal Finding? Judge(params ReadOnlySpan<int> pages)
    {
        Small.Memory.NoteAllWritten();
        foreach (int page in pages)
        {
            if (Seen(Space, page) is { } finding)
                return finding;
        }

        return Small.Verify();
    }
}
