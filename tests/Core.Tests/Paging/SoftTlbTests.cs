using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>The software TLB says what the tree says, after every flush and after nothing less.</summary>
public abstract class SoftTlbTests<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private static readonly Protection Writable = Used(TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared));
    private static readonly Protection ReadOnly = Used(TArch.ProtectionOf(AccessRights.Read));
    private readonly PagingMachine<TArch, CheckedModel> machine = new();
    private readonly SoftTlb<TArch, CheckedModel> tlb;

    protected SoftTlbTests() => tlb = new SoftTlb<TArch, CheckedModel>(machine.Tree);

    private static ulong Page => 1UL << TArch.PageShift;

    [Fact]
    public void Translations_equal_those_of_the_tree()
    {
        var random = new Random(7);
        for (ulong page = 0; page < 600; page++)
            Assert.True(machine.Tree.Map(page * 3 * Page, 0x100 + page, page % 4 == 0 ? ReadOnly : Writable).IsMapped);
        for (int i = 0; i < 20_000; i++)
        {
            ulong address = ((ulong)random.Next(1900) * Page) + (ulong)random.Next((int)Page);
            var kind = (AccessKind)random.Next(3);
            Assert.Equal(Expected(address, kind), tlb.Translate(address, kind));
        }
    }

    [Fact]
    public void Many_equal_one_by_one()
    {
        for (ulong page = 0; page < 64; page++)
            Assert.True(machine.Tree.Map(page * 2 * Page, 0x100 + page, Writable).IsMapped);
        ulong[] addresses = [.. Enumerable.Range(0, 500).Select(i => ((ulong)(i * 7 % 131) * Page) + (ulong)i)];
        ulong[] results = new ulong[addresses.Length];
        for (int round = 0; round < 2; round++)
        {
            int allowed = tlb.TranslateMany(addresses, AccessKind.Read, results);
            Assert.Equal(addresses.Select(address => Expected(address, AccessKind.Read)), results);
            Assert.Equal(results.Count(result => result != PageTable<TArch, CheckedModel>.NotMapped), allowed);
        }

        tlb.TranslateMany(addresses, AccessKind.Read, addresses); // in place
        Assert.Equal(results, addresses);
        Assert.Throws<ArgumentException>(() => tlb.TranslateMany(new ulong[2], AccessKind.Read, new ulong[1]));
    }

    [Fact]
    public void One_miss_among_many_hits_is_found_wherever_it_stands()
    {
        for (ulong page = 0; page < 64; page++)
            Assert.True(machine.Tree.Map(page * Page, 0x100 + page, Writable).IsMapped);
        for (int count = 0; count <= 40; count++)
        {
            for (int hole = 0; hole <= count; hole++)
            {
                ulong[] addresses = [.. Enumerable.Range(0, count).Select(i => ((ulong)(i == hole ? 64 : i) * Page) + (ulong)(count * 8))];
                ulong[] results = new ulong[count + 1];
                results[count] = 7;
                int allowed = tlb.TranslateMany(addresses, AccessKind.Write, results);
                Assert.Equal(addresses.Select(address => Expected(address, AccessKind.Write)), results.AsSpan(0, count).ToArray());
                Assert.Equal(hole < count ? count - 1 : count, allowed);
                Assert.Equal(7UL, results[count]); // not a word beyond
            }
        }
    }

    [Fact]
    public void A_flush_ends_what_was_cached_and_an_ignored_ticket_does_not()
    {
        ulong address = 5 * Page;
        Assert.True(machine.Tree.Map(address, 0x42, Writable).IsMapped);
        Assert.Equal(0x42 * Page, tlb.Translate(address, AccessKind.Write));
        machine.Tree.Protect(address, ReadOnly, out _).Ignore();
        Assert.Equal(0x42 * Page, tlb.Translate(address, AccessKind.Write)); // stale, as on hardware
        machine.Tree.Zap(address, out _).Flush();
        Assert.Equal(PageTable<TArch, CheckedModel>.NotMapped, tlb.Translate(address, AccessKind.Write));
        Assert.Equal(PageTable<TArch, CheckedModel>.NotMapped, tlb.Translate(address, AccessKind.Read));
        Assert.True(machine.Tree.Map(address, 0x43, Writable).IsMapped);
        Assert.Equal(0x43 * Page, tlb.Translate(address, AccessKind.Read));
    }

    [Fact]
    public void Freed_tables_end_what_was_cached()
    {
        Assert.True(machine.Tree.Map(0, 0x42, Writable).IsMapped);
        Assert.Equal(0x42 * Page, tlb.Translate(0, AccessKind.Read));
        machine.Tree.UnmapRange(0, 16 * Page, out _).Ignore(); // frees the tables, and that raises the generation by itself
        Assert.Equal(PageTable<TArch, CheckedModel>.NotMapped, tlb.Translate(0, AccessKind.Read));
    }

    [Fact]
    public void Old_translations_never_come_back_however_many_generations_pass()
    {
        for (ulong round = 0; round < 6000; round++)
        {
            ulong address = (round % 3) * Page;
            Assert.True(machine.Tree.Map(address, 0x100 + round, Writable).IsMapped);
            Assert.Equal((0x100 + round) * Page, tlb.Translate(address, AccessKind.Read));
            machine.Tree.Zap(address, out _).Flush();
            Assert.Equal(PageTable<TArch, CheckedModel>.NotMapped, tlb.Translate(address, AccessKind.Read));
        }
    }

    [Fact]
    public void Cleared_it_asks_the_tree_again()
    {
        Assert.True(machine.Tree.Map(0, 0x42, Writable).IsMapped);
        tlb.Translate(0, AccessKind.Read);
        machine.Tree.Zap(0, out _).Ignore();
        tlb.Clear();
        Assert.Equal(PageTable<TArch, CheckedModel>.NotMapped, tlb.Translate(0, AccessKind.Read));
    }

    public void Dispose()
    {
        machine.Dispose();
        GC.SuppressFinalize(this);
    }

    // Accessed and dirty already, so that processors that leave marking to a handler allow every access.
    private static Protection Used(Protection protection) =>
        new(TArch.MakeDirty(TArch.MakeYoung(TArch.MakeLeaf(0, protection, 1))).Raw);

    private ulong Expected(ulong address, AccessKind kind)
    {
        AccessResult result = machine.Tree.Access(address, kind);
        return result.IsAllowed ? result.PhysicalAddress : PageTable<TArch, CheckedModel>.NotMapped;
    }
}

public sealed class X64SoftTlb : SoftTlbTests<X64FourLevel>;

public sealed class X64FiveLevelSoftTlb : SoftTlbTests<X64FiveLevel>;

public sealed class Sun4vSoftTlb : SoftTlbTests<Sun4v>;

public sealed class Arm64SoftTlb : SoftTlbTests<Arm64FourLevel>;
