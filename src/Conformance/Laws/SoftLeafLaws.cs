using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>
/// What the numbering of special types makes of a format: every kind of entry, under every kernel's numbering, with every mark and age.
/// </summary>
internal static class SoftLeafLaws<TFormat>
    where TFormat : struct, ISwapFormat
{
    internal static IEnumerable<Law> All(Func<Pte, bool> isNone, Func<Pte, bool> isPresent, int level)
    {
        yield return new("swap/not-present", "no entry that can be in use is none or present", check =>
        {
            for (uint type = 0; type < SwapTypeLayout.TypeCount; type++)
            {
                foreach (ulong offset in Usable())
                {
                    for (int marks = 0; marks < 8; marks++)
                    {
                        Pte entry = Mark(TFormat.EncodeSwap(type, offset), marks);
                        check.That(!isNone(entry), "is none", entry, $"type {type}, offset {offset:x}, marks {marks:b3}");
                        check.That(!isPresent(entry), "is present", entry, $"type {type}, offset {offset:x}, marks {marks:b3}");
                    }
                }
            }
        });
        yield return new("swap/every-kind", "every kind of entry of every kernel comes back with its frame, marks and age",
            check => EveryKind(check, level));
        yield return new("swap/migration-age", "accessed and dirty of a migration entry are bits of their own above the frame number", MigrationAge);
    }

    private static Pte Mark(Pte entry, int marks)
    {
        entry = (marks & 1) != 0 ? TFormat.MakeSwapExclusive(entry) : entry;
        entry = (marks & 2) != 0 ? TFormat.MakeSwapSoftDirty(entry) : entry;
        return (marks & 4) != 0 ? TFormat.MakeSwapUffdWp(entry) : entry;
    }

    // Areas end at 2^32 slots; frames with their age bits may be larger. Offset 0 is never in use.
    private static IEnumerable<ulong> Usable() =>
        Enumerable.Range(0, Math.Max(32, TFormat.FrameNumberBits + 2)).Select(bit => 1UL << bit)
            .Concat([3UL, 0x12345UL, uint.MaxValue, (1UL << (TFormat.FrameNumberBits + 2)) - 1]);

    private static void EveryKind(Check check, int level)
    {
        foreach (KernelVersion version in Enum.GetValues<KernelVersion>())
        {
            for (int options = 0; options <= (int)SwapTypeOptions.All; options++)
            {
                SwapTypeLayout types = SwapTypeLayout.For(version, (SwapTypeOptions)options);
                foreach (SoftLeaf leaf in Leaves(types, level))
                {
                    Pte entry = leaf.Encode<TFormat>(in types);
                    SoftLeaf decoded = SoftLeaf.DecodeSwapForm<TFormat>(entry, in types, level);
                    check.That(decoded == leaf, $"is decoded as {decoded.Kind} {decoded.Marks}", entry, decoded.Kind == SoftLeafKind.Invalid
                        ? entry : decoded.Encode<TFormat>(in types),
                        $"{leaf.Kind} {leaf.Marks} {leaf.Frame:x}{leaf.Offset:x}, {version}, options {options}");
                }
            }
        }
    }

    private static void MigrationAge(Check check)
    {
        SwapTypeLayout types = SwapTypeLayout.For(KernelVersion.Linux72, SwapTypeOptions.All);
        ulong largest = (1UL << TFormat.FrameNumberBits) - 1;
        foreach (ulong frame in new[] { 1UL, 0x12345UL, largest })
        {
            Pte plain = SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, frame).Encode<TFormat>(in types);
            Pte young = SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, frame, young: true).Encode<TFormat>(in types);
            Pte dirty = SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, frame, dirty: true).Encode<TFormat>(in types);
            check.That(ulong.PopCount(plain.Raw ^ young.Raw) == 1, "accessed is not one bit", plain, young, $"frame {frame:x}");
            check.That(ulong.PopCount(plain.Raw ^ dirty.Raw) == 1, "dirty is not one bit", plain, dirty, $"frame {frame:x}");
            check.That((plain.Raw ^ young.Raw) != (plain.Raw ^ dirty.Raw), "accessed and dirty are one bit", young, dirty, $"frame {frame:x}");
            SoftLeaf both = SoftLeaf.DecodeSwapForm<TFormat>(new Pte(young.Raw ^ dirty.Raw ^ plain.Raw), in types);
            check.That(both.IsYoung && both.IsDirty && both.Frame == frame, $"is decoded as frame {both.Frame:x}", plain, young, $"frame {frame:x}");
        }
    }

    private static IEnumerable<SoftLeaf> Leaves(SwapTypeLayout types, int level)
    {
        ulong largest = (1UL << TFormat.FrameNumberBits) - 1;
        foreach (SoftLeafMarks marks in AllMarks())
        {
            for (uint area = 0; area < types.MaxSwapFiles && level == 1; area++)
            {
                yield return SoftLeaf.OfSwap(area, 1, marks);
                yield return SoftLeaf.OfSwap(area, uint.MaxValue, marks);
            }

            for (int bits = 1; bits <= (int)types.Markers; bits++)
            {
                if ((bits & ~(int)types.Markers) == 0)
                    yield return SoftLeaf.OfMarker((PteMarkers)bits, marks);
            }

            foreach (SoftLeafKind kind in Enum.GetValues<SoftLeafKind>())
            {
                if (!SoftLeaf.IsFrameKind(kind) || SoftLeaf.NumberOf(kind, in types) == SwapTypeLayout.Absent)
                    continue;
                yield return SoftLeaf.OfFrame(kind, 1, marks);
                yield return SoftLeaf.OfFrame(kind, largest, marks);
                if (kind <= SoftLeafKind.MigrationWrite)
                    yield return SoftLeaf.OfFrame(kind, largest, marks, young: true, dirty: true);
            }
        }
    }

    private static IEnumerable<SoftLeafMarks> AllMarks() =>
        from bits in Enumerable.Range(0, 8)
        let marks = (SoftLeafMarks)bits
        where (TFormat.HasSwapExclusive || !marks.HasFlag(SoftLeafMarks.Exclusive))
            && (TFormat.HasSwapSoftDirty || !marks.HasFlag(SoftLeafMarks.SoftDirty))
            && (TFormat.HasSwapUffdWp || !marks.HasFlag(SoftLeafMarks.UffdWp))
        select marks;
}
