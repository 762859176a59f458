using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>A small machine with one tree, and a count of the frames that hold tables that does not trust the allocator.</summary>
internal sealed class PagingMachine<TArch, TModel> : IDisposable
    where TArch : IArchitecture
    where TModel : IModel
{
    internal PagingMachine(uint frames = 256)
    {
        Image = MachineImage.CreatePrivate(new MachineImageOptions
        {
            RamBytes = (ulong)frames << TArch.PageShift,
            PageShift = TArch.PageShift,
            HugeShift = TArch.HugePageShift,
            ArchitectureId = TArch.Id,
            SwapSlots = 64,
            SwapStoreSlots = 64,
            SwapClusterSlots = 64,
            AddressSpaces = 4,
            Vmas = 64,
            AnonVmas = 64,
            AnonVmaChains = 64,
            SharedObjects = 16,
            SharedIndexBlocks = 16,
        });
        Folios = new Folios<TModel>(Image);
        Tables = new PageTables<TArch, TModel>(Image, Folios);
        FreeAtStart = Folios.Allocator.FreeCount;
        Tree = PageTable<TArch, TModel>.TryCreate(Tables) ?? throw new InvalidOperationException("no frame for the root");
    }

    internal MachineImage Image { get; }

    internal Folios<TModel> Folios { get; }

    internal PageTables<TArch, TModel> Tables { get; }

    internal PageTable<TArch, TModel> Tree { get; }

    internal uint FreeAtStart { get; }

    /// <summary>Frames that hold a table now, as their records say.</summary>
    internal int TableFrames
    {
        get
        {
            int count = 0;
            for (uint frame = 1; frame < Image.FrameCount; frame++)
                count += Folios.Table.Has(frame, FrameFlags.Table) && Folios.Table.References(frame) != 0 ? 1 : 0;
            return count;
        }
    }

    public void Dispose() => Image.Dispose();

    /// <summary>Leaves the allocator with exactly so many frames to give.</summary>
    internal List<uint> Exhaust(int left)
    {
        List<uint> taken = [];
        for (uint frame = Folios.TryAllocate(); frame != 0; frame = Folios.TryAllocate())
            taken.Add(frame);
        for (int i = 0; i < left; i++)
        {
            Folios.Put(taken[^1]);
            taken.RemoveAt(taken.Count - 1);
        }

        Folios.Allocator.AdvanceEpoch();
        return taken;
    }

    /// <summary>Counts the tables that hang in the tree by walking it.</summary>
    internal int LinkedTables() => Linked(Tree.Root, TArch.Levels);

    /// <summary>Every count in the tree equals what the table holds, no table below the root is empty, every linked table is marked as one.</summary>
    internal void AssertCounts()
    {
        AssertCounts(Tree.Root, TArch.Levels);
        Assert.Equal(LinkedTables(), TableFrames);
        FlushTickets<TModel>.AssertSettled();
    }

    /// <summary>Ends the tree and shows that every frame came back.</summary>
    internal void AssertAllFreed()
    {
        Assert.True(Tree.TryDelete());
        Assert.Equal(0, TableFrames);
        Folios.Allocator.AdvanceEpoch();
        Assert.Equal(FreeAtStart, Folios.Allocator.FreeCount);
        FlushTickets<TModel>.AssertSettled();
    }

    private int Linked(uint table, int level)
    {
        int count = 1;
        foreach (Pte entry in Entries(table, level))
        {
            if (TArch.IsTable(entry, level))
                count += Linked((uint)(TArch.TableAddress(entry) >> TArch.PageShift), level - 1);
        }

        return count;
    }

    private void AssertCounts(uint table, int level)
    {
        List<Pte> entries = Entries(table, level);
        Assert.Equal((uint)entries.Count, Folios.Table[table].Count);
        Assert.True(table == Tree.Root || entries.Count > 0, "an empty table is linked");
        Assert.True(Folios.Table.Has(table, FrameFlags.Table));
        Assert.Equal((ulong)level, Folios.Table[table].Swap);
        foreach (Pte entry in entries)
        {
            if (TArch.IsTable(entry, level))
                AssertCounts((uint)(TArch.TableAddress(entry) >> TArch.PageShift), level - 1);
        }
    }

    private List<Pte> Entries(uint table, int level)
    {
        List<Pte> entries = [];
        foreach (ref ulong word in Tree.Words(table)[..(1 << TArch.LevelBits(level))])
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (!TArch.IsNone(entry, level))
                entries.Add(entry);
        }

        return entries;
    }
}
