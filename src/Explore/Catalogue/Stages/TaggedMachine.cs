using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>A small sparc64 machine whose process has pages with tags. Every frame begins with leftovers of another life.</summary>
internal sealed class TaggedMachine<TTags, TModel>
    where TTags : struct, IPageTagProvider
    where TModel : struct, IExplored
{
    /// <summary>The tag of all blocks that are judged.</summary>
    internal const uint Tag = 5;

    /// <summary>What the pages hold.</summary>
    internal const byte Value = 1;

    private const uint Stale = 9;
    private readonly TagInstructions<Sun4vM7<TTags>, TModel, AdiFormat> instructions;

    /// <summary>Makes the machine.</summary>
    /// <param name="pages">Pages of its process.</param>
    /// <param name="filled">How many of them are written and tagged.</param>
    /// <param name="shared">Whether they are those of a shared object.</param>
    internal TaggedMachine(int pages, int filled, bool shared = false)
    {
        Small = new ExploredMachine<Sun4vM7<TTags>, TModel>(slots: 4, frames: 40);
        instructions = new TagInstructions<Sun4vM7<TTags>, TModel, AdiFormat>(Small.Machine.Context);
        IsShared = shared;
        Space = Small.CreateSpace(pages, shared, VmaFlags.TagChecked);
        for (int page = 0; page < filled; page++)
            Fill(page);
    }

    internal ExploredMachine<Sun4vM7<TTags>, TModel> Small { get; }

    internal uint Space { get; }

    /// <summary>Whether the pages are those of a shared object.</summary>
    internal bool IsShared { get; }

    internal TagStorage<TModel> Storage => Small.Machine.Context.Tags.Storage;

    /// <summary>Writes and tags a page.</summary>
    internal void Fill(int page)
    {
        Small.Poke(Space, page, Value);
        var faults = new FaultCounters();
        instructions.Set(Space, ExploredMachine<Sun4vM7<TTags>, TModel>.At(page), Tag, ref faults);
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
        MmContext<Sun4vM7<TTags>, TModel> mm = Small.Machine.Context;
        ulong address = ExploredMachine<Sun4vM7<TTags>, TModel>.At(0);
        uint table = mm.Tables.LeafTable(mm.Spaces[Space].Root, address);
        if (table == 0)
            return;
        Pte entry = PageTables<Sun4vM7<TTags>, TModel>.Load(ref mm.Tables.Entry(table, address));
        if (!SparcLeaf<Sun4vM7Bits>.IsPresent(entry, 1) || !AdiFormat.Checks(entry))
            return;
        uint tag = BlockTags<AdiFormat>.Get(Storage, (uint)SparcLeaf<Sun4vM7Bits>.FrameOf(entry), 0);
        if (!Matches<AdiFormat>(tag))
            throw new FindingException(new Finding("G2", $"a pointer with tag {Tag} met tag {tag}"));
    }

    /// <summary>What is wrong with a page as its process sees it; null when nothing is.</summary>
    internal Finding? Seen(uint space, int page)
    {
        Span<byte> loaded = stackalloc byte[1];
        var faults = new FaultCounters();
        ulong address = ExploredMachine<Sun4vM7<TTags>, TModel>.At(page);
        UserAccessResult result = Small.Machine.Read(space, AdiFormat.Tagged(address, Tag), loaded, ref faults);
        if (result != UserAccessResult.Ok)
            return new Finding("G2", $"{space}:{page:x} cannot be read through a pointer with its tag: {result}");
        if (loaded[0] != Value)
            return new Finding("G1", $"{space}:{page:x} is read as {loaded[0]}, not {Value}");
        TagResult asked = instructions.Get(space, address, out uint tag, ref faults);
        return asked == TagResult.Ok && tag == Tag ? null : new Finding("G2", $"{space}:{page:x} has tag {tag} ({asked}), not {Tag}");
    }

    private static bool Matches<TFormat>(uint tag)
        where TFormat : struct, ITagFormat => TFormat.Matches(Tag, tag);

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
