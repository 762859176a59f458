using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// What a reference or pin is worth on each state of a page: whether its holder goes on seeing the page that the process stores to, and whether
/// the fast path takes it without a fault (mm/gup.c gup_must_unshare, can_follow_write).
/// </summary>
public abstract class GupMatrixTests<TArch>
    where TArch : struct, IArchitecture
{
    public enum Page
    {
        /// <summary>Anonymous, exclusive, its entry writable.</summary>
        Exclusive,

        /// <summary>Anonymous, exclusive, its entry read-only.</summary>
        ExclusiveReadOnly,

        /// <summary>Anonymous, shared with a child.</summary>
        Shared,

        /// <summary>Anonymous, once shared with a child that is gone.</summary>
        OnceShared,

        /// <summary>The zero page.</summary>
        Zero,

        /// <summary>Of shared memory, its entry writable.</summary>
        SharedMemory,

        /// <summary>Of shared memory, its entry read-only.</summary>
        SharedMemoryReadOnly,
    }

    private const GupFlags Get = GupFlags.Get;
    private const GupFlags Pin = GupFlags.Pin;
    private const GupFlags LongTerm = GupFlags.Pin | GupFlags.LongTerm;

    public static TheoryData<Page, GupFlags, bool, bool> Matrix
    {
        get
        {
            var data = new TheoryData<Page, GupFlags, bool, bool>();
            foreach ((Page page, GupFlags how, bool fast, bool coherent) in Rows())
                data.Add(page, how, fast, coherent);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Matrix))]
    public void APageTaken(Page page, GupFlags how, bool fast, bool coherent)
    {
        foreach (bool useFast in (bool[])[false, true])
        {
            using var world = new CowWorld<TArch, CheckedModel>(default);
            Prepare(world, page);
            bool taken = world.TryTakeFast(world.Parent, 0, how, out uint frame);
            if (taken)
                world.Machine.Gup.Put(frame, how & ~GupFlags.Write);
            Assert.Equal(fast, taken);
            CowHold hold = world.Take(world.Parent, how, useFast);
            world.Reach(CowMoment.Held);
            if (page == Page.SharedMemoryReadOnly)
                world.Protect(AccessRights.Read | AccessRights.Write);
            world.Fill(world.Parent, CowWorld<TArch, CheckedModel>.New);
            Assert.Equal(coherent, world.Contents(hold).AsSpan().SequenceEqual(world.Snapshot(world.Parent)));
            world.Finish();
        }
    }

    /// <summary>State, way of taking, whether the fast path does it, whether holder and process agree afterwards.</summary>
    private static IEnumerable<(Page Page, GupFlags How, bool Fast, bool Coherent)> Rows()
    {
        foreach (GupFlags how in (GupFlags[])[Get, Pin, LongTerm])
        {
            bool pin = how != Get;
            yield return (Page.Exclusive, how, true, true);
            yield return (Page.ExclusiveReadOnly, how, true, true);
            yield return (Page.Shared, how, !pin, pin);
            yield return (Page.OnceShared, how, !pin, pin);
            yield return (Page.Zero, how, false, how == LongTerm);
            yield return (Page.SharedMemory, how, true, true);
            yield return (Page.SharedMemoryReadOnly, how, how != LongTerm, true);

            yield return (Page.Exclusive, how | GupFlags.Write, true, true);
            yield return (Page.ExclusiveReadOnly, how | GupFlags.Write, false, true);
            yield return (Page.Shared, how | GupFlags.Write, false, true);
            yield return (Page.OnceShared, how | GupFlags.Write, false, true);
            yield return (Page.Zero, how | GupFlags.Write, false, true);
            yield return (Page.SharedMemory, how | GupFlags.Write, true, true);
        }
    }

    private static void Prepare(CowWorld<TArch, CheckedModel> world, Page page)
    {
        ulong length = CowWorld<TArch, CheckedModel>.Bytes(1);
        world.Pages = 1;
        bool shared = page is Page.SharedMemory or Page.SharedMemoryReadOnly;
        CowWorld<TArch, CheckedModel>.Ok(shared
            ? world.Machine.MapShared(world.Parent, world.First, length, VmaFlags.Read | VmaFlags.Write)
            : world.Machine.Map(world.Parent, world.First, length, VmaFlags.Read | VmaFlags.Write));
        if (page == Page.Zero)
            world.Snapshot(world.Parent);
        else
            world.Fill(world.Parent, CowWorld<TArch, CheckedModel>.Old);
        if (page == Page.ExclusiveReadOnly)
            world.KeepReadOnly();
        else if (page == Page.SharedMemoryReadOnly)
            world.Protect(AccessRights.Read);
        else if (page is Page.Shared or Page.OnceShared)
            Share(world, stays: page == Page.Shared);
        world.Reach(CowMoment.Prepared);
    }

    private static void Share(CowWorld<TArch, CheckedModel> world, bool stays)
    {
        uint child = world.Fork();
        if (!stays)
            world.Exit(child);
    }
}

public sealed class X64GupMatrixTests : GupMatrixTests<X64FourLevel>;

public sealed class Sun4vGupMatrixTests : GupMatrixTests<Sun4v>;
