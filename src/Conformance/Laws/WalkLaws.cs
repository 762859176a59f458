using System.Buffers.Binary;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>Page tables of the architecture in a real image: what a walker and a TLB see.</summary>
internal static class WalkLaws<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly AccessKind[] Kinds = Enum.GetValues<AccessKind>();

    internal static IEnumerable<Law> All() =>
    [
        new("walk/byte-order", "entries lie in memory in the architecture's byte order", ByteOrder),
        new("walk/translate", "what was mapped is found on both sides of every level's border, and is gone after unmapping", Translate),
        new("walk/rights", "an access through tables of every level ends as the leaf alone says: tables take nothing away", Rights),
        new("walk/swap-entry", "a non-present entry in a table is met by walks, not translated and not changed by accesses", SwapEntry),
        new("walk/quick", "what the constants of quick walks take for a table or a leaf is one, and where they say", Quick),
        new("walk/protect", "changing the protection of a range shows in the next walk and keeps the frames", Protect),
    ];

    private static Protection Writable => TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);

    private static ulong Page => 1UL << TArch.PageShift;

    private static void With(Action<PageTable<TArch, CheckedModel>> use)
    {
        using Machine<TArch, CheckedModel> machine = SmallMachine<TArch>.Create();
        PageTable<TArch, CheckedModel> tree = PageTable<TArch, CheckedModel>.TryCreate(machine.Context.Tables)
            ?? throw new InvalidOperationException("no frame for the root");
        use(tree);
    }

    private static void ByteOrder(Check check) => With(tree =>
    {
        const ulong Pattern = 0x0123_4567_89ab_cdef;
        Span<ulong> words = tree.Words(tree.Root);
        PageTables<TArch, CheckedModel>.Store(ref words[1], new Pte(Pattern));
        Span<byte> bytes = MemoryMarshal.AsBytes(words.Slice(1, 1));
        ulong read = TArch.BigEndian ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        check.Equal(Pattern, read, "is not the word that was stored",
            $"the bytes of an entry, most significant {(TArch.BigEndian ? "first" : "last")}");
        PageTables<TArch, CheckedModel>.Store(ref words[1], default);

        // The bytes of a leaf decide the architecture's word; a format that was written for the other byte order has its flags elsewhere.
        Pte leaf = TArch.MakeLeaf(1, Writable, 1);
        check.That(TArch.FrameOf(leaf, 1) == 1 && (leaf.Raw & (Page - 1)) != leaf.Raw, "has no frame number above the page offset", leaf, $"{leaf}");
    });

    private static void Quick(Check check)
    {
        var random = new Random(11);
        for (int level = 1; level <= TArch.Levels; level++)
        {
            Pte pointer = TArch.MakeTable(0x1234UL << TArch.PageShift);
            for (int i = 0; i < 4000; i++)
            {
                // Pointers and leaves with some bits changed, and any word.
                ulong noise = i < 64 ? 1UL << i : (1UL << random.Next(64)) | (1UL << random.Next(64));
                Pte basis = i % 2 == 0 ? pointer : TArch.MakeLeaf(0x77, Writable, 1);
                CheckQuick(check, new Pte(i % 5 == 4 ? (ulong)random.NextInt64() << random.Next(2) : basis.Raw ^ noise), level);
            }

            CheckQuick(check, default, level);
            CheckQuick(check, pointer, level);
        }

        CheckRootIndex(check, random);
    }

    /// <summary>Where canonical means repeating the root index's highest bit, it means that everywhere; the ends of the halves first.</summary>
    private static void CheckRootIndex(Check check, Random random)
    {
        if (!TArch.RootIndexIsSigned)
            return;
        int shift = TArch.LevelShift(TArch.Levels);
        long half = 1L << (TArch.LevelBits(TArch.Levels) - 1);
        for (int i = 0; i < 4000; i++)
        {
            ulong address = i < 64 ? 1UL << i : i < 128 ? ~(1UL << (i - 64)) : i < 192 ? ~0UL << (i - 128) : i < 256 ? ~(~0UL << (i - 192))
                : (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(24);
            long index = (long)address >> shift;
            bool canonical = index >= -half && index < half;
            check.That(TArch.IsCanonical(address) == canonical, canonical ? "is not canonical" : "is canonical", default, $"{address:x}");
        }
    }

    private static void CheckQuick(Check check, Pte entry, int level)
    {
        ulong address = level == 1 ? 0 : (entry.Raw & ~TArch.TableIgnores(level)) - TArch.TableMarks(level);
        if ((address & (Page - 1)) == 0 && address != 0 && address < 1UL << 52)
        {
            check.That(TArch.IsTable(entry, level) && TArch.TableAddress(entry) == address, $"is no table at {address:x}", entry,
                $"level {level}: {entry}");
        }

        if (level == 1 && TArch.IsPlainLeaf(entry))
        {
            bool right = TArch.IsLeaf(entry, 1) && TArch.FrameOf(entry, 1) << TArch.PageShift == (entry.Raw & TArch.PlainLeafFrame);
            check.That(right, "is no leaf of that frame", entry, $"level 1: {entry}");
        }

        if (level == 1 && TArch.IsLeaf(entry, 1) && (entry.Raw & TArch.SettledLeaf) == TArch.SettledLeaf)
        {
            foreach (AccessKind kind in Enum.GetValues<AccessKind>())
                check.That(!TArch.TryAccess(entry, kind, 1, out Pte after) || after == entry, "is changed by an access", entry, $"{kind}: {entry}");
        }
    }

    private static void Translate(Check check) => With(tree =>
    {
        var mapped = new Dictionary<ulong, ulong>();
        ulong frame = 7;
        for (int level = 1; level <= TArch.Levels; level++)
        {
            ulong border = 3UL << TArch.LevelShift(level);
            foreach (ulong address in new[] { border - Page, border, border + Page })
            {
                if (TArch.IsCanonical(address) && mapped.TryAdd(address, ++frame))
                    check.That(tree.Map(address, frame, Writable).IsMapped, "is not mapped", default, $"{address:x}");
            }
        }

        foreach ((ulong address, ulong expected) in mapped)
        {
            foreach (ulong offset in new[] { 0UL, 1UL, Page - 1 })
                check.Equal((expected << TArch.PageShift) + offset, tree.Translate(address + offset), "is another address", $"{address + offset:x}");
        }

        foreach (ulong address in mapped.Keys)
        {
            tree.Unmap(address, out _).Flush();
            check.Equal(PageTable<TArch, CheckedModel>.NotMapped, tree.Translate(address), "is still translated", $"{address:x} after unmapping");
        }

        check.That(tree.TryDelete(), "tables are left over", default, $"after unmapping all");
    });

    private static void Rights(Check check) => With(tree =>
    {
        foreach (AccessRights rights in Inputs<TArch>.Rights)
        {
            Pte leaf = TArch.MakeLeaf(9, TArch.ProtectionOf(rights), 1);
            foreach (AccessKind kind in Kinds)
            {
                check.That(tree.Map(Page, 9, TArch.ProtectionOf(rights)).IsMapped, "is not mapped", leaf, $"{rights}");
                bool expected = TArch.TryAccess(leaf, kind, 1, out Pte after);
                AccessResult result = tree.Access(Page + 5, kind);
                check.That(result.IsAllowed == expected, $"{kind} is {(result.IsAllowed ? "allowed" : "refused")} by the walk", leaf, after,
                    $"{rights}");
                check.Same(after, tree.Walk(Page).Last, $"is not what {kind} leaves in the table", $"{rights}");
                if (expected)
                    check.Equal((9UL << TArch.PageShift) + 5, result.PhysicalAddress, "is another place", $"{kind}, {rights}");
                tree.Unmap(Page, out _).Flush();
            }
        }
    });

    private static void SwapEntry(Check check) => With(tree =>
    {
        check.That(tree.Map(Page, 9, Writable).IsMapped, "is not mapped", default, $"a page");
        uint table = tree.Tables.LeafTable(tree.Root, Page);
        ref ulong word = ref tree.Tables.Entry(table, Page);
        foreach (uint type in new uint[] { 0, 1, 31 })
        {
            Pte swap = TArch.MakeSwapExclusive(TArch.EncodeSwap(type, 0x123));
            PageTables<TArch, CheckedModel>.Store(ref word, swap);
            check.Equal(PageTable<TArch, CheckedModel>.NotMapped, tree.Translate(Page), "is translated", $"swap type {type}");
            foreach (AccessKind kind in Kinds)
            {
                AccessResult result = tree.Access(Page, kind);
                check.That(result.Fault == FaultReason.NotPresent, $"{kind} ends with {result.Fault}", swap, result.Entry, $"swap type {type}");
                check.Same(swap, PageTables<TArch, CheckedModel>.Load(ref word), $"is changed by {kind}", $"swap type {type}");
            }
        }
    });

    private static void Protect(Check check) => With(tree =>
    {
        const int Pages = 8;
        check.That(tree.MapRange(Page, 20, Pages, Writable).IsMapped, "is not mapped", default, $"a range");
        foreach (AccessRights rights in Inputs<TArch>.Rights)
        {
            tree.ProtectRange(Page, Page * (Pages + 1), TArch.ProtectionOf(rights), out _).Flush();
            for (ulong page = 1; page <= Pages; page++)
            {
                Pte expected = TArch.Modify(TArch.MakeLeaf(19 + page, Writable, 1), TArch.ProtectionOf(rights), 1);
                check.Same(expected, tree.Walk(page * Page).Last, "is not the modified leaf", $"page {page}, {rights}");
            }
        }
    });
}
