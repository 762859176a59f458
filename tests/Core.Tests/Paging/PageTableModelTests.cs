using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>Random operations against a dictionary from page to (frame, protection, level).</summary>
public abstract class PageTableModelTests<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const int Window = 24; // pages of interest on each side of a border

    private static readonly Protection[] Protections =
    [
        TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared),
        TArch.ProtectionOf(AccessRights.Read),
        TArch.ProtectionOf(AccessRights.None),
    ];

    private static int Shift => TArch.PageShift;

    // Pages lie around a border of level 3, so that every operation may touch several tables; a huge leaf covers each side.
    private static ulong Border => 1UL << (TArch.LevelShift(3) - Shift);

    private static ulong HugePages => 1UL << (TArch.LevelShift(2) - Shift);

    [Fact]
    public void Random_operations_agree_with_a_dictionary()
    {
        Gen<int[]> program = Gen.Choose(0, int.MaxValue).ArrayOf(60);
        Prop.ForAll(program.ToArbitrary(), Run).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    private static bool Run(int[] program)
    {
        using var machine = new PagingMachine<TArch, TModel>(64);
        SortedDictionary<ulong, (Pte Entry, int Level)> model = [];
        foreach (int code in program)
        {
            var random = new System.Random(code);
            ulong page = Border - Window + (ulong)random.Next(2 * Window);
            ulong count = 1 + (ulong)random.Next(Window);
            Step(machine.Tree, model, random, page, count);
            Compare(machine.Tree, model);
        }

        machine.AssertCounts();
        ulong whole = 2 * Border << Shift;
        machine.Tree.UnmapRange(0, whole, out ChangeResult result).Flush();
        Assert.Equal((ulong)model.Count, result.Pages);
        machine.AssertAllFreed();
        return true;
    }

    private static void Step(
        PageTable<TArch, TModel> tree, SortedDictionary<ulong, (Pte Entry, int Level)> model, System.Random random, ulong page, ulong count)
    {
        Protection protection = Protections[random.Next(Protections.Length)];
        ulong frame = 1000 + (ulong)random.Next(1000);
        switch (random.Next(6))
        {
            case 0:
                Put(tree.Map(page << Shift, frame, protection), model, page, frame, 1, protection, 1);
                break;
            case 1:
                Put(tree.MapRange(page << Shift, frame, count, protection), model, page, frame, count, protection, 1);
                break;
            case 2:
                ulong huge = page & ~(HugePages - 1);
                ulong first = HugePages * (ulong)random.Next(8);
                Put(tree.Map(huge << Shift, first, protection, 2), model, huge, first, HugePages, protection, 2);
                break;
            case 3:
                FlushTicket<TModel> ticket = random.Next(2) == 0 ? tree.Unmap(page << Shift, out ChangeResult one) : tree.Zap(page << Shift, out one);
                ticket.Flush();
                if (one.Status == ChangeStatus.Done)
                    Remove(model, page, one.Pages);
                else
                    Assert.Equal(one.Status == ChangeStatus.Nothing, !model.ContainsKey(page));
                tree.FreeEmptyTables(0, 2 * Border << Shift);
                break;
            case 4:
                tree.UnmapRange(page << Shift, (page + count) << Shift, out ChangeResult many).Flush();
                Ranged(model, page, count, many, (at, _) => model.Remove(at));
                break;
            default:
                tree.ProtectRange(page << Shift, (page + count) << Shift, protection, out many).Flush();
                Ranged(model, page, count, many, (at, leaf) => model[at] = (TArch.Modify(leaf.Entry, protection, leaf.Level), leaf.Level));
                break;
        }
    }

    private static void Put(
        MapResult result, SortedDictionary<ulong, (Pte Entry, int Level)> model, ulong page, ulong frame, ulong count,
        Protection protection, int level)
    {
        bool free = true;
        for (ulong i = 0; i < count; i++)
            free &= !model.ContainsKey(page + i);
        Assert.Equal(free ? MapStatus.Mapped : MapStatus.Occupied, result.Status);
        for (ulong i = 0; free && i < count; i++)
            model[page + i] = (TArch.MakeLeaf(level == 1 ? frame + i : frame, protection, level), level);
    }

    private static void Remove(SortedDictionary<ulong, (Pte Entry, int Level)> model, ulong page, ulong count)
    {
        for (ulong i = 0; i < count; i++)
            Assert.True(model.Remove(page + i));
    }

    private static void Ranged(
        SortedDictionary<ulong, (Pte Entry, int Level)> model, ulong page, ulong count, ChangeResult result,
        Action<ulong, (Pte Entry, int Level)> change)
    {
        if (result.Status == ChangeStatus.LeafStraddles)
        {
            Assert.Equal(2, result.Level);
            return;
        }

        ulong seen = 0;
        for (ulong at = page; at < page + count; at++)
        {
            if (!model.TryGetValue(at, out (Pte Entry, int Level) leaf))
                continue;
            seen++;
            change(at, leaf);
        }

        Assert.Equal((ChangeStatus.Done, seen), (result.Status, result.Pages));
    }

    private static void Compare(PageTable<TArch, TModel> tree, SortedDictionary<ulong, (Pte Entry, int Level)> model)
    {
        ulong start = Border - HugePages;
        ulong end = Border + HugePages;
        ulong[] addresses = [.. Enumerable.Range(0, 2 * Window).Select(i => (Border - Window + (ulong)i) << Shift)];
        ulong[] physical = new ulong[addresses.Length];
        int mapped = tree.TranslateMany(addresses, physical);
        Assert.Equal(addresses.Count(address => model.ContainsKey(address >> Shift)), mapped);
        for (int i = 0; i < addresses.Length; i++)
        {
            PageWalk walk = tree.Walk(addresses[i]);
            bool expected = model.TryGetValue(addresses[i] >> Shift, out (Pte Entry, int Level) leaf);
            Assert.Equal(expected ? FaultReason.None : FaultReason.NotMapped, walk.Fault);
            Assert.Equal(leaf.Entry, walk.Last);
            Assert.Equal(expected ? walk.PhysicalAddress : PageTable<TArch, TModel>.NotMapped, physical[i]);
            Assert.Equal(physical[i], tree.Translate(addresses[i]));
        }

        // The cursor's pieces are the range, gaps are maximal, and leaves are those of the model.
        var cursor = new RangeCursor<TArch, TModel>(tree, start << Shift, end << Shift);
        ulong next = start << Shift;
        bool gap = false;
        ulong leafPages = 0;
        while (cursor.MoveNext())
        {
            Assert.Equal(next, cursor.Start);
            Assert.True(cursor.End > cursor.Start);
            Assert.False(gap && cursor.Kind == RangeKind.Gap, "two gaps in a row");
            gap = cursor.Kind == RangeKind.Gap;
            next = cursor.End;
            if (gap)
                continue;
            Assert.Equal(RangeKind.Leaf, cursor.Kind);
            Assert.Equal(model[cursor.Start >> Shift], (cursor.Entry, cursor.Level));
            Assert.Equal(tree.Walk(cursor.Start).EntryAddress(cursor.Level), cursor.EntryAddress);
            Assert.Equal(tree.Translate(cursor.Start), cursor.PhysicalAddress);
            leafPages += (cursor.End - cursor.Start) >> Shift;
        }

        Assert.Equal(end << Shift, next);
        Assert.Equal((ulong)model.Count, leafPages);
    }
}

public sealed class X64FourLevelCheckedModelTests : PageTableModelTests<X64FourLevel, CheckedModel>;

public sealed class X64FourLevelModelTests : PageTableModelTests<X64FourLevel, Mainline>;

public sealed class X64FiveLevelModelTests : PageTableModelTests<X64FiveLevel, Mainline>;

public sealed class Sun4uModelTests : PageTableModelTests<Sun4u, Mainline>;

public sealed class Sun4vModelTests : PageTableModelTests<Sun4v, Mainline>;

public sealed class Sun4vM7ModelTests : PageTableModelTests<Sun4vM7, Mainline>;
