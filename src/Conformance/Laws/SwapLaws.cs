using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>
/// Type, offset and marks of non-present entries (mm/debug_vm_pgtable.c: swap, exclusive, soft-dirty tests), and the limits that the kernel
/// derives from them (generic_max_swapfile_size).
/// </summary>
internal static class SwapLaws<TFormat>
    where TFormat : struct, ISwapFormat
{
    private const int CommonTypes = (int)SwapTypeLayout.TypeCount;
    private const int LeastOffsetBits = 32; // a swap area's header counts pages in 32 bits

    private static readonly (string Name, bool Exists, Func<Pte, bool> Is, Func<Pte, Pte> Set, Func<Pte, Pte> Clear)[] Marks =
    [
        ("exclusive", TFormat.HasSwapExclusive, TFormat.IsSwapExclusive, TFormat.MakeSwapExclusive, TFormat.ClearSwapExclusive),
        ("soft-dirty", TFormat.HasSwapSoftDirty, TFormat.IsSwapSoftDirty, TFormat.MakeSwapSoftDirty, TFormat.ClearSwapSoftDirty),
        ("uffd-wp", TFormat.HasSwapUffdWp, TFormat.IsSwapUffdWp, TFormat.MakeSwapUffdWp, TFormat.ClearSwapUffdWp),
    ];

    internal static ulong LargestOffset => (1UL << TFormat.SwapOffsetBits) - 1;

    internal static IEnumerable<Law> All() =>
    [
        new("swap/round-trip", "every type with every offset bit, and with the largest offset, comes back", RoundTrip),
        new("swap/fields-are-apart", "each bit of type and offset has one bit of the entry for itself, and so has each mark", FieldsAreApart),
        new("swap/limits", "the fields are exactly as wide as declared, and wide enough for types, areas and frames", Limits),
        new("swap/overflow", "what does not fit into a field is cut off and reaches no other", Overflow),
        new("swap/marks", "marks are independent of each other and of type and offset", MarksAreIndependent),
        new("swap/marks-reversible", "setting and clearing a mark, also at the largest offset, gives the same entry bit for bit", MarksAreReversible),
        new("swap/marks-absent", "a mark that the format lacks is never set, and setting it changes nothing", MarksAbsent),
    ];

    internal static IEnumerable<ulong> Offsets() =>
        Enumerable.Range(0, TFormat.SwapOffsetBits).Select(bit => 1UL << bit).Concat([0UL, 3UL, 0x12345UL, uint.MaxValue, LargestOffset]);

    private static void RoundTrip(Check check)
    {
        for (uint type = 0; type < CommonTypes; type++)
        {
            foreach (ulong offset in Offsets())
            {
                Pte entry = TFormat.EncodeSwap(type, offset);
                check.That(TFormat.SwapType(entry) == type, $"has type {TFormat.SwapType(entry)}", entry, $"type {type}, offset {offset:x}");
                check.That(TFormat.SwapOffset(entry) == offset, $"has offset {TFormat.SwapOffset(entry):x}", entry,
                    $"type {type}, offset {offset:x}");
                foreach (var mark in Marks)
                    check.That(!mark.Is(entry), $"is {mark.Name}", entry, $"type {type}, offset {offset:x}");
            }
        }
    }

    private static void FieldsAreApart(Check check)
    {
        Pte empty = TFormat.EncodeSwap(0, 0);
        ulong taken = 0;
        for (int bit = 0; bit < TFormat.SwapTypeBits; bit++)
            Claim(check, ref taken, empty, TFormat.EncodeSwap(1u << bit, 0), "type", bit);
        for (int bit = 0; bit < TFormat.SwapOffsetBits; bit++)
            Claim(check, ref taken, empty, TFormat.EncodeSwap(0, 1UL << bit), "offset", bit);
        foreach (var mark in Marks.Where(mark => mark.Exists))
            Claim(check, ref taken, empty, mark.Set(empty), mark.Name, 0);
    }

    private static void Claim(Check check, ref ulong taken, Pte empty, Pte entry, string field, int bit)
    {
        ulong changed = empty.Raw ^ entry.Raw;
        check.That(ulong.PopCount(changed) == 1, "is not one bit of the entry", empty, entry, $"bit {bit} of {field}");
        check.That((taken & changed) == 0, "lies where another field lies", empty, entry, $"bit {bit} of {field}");
        taken |= changed;
    }

    private static void Limits(Check check)
    {
        Pte full = TFormat.EncodeSwap(1, ulong.MaxValue);
        check.Equal(LargestOffset, TFormat.SwapOffset(full), "is not the largest offset declared", $"{TFormat.SwapOffsetBits} bits of offset");
        Pte types = TFormat.EncodeSwap(uint.MaxValue, 1);
        check.Equal((1UL << TFormat.SwapTypeBits) - 1, TFormat.SwapType(types), "is not the largest type declared",
            $"{TFormat.SwapTypeBits} bits of type");
        check.That(1 << TFormat.SwapTypeBits >= CommonTypes, "cannot hold the special types", types, $"{TFormat.SwapTypeBits} bits of type");
        check.That(TFormat.SwapOffsetBits >= LeastOffsetBits, "cannot hold a swap area", full, $"{TFormat.SwapOffsetBits} bits of offset");
        bool framesFit = TFormat.FrameNumberBits > 0 && TFormat.SwapOffsetBits >= TFormat.FrameNumberBits + 2;
        check.That(framesFit, "cannot hold a frame number with accessed and dirty", full, $"{TFormat.FrameNumberBits} bits of frame number");
    }

    private static void Overflow(Check check)
    {
        for (uint type = 0; type < CommonTypes; type++)
        {
            Pte plain = TFormat.EncodeSwap(type, 5);
            for (int bit = TFormat.SwapOffsetBits; bit < 64; bit++)
                check.Same(plain, TFormat.EncodeSwap(type, 5 | (1UL << bit)), "is another entry", $"type {type}, offset with bit {bit}");
            for (int bit = TFormat.SwapTypeBits; bit < 32; bit++)
                check.Same(plain, TFormat.EncodeSwap(type | (1u << bit), 5), "is another entry", $"type {type} with bit {bit}");
        }
    }

    private static Pte Apply(Pte entry, int subset)
    {
        for (int index = 0; index < Marks.Length; index++)
            entry = (subset >> index & 1) != 0 ? Marks[index].Set(entry) : entry;
        return entry;
    }

    private static void MarksAreIndependent(Check check)
    {
        for (uint type = 0; type < CommonTypes; type++)
        {
            foreach (ulong offset in Offsets())
            {
                Pte plain = TFormat.EncodeSwap(type, offset);
                for (int subset = 0; subset < 1 << Marks.Length; subset++)
                {
                    Pte marked = Apply(plain, subset);
                    for (int index = 0; index < Marks.Length; index++)
                    {
                        bool expected = Marks[index].Exists && (subset >> index & 1) != 0;
                        check.That(Marks[index].Is(marked) == expected, $"is wrong about {Marks[index].Name}", plain, marked,
                            $"type {type}, offset {offset:x}, marks {subset:b3}");
                    }

                    bool kept = TFormat.SwapType(marked) == type && TFormat.SwapOffset(marked) == offset;
                    check.That(kept, "has another type or offset", plain, marked, $"type {type}, offset {offset:x}, marks {subset:b3}");
                }
            }
        }
    }

    private static void MarksAreReversible(Check check)
    {
        for (uint type = 0; type < CommonTypes; type++)
        {
            foreach (ulong offset in Offsets())
            {
                Pte plain = TFormat.EncodeSwap(type, offset);
                for (int subset = 0; subset < 1 << Marks.Length; subset++)
                {
                    Pte marked = Apply(plain, subset);
                    foreach (var mark in Marks)
                    {
                        Pte set = mark.Set(marked);
                        check.Same(set, mark.Set(set), $"{mark.Name} twice is not once", $"type {type}, offset {offset:x}, marks {subset:b3}");
                        if (!mark.Is(marked))
                            check.Same(marked, mark.Clear(set), $"{mark.Name} is not reversible",
                                $"type {type}, offset {offset:x}, marks {subset:b3}");
                    }
                }
            }
        }
    }

    private static void MarksAbsent(Check check)
    {
        foreach (ulong offset in Offsets())
        {
            Pte entry = TFormat.EncodeSwap(1, offset);
            foreach (var mark in Marks.Where(mark => !mark.Exists))
            {
                check.Same(entry, mark.Set(entry), $"setting {mark.Name}, which is lacking, changes the entry", $"offset {offset:x}");
                check.Same(entry, mark.Clear(entry), $"clearing {mark.Name}, which is lacking, changes the entry", $"offset {offset:x}");
                check.That(!mark.Is(entry), $"{mark.Name}, which is lacking, is set", entry, $"offset {offset:x}");
            }
        }
    }
}
