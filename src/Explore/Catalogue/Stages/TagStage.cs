using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>What the stages of races about memory tags share. Without a provider told, tags belong to frames and slots.</summary>
internal abstract class TagStage : IRaceStage
{
    internal const int BytesOfPage = 8192;
    protected const int Page = BytesOfPage;

    public RaceScene SetUp<TModel>()
        where TModel : struct, IExplored => SetUp<AdiFrameSlot, TModel>();

    public abstract RaceScene SetUp<TTags, TModel>()
        where TTags : struct, IPageTagProvider
        where TModel : struct, IExplored;

    /// <summary>A machine whose first page, tagged, is in swap.</summary>
    protected static TaggedMachine<TTags, TModel> SwappedOut<TTags, TModel>(int pages)
        where TTags : struct, IPageTagProvider
        where TModel : struct, IExplored
    {
        var machine = new TaggedMachine<TTags, TModel>(pages, filled: 1);
        machine.Small.PageOut(machine.Space, 0);
        machine.Settle();
        return machine;
    }

    /// <summary>A machine whose first page, tagged, is mapped.</summary>
    protected static TaggedMachine<TTags, TModel> Mapped<TTags, TModel>()
        where TTags : struct, IPageTagProvider
        where TModel : struct, IExplored
    {
        var machine = new TaggedMachine<TTags, TModel>(pages: 1, filled: 1);
        machine.Settle();
        return machine;
    }

    internal static RaceScene Scene<TArch, TFormat, TModel>(
        TaggedMachine<TArch, TFormat, TModel> machine, Func<Finding?> atEnd, params ReadOnlySpan<Actor> actors)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IExplored => Scene(machine, atEnd, null, actors);

    internal static RaceScene Scene<TArch, TFormat, TModel>(
        TaggedMachine<TArch, TFormat, TModel> machine, Func<Finding?> atEnd, Action? atStart, params ReadOnlySpan<Actor> actors)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IExplored
    {
        ExploredMachine<TArch, TModel> small = machine.Small;
        if (machine.IsShared)
            small.Watch(machine.Space, 0, TaggedMachine<TArch, TFormat, TModel>.Value);
        else
            small.Watch(machine.Space, 0);
        var program = new ExploredProgram(small.Memory, actors) { AtStart = atStart, AtEnd = atEnd, Oracle = small.Pages };
        string[] names = [.. small.Pages.Names.Select(name => $"page {name}"), "slot 1", "frames"];
        return new RaceScene(
            program, small, names, () => [small.Pages.Draw(0), small.Pages.DrawSlot(0, 1), small.Pages.DrawFrames()]);
    }
}
