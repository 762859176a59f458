using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>What the stages of races on x86-64 share.</summary>
internal abstract class Stage : IRaceStage
{
    protected const byte Old = 1;
    protected const byte New = 2;
    protected const byte Other = 3;
    protected const GupFlags ForWrite = GupFlags.Get | GupFlags.Write;
    protected const GupFlags PinForWrite = GupFlags.Pin | GupFlags.Write;

    public abstract RaceScene SetUp<TModel>()
        where TModel : struct, IExplored;

    /// <summary>A machine with one page, mapped and watched.</summary>
    protected static (ExploredMachine<X64FourLevel, TModel> Small, uint Space) OnePage<TModel>(uint slots = 2, bool synchronous = true)
        where TModel : struct, IExplored => OnePage<TModel>(slots, synchronous, swappedOut: false);

    /// <summary>A machine with one page, watched, which is in swap: of a synchronous area past the cache.</summary>
    protected static (ExploredMachine<X64FourLevel, TModel> Small, uint Space) SwappedOut<TModel>(uint slots = 1, bool synchronous = true)
        where TModel : struct, IExplored => OnePage<TModel>(slots, synchronous, swappedOut: true);

    /// <summary>The object that the pages of a process belong to.</summary>
    protected static uint SharedObjectOf<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space)
        where TModel : struct, IExplored
    {
        Vmas<TModel> vmas = small.Machine.Context.Vmas;
        return vmas[vmas.Find(space, ExploredMachine<X64FourLevel, TModel>.At(0))].SharedObject;
    }

    /// <summary>A scene whose pages are judged after every step and whose machine is verified at the end.</summary>
    protected static RaceScene Scene<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint slots, params ReadOnlySpan<Actor> actors)
        where TModel : struct, IExplored => Scene(small, slots, small.Verify, actors);

    /// <summary>As above, judged at the end in another way.</summary>
    protected static RaceScene Scene<TModel>(
        ExploredMachine<X64FourLevel, TModel> small, uint slots, Func<Finding?> atEnd, params ReadOnlySpan<Actor> actors)
        where TModel : struct, IExplored => Scene(small, slots, atEnd, null, actors);

    /// <summary>As above, with something to be done before each execution.</summary>
    protected static RaceScene Scene<TModel>(
        ExploredMachine<X64FourLevel, TModel> small, uint slots, Func<Finding?> atEnd, Action? atStart, params ReadOnlySpan<Actor> actors)
        where TModel : struct, IExplored => Scene(small, (1, slots), atEnd, atStart, actors);

    /// <summary>As above, drawing other slots than the first ones.</summary>
    protected static RaceScene Scene<TModel>(
        ExploredMachine<X64FourLevel, TModel> small, (uint First, uint Count) slots, Func<Finding?> atEnd, Action? atStart,
        params ReadOnlySpan<Actor> actors)
        where TModel : struct, IExplored => Scene(small, small.Pages, slots, atEnd, atStart, actors);

    /// <summary>As above, with another judge after every step.</summary>
    protected static RaceScene Scene<TModel>(
        ExploredMachine<X64FourLevel, TModel> small, StepOracle oracle, (uint First, uint Count) slots, Func<Finding?> atEnd, Action? atStart,
        params ReadOnlySpan<Actor> actors)
        where TModel : struct, IExplored
    {
        var program = new ExploredProgram(small.Memory, actors) { Oracle = oracle, AtStart = atStart, AtEnd = atEnd };
        string[] pages = [.. small.Pages.Names.Select(name => $"page {name}")];
        ulong[] drawn = [.. Enumerable.Range(0, (int)slots.Count).Select(slot => slots.First + (ulong)slot)];
        string[] names = [.. pages, .. drawn.Select(slot => $"slot {slot}"), "frames"];
        return new RaceScene(program, small, names, () =>
        [
            .. pages.Select((_, index) => small.Pages.Draw(index)),
            .. drawn.Select(slot => small.Pages.DrawSlot(0, slot)),
            small.Pages.DrawFrames(),
        ]);
    }

    /// <summary>Whether the last byte of the first page holds what <see cref="ExploredMachine{TArch, TModel}.StoreBeside"/> put there.</summary>
    protected static Finding? Beside<TModel>(ExploredMachine<X64FourLevel, TModel> small, uint space)
        where TModel : struct, IExplored
    {
        small.Memory.NoteAllWritten();
        Span<byte> found = stackalloc byte[1];
        var faults = new FaultCounters();
        small.Machine.Read(space, ExploredMachine<X64FourLevel, TModel>.At(1) - 1, found, ref faults);
        return found[0] == Other ? null : new Finding("G1", $"the last byte holds {found[0]}; the last store was {Other}");
    }

    protected static void Require(bool holds, string what)
    {
        if (!holds)
            throw new FindingException(new Finding("GU1", what));
    }

    private static (ExploredMachine<X64FourLevel, TModel> Small, uint Space) OnePage<TModel>(uint slots, bool synchronous, bool swappedOut)
        where TModel : struct, IExplored
    {
        var small = new ExploredMachine<X64FourLevel, TModel>(slots, synchronous);
        uint space = small.CreateSpace(1);
        small.Poke(space, 0, Old);
        if (swappedOut)
            small.Machine.ReclaimAll();
        small.Machine.Settle();
        small.Watch(space, 0);
        return (small, space);
    }
}
