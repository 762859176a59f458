using System.Globalization;
using System.Text;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Two swap areas with clusters of 64 slots, to be told apart from others of their kind by what they have become.</summary>
internal sealed class SwapTwin<TModel> : IDisposable
    where TModel : IModel
{
    private readonly MachineImage image = MachineImage.CreatePrivate(new MachineImageOptions
    {
        RamBytes = 1 << 20,
        SwapSlots = 1024,
        SwapStoreSlots = 1024,
        SwapClusterSlots = 64,
    });

    internal SwapTwin(int priority, int otherPriority)
    {
        Folios = new Folios<TModel>(image);
        Swap = new SwapSpace<TModel>(image, Folios);
        Assert.Equal(SwapResult.Ok, Swap.SwapOn(Area(400, priority), out _));
        Assert.Equal(SwapResult.Ok, Swap.SwapOn(Area(300, otherPriority), out _));
    }

    internal SwapSpace<TModel> Swap { get; }

    internal Folios<TModel> Folios { get; }

    public void Dispose()
    {
        Swap.Dispose();
        image.Dispose();
    }

    internal SwapEntry[] Take(int count)
    {
        var entries = new SwapEntry[count];
        return entries[..Swap.TryReserve(entries.AsSpan())];
    }

    /// <summary>A slot that the swap cache alone holds; none when there is none.</summary>
    internal SwapEntry Bind()
    {
        uint frame = Folios.TryAllocate();
        if (frame == 0)
            return default;
        Folios.Table.Lock(frame);
        Folios.Table.Set(frame, FrameFlags.SwapBacked | FrameFlags.Uptodate);
        Swap.TryAllocate(frame, out SwapEntry entry);
        Folios.Table.Unlock(frame);
        Folios.Put(frame);
        return entry;
    }

    /// <summary>Lists, clusters, counters, the hint, and whose turn it is.</summary>
    internal string Describe()
    {
        var text = new StringBuilder();
        ref SwapStateRecord state = ref Swap.Areas.State;
        var hint = new SwapEntry(state.Hints[(int)(Owner.Thread % SwapStateRecord.Processors)].Orders[0]);
        text.Append(CultureInfo.InvariantCulture, $"hint {hint}");
        text.Append(CultureInfo.InvariantCulture, $" free {state.FreeSlots} first {Swap.Areas[0].Turn < Swap.Areas[1].Turn}\n");
        for (uint type = 0; type < 2; type++)
        {
            ref SwapAreaRecord area = ref Swap.Areas[type];
            text.Append(CultureInfo.InvariantCulture, $"area {type} in use {area.InUse} flags {area.Flags} users {area.Users:x}\n");
            for (int list = 0; list < SwapClusterLists.Length; list++)
                Describe(text, ref area, list);
            for (uint index = 0; index < area.Clusters; index++)
            {
                ref SwapClusterRecord cluster = ref Swap.Areas.Cluster(ref area, index);
                text.Append(CultureInfo.InvariantCulture, $" {index}: {cluster.State} {cluster.Used} {cluster.Order} lock {cluster.Lock}\n");
            }
        }

        return text.ToString();
    }

    private static SwapAreaOptions Area(uint slots, int priority) =>
        priority < 0 ? SwapAreaOptions.Zram(slots) : SwapAreaOptions.Zram(slots) with { Priority = priority };

    private void Describe(StringBuilder text, ref SwapAreaRecord area, int list)
    {
        uint before = 0;
        for (uint at = area.Lists[list].Head; at != 0; at = Swap.Areas.Cluster(ref area, at - 1).Next)
        {
            Assert.Equal(before, Swap.Areas.Cluster(ref area, at - 1).Previous);
            before = at;
            text.Append(CultureInfo.InvariantCulture, $" {list}>{at - 1}");
        }

        Assert.Equal(before, area.Lists[list].Tail);
    }
}
