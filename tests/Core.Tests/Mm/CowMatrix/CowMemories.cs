using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>Makes the memory that a test starts from.</summary>
internal static class CowMemories<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    /// <summary>Where the second mapping of a test with two lies.</summary>
    internal const ulong Other = 3UL << 31;

    private const int Several = 4;

    internal static void Prepare(CowWorld<TArch, TModel> world, CowMemory memory)
    {
        if (memory is CowMemory.PrivateView or CowMemory.PrivateCopies or CowMemory.PrivateCopiesSwappedOut)
        {
            PrepareObject(world, memory);
            return;
        }

        bool huge = memory >= CowMemory.Huge;
        int small = memory is CowMemory.BasePage or CowMemory.SwappedOut or CowMemory.ZeroPage ? 1 : Several;
        Map(world, world.First, huge ? 1 << world.Order : small, huge);
        if (memory is CowMemory.ZeroPage or CowMemory.HugeZeroPage)
            ReadOnly(world, huge);
        else
            world.Fill(world.Parent, CowWorld<TArch, TModel>.Old);
        bool byLeaf = huge && world.Order == FolioOrders<TArch, TModel>.Huge;
        Assert.Equal(byLeaf, world.IsHuge);
        Assert.Equal(huge && !byLeaf ? world.Order : 0, byLeaf ? 0 : world.FolioOrder);
        if (huge)
            ShapeHuge(world, memory);
        else
            Shape(world, memory);
        world.Reach(CowMoment.Prepared);
    }

    /// <summary>An object filled through the shared mapping, and a private mapping of it at the memory under test.</summary>
    private static void PrepareObject(CowWorld<TArch, TModel> world, CowMemory memory)
    {
        const VmaFlags Rights = VmaFlags.Read | VmaFlags.Write;
        world.Pages = memory == CowMemory.PrivateView ? 1 : Several;
        ulong length = CowWorld<TArch, TModel>.Bytes(world.Pages);
        uint number = world.Machine.CreateSharedObject((ulong)world.Pages);
        CowWorld<TArch, TModel>.Ok(world.Machine.MapObject(world.Parent, Other, length, Rights, number, 0));
        CowWorld<TArch, TModel>.Ok(world.Machine.MapObjectPrivately(world.Parent, world.First, length, Rights, number, 0));
        world.Machine.ReleaseSharedObject(number);
        world.Fill(world.Parent, Other, CowWorld<TArch, TModel>.Old);
        if (memory == CowMemory.PrivateView)
            Assert.Equal(world.Snapshot(world.Parent, Other), world.Snapshot(world.Parent));
        else
            world.Fill(world.Parent, CowWorld<TArch, TModel>.Old);
        if (memory == CowMemory.PrivateCopiesSwappedOut)
            world.SwapOut();
        world.Reach(CowMoment.Prepared);
    }

    private static void Shape(CowWorld<TArch, TModel> world, CowMemory memory)
    {
        switch (memory)
        {
            case CowMemory.SwappedOut:
                world.SwapOut();
                break;
            case CowMemory.Moved:
                Move(world, 0);
                break;
            case CowMemory.MovedWhileSwappedOut:
                world.SwapOut();
                Move(world, 0);
                break;
            case CowMemory.HalfMoved:
                Move(world, Several / 2);
                break;
            case CowMemory.OneOfMany:
                DropOthers(world);
                break;
            case CowMemory.PartlyShared:
                SharePartly(world);
                break;
            default:
                ShapeBySwapOrMerging(world, memory);
                break;
        }
    }

    private static void ShapeBySwapOrMerging(CowWorld<TArch, TModel> world, CowMemory memory)
    {
        switch (memory)
        {
            case CowMemory.OnceShared:
                world.Exit(world.Fork());
                break;
            case CowMemory.SwappedOutWhileShared:
                uint child = world.Fork();
                world.Machine.ReclaimAll(); // MADV_PAGEOUT leaves pages alone that others map
                world.Exit(child);
                break;
            case CowMemory.OnceSharedSwappedOut:
                world.SwapOut();
                world.Exit(world.Fork());
                break;
            case CowMemory.ReadAhead:
                world.SwapOut();
                world.Advise(0, Several, Advice.WillNeed);
                break;
            case CowMemory.ReadBack:
                world.SwapOut();
                world.Snapshot(world.Parent);
                break;
            case CowMemory.Merged:
                Merge(world);
                break;
            case CowMemory.MergedSwappedOut:
                Merge(world);
                world.Machine.ReclaimAll();
                break;
            default:
                break;
        }
    }

    private static void ShapeHuge(CowWorld<TArch, TModel> world, CowMemory memory)
    {
        bool byPages = memory is CowMemory.HugeByPages or CowMemory.HugeByPagesSwappedOut;
        bool one = memory is CowMemory.OneOfHuge or CowMemory.OneOfHugeSwappedOut;
        if (byPages || one)
        {
            world.ProtectThereAndBack(world.First + CowWorld<TArch, TModel>.Bytes(1), CowWorld<TArch, TModel>.Bytes(1));
            Assert.False(world.IsHuge);
        }

        if (one)
            DropOthers(world);
        if (memory is CowMemory.HugeSwappedOut or CowMemory.HugeByPagesSwappedOut or CowMemory.OneOfHugeSwappedOut)
            world.SwapOut();
        else if (memory == CowMemory.HugeHalfMoved)
            Move(world, world.Pages / 2);
        else if (memory == CowMemory.HugePartlyShared)
            SharePartly(world);
    }

    private static void DropOthers(CowWorld<TArch, TModel> world)
    {
        world.Advise(1, world.Pages - 1, Advice.DontNeed);
        world.Pages = 1;
    }

    private static void SharePartly(CowWorld<TArch, TModel> world)
    {
        world.Advise(1, world.Pages - 1, Advice.DontFork);
        world.Exit(world.Fork());
        world.Advise(1, world.Pages - 1, Advice.DoFork);
    }

    private static void Map(CowWorld<TArch, TModel> world, ulong start, int pages, bool huge)
    {
        world.Pages = pages;
        ulong length = CowWorld<TArch, TModel>.Bytes(pages);
        CowWorld<TArch, TModel>.Ok(world.Machine.Map(world.Parent, start, length, VmaFlags.Read | VmaFlags.Write));
        var counters = new FaultCounters();
        if (huge)
            CowWorld<TArch, TModel>.Ok(world.Machine.Advise(world.Parent, start, length, Advice.HugePage, ref counters));
    }

    private static void ReadOnly(CowWorld<TArch, TModel> world, bool huge)
    {
        Map(world, Other, world.Pages, huge);
        world.Snapshot(world.Parent);
        world.Snapshot(world.Parent, Other);
        world.ForEachEntry(world.Parent, entry =>
        {
            Assert.True(TArch.IsSpecial(entry));
            return entry;
        });
    }

    /// <summary>Moves the pages from a given one on, which are the memory under test from then on.</summary>
    private static void Move(CowWorld<TArch, TModel> world, int from)
    {
        ulong start = world.First + CowWorld<TArch, TModel>.Bytes(from);
        world.Pages -= from;
        CowWorld<TArch, TModel>.Ok(world.Machine.Move(world.Parent, start, Other, CowWorld<TArch, TModel>.Bytes(world.Pages)));
        world.First = Other;
    }

    private static void Merge(CowWorld<TArch, TModel> world)
    {
        world.Advise(0, Several, Advice.Mergeable);
        world.Machine.Ksm.Scan(2);
        world.ForEachEntry(world.Parent, entry =>
        {
            Assert.True(world.Machine.Context.Frames.Has(MmContext<TArch, TModel>.NormalFrame(entry), FrameFlags.Ksm));
            return entry;
        });
    }
}
