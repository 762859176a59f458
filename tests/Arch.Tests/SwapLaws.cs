using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Laws of non-present entries that every format obeys.</summary>
public abstract class SwapLaws<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly SwapTypeLayout Types = TArch.DefaultSwapTypes;

    // A swap area ends far below this: its header counts pages in 32 bits.
    private const ulong LargestRealOffset = uint.MaxValue;

    // One more bit would be VALID on sparc64; nothing that Linux encodes reaches it.
    private static ulong LargestOffset => (1UL << (TArch.SwapOffsetBits - 1)) - 1;

    private static IEnumerable<SoftLeafMarks> AllMarks =>
        from bits in Enumerable.Range(0, 8)
        let marks = (SoftLeafMarks)bits
        where (TArch.HasSwapSoftDirty || !marks.HasFlag(SoftLeafMarks.SoftDirty)) && (TArch.HasSwapUffdWp || !marks.HasFlag(SoftLeafMarks.UffdWp))
        select marks;

    [Fact]
    public void Type_and_offset_come_back_and_are_never_none_or_present()
    {
        for (uint type = 0; type < SwapTypeLayout.TypeCount; type++)
        {
            foreach (ulong offset in Offsets())
            {
                Pte entry = TArch.EncodeSwap(type, offset);
                Assert.Equal(type, TArch.SwapType(entry));
                Assert.Equal(offset, TArch.SwapOffset(entry));
                Assert.False(TArch.IsNone(entry, 1), $"type {type} offset {offset:x}");
                Assert.False(TArch.IsPresent(entry, 1), $"type {type} offset {offset:x}");
                Assert.All(Enum.GetValues<AccessKind>(), kind => Assert.False(TArch.TryAccess(entry, kind, 1, out _)));
            }
        }
    }

    [Fact]
    public void The_largest_offset_field_comes_back()
    {
        ulong all = (1UL << TArch.SwapOffsetBits) - 1;
        Pte entry = TArch.EncodeSwap(1, all);
        Assert.Equal(all, TArch.SwapOffset(entry));
        Assert.Equal(1u, TArch.SwapType(entry));
    }

    [Fact]
    public void Marks_are_independent_reversible_and_outside_type_and_offset()
    {
        for (uint type = 0; type < SwapTypeLayout.TypeCount; type++)
        {
            foreach (ulong offset in Offsets())
            {
                Pte plain = TArch.EncodeSwap(type, offset);
                foreach (SoftLeafMarks marks in AllMarks)
                    CheckMarks(plain, Mark(plain, marks), marks);
            }
        }
    }

    [Fact]
    public void A_mark_that_the_format_lacks_changes_nothing()
    {
        Pte entry = TArch.EncodeSwap(3, 77);
        if (!TArch.HasSwapSoftDirty)
            Assert.Equal(entry, TArch.ClearSwapSoftDirty(TArch.MakeSwapSoftDirty(entry)));
        if (!TArch.HasSwapUffdWp)
            Assert.Equal(entry, TArch.ClearSwapUffdWp(TArch.MakeSwapUffdWp(entry)));
        Assert.Equal(TArch.HasSwapSoftDirty, TArch.IsSwapSoftDirty(TArch.MakeSwapSoftDirty(entry)));
        Assert.Equal(TArch.HasSwapUffdWp, TArch.IsSwapUffdWp(TArch.MakeSwapUffdWp(entry)));
    }

    [Fact]
    public void Every_soft_leaf_survives_encoding_under_every_numbering()
    {
        foreach (SwapTypeLayout types in AllNumberings())
        {
            SwapTypeLayout layout = types;
            foreach (SoftLeaf leaf in AllSoftLeaves(types))
            {
                Pte entry = leaf.Encode<TArch>(in layout);
                Assert.Equal(leaf, SoftLeaf.Decode<TArch>(entry, in layout));
                Assert.False(TArch.IsPresent(entry, 1) || TArch.IsNone(entry, 1));
            }
        }
    }

    [Fact]
    public void Every_word_is_classified_and_what_is_valid_encodes_to_itself_but_for_ignored_bits() =>
        Prop.ForAll<ulong, byte>((word, type) =>
        {
            ulong mixed = word * 0x9e3779b97f4a7c15;
            ulong[] words =
                [word, mixed, mixed & ~0x1ffUL, TArch.EncodeSwap(type & 31u, mixed >> 30).Raw, TArch.EncodeSwap(type & 31u, word & 7).Raw];
            foreach (ulong raw in words)
            {
                var entry = new Pte(raw);
                SoftLeaf leaf = SoftLeaf.Decode<TArch>(entry, in Types);
                if (leaf.Kind is SoftLeafKind.None or SoftLeafKind.Present or SoftLeafKind.Invalid)
                    continue;
                Assert.True(TArch.IsNone(new Pte(leaf.Encode<TArch>(in Types).Raw ^ raw), 1), $"{entry} {leaf.Kind}");
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Words_that_no_kernel_writes_are_invalid()
    {
        if (Types.MaxSwapFiles < TArch.DefaultSwapTypes.PteMarker)
        {
            Assert.Equal(SoftLeafKind.Invalid, SoftLeaf.Decode<TArch>(TArch.EncodeSwap(Types.PteMarker, 0), in Types).Kind);
            Assert.Equal(SoftLeafKind.Invalid, SoftLeaf.Decode<TArch>(TArch.EncodeSwap(Types.PteMarker, 8), in Types).Kind);
        }

        ulong aboveAge = 1UL << (TArch.FrameNumberBits + 2);
        Assert.Equal(SoftLeafKind.Invalid, SoftLeaf.Decode<TArch>(TArch.EncodeSwap(Types.MigrationRead, aboveAge), in Types).Kind);
        Assert.Equal(SoftLeafKind.Swap, SoftLeaf.Decode<TArch>(TArch.EncodeSwap(0, 1), in Types).Kind);
    }

    [Fact]
    public void Without_age_bits_a_migration_entry_never_has_an_age()
    {
        SwapTypeLayout types = Types with { MigrationAgeBits = false };
        SoftLeaf leaf = SoftLeaf.OfFrame(SoftLeafKind.MigrationWrite, 5, young: true, dirty: true);
        SoftLeaf decoded = SoftLeaf.Decode<TArch>(leaf.Encode<TArch>(in types), in types);
        Assert.Equal(5UL, decoded.Frame);
        Assert.False(decoded.IsYoung || decoded.IsDirty);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<InvalidOperationException>(() =>
            SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, 1UL << TArch.FrameNumberBits).Encode<TArch>(in Types));
        Assert.Throws<InvalidOperationException>(() => SoftLeaf.OfSwap(Types.MaxSwapFiles, 1).Encode<TArch>(in Types));
        Assert.Throws<InvalidOperationException>(() => SoftLeaf.OfSwap(0, 1UL << TArch.SwapOffsetBits).Encode<TArch>(in Types));
        Assert.Throws<InvalidOperationException>(() => SoftLeaf.OfFrame(SoftLeafKind.DeviceExclusiveRead, 1).Encode<TArch>(in Types));
        Assert.Throws<ArgumentException>(() => SoftLeaf.OfFrame(SoftLeafKind.Swap, 1));
        Assert.Throws<ArgumentException>(() => SoftLeaf.OfFrame(SoftLeafKind.HwPoison, 1, young: true));
        Assert.Throws<ArgumentException>(() => SoftLeaf.OfMarker(PteMarkers.None));
        Assert.Throws<ArgumentOutOfRangeException>(() => SoftLeaf.OfSwap(SwapTypeLayout.TypeCount, 1));
    }

    private static void CheckMarks(Pte plain, Pte marked, SoftLeafMarks marks)
    {
        Assert.Equal(marks.HasFlag(SoftLeafMarks.Exclusive), TArch.IsSwapExclusive(marked));
        Assert.Equal(marks.HasFlag(SoftLeafMarks.SoftDirty), TArch.IsSwapSoftDirty(marked));
        Assert.Equal(marks.HasFlag(SoftLeafMarks.UffdWp), TArch.IsSwapUffdWp(marked));
        Assert.Equal(TArch.SwapType(plain), TArch.SwapType(marked));
        Assert.Equal(TArch.SwapOffset(plain), TArch.SwapOffset(marked));
        Assert.False(TArch.IsNone(marked, 1) || TArch.IsPresent(marked, 1));
        Assert.Equal(plain, TArch.ClearSwapExclusive(TArch.ClearSwapSoftDirty(TArch.ClearSwapUffdWp(marked))));
    }

    private static Pte Mark(Pte entry, SoftLeafMarks marks)
    {
        entry = marks.HasFlag(SoftLeafMarks.Exclusive) ? TArch.MakeSwapExclusive(entry) : entry;
        entry = marks.HasFlag(SoftLeafMarks.SoftDirty) ? TArch.MakeSwapSoftDirty(entry) : entry;
        return marks.HasFlag(SoftLeafMarks.UffdWp) ? TArch.MakeSwapUffdWp(entry) : entry;
    }

    private static IEnumerable<ulong> Offsets() =>
        Enumerable.Range(0, TArch.SwapOffsetBits - 1).Select(bit => 1UL << bit).Concat(new[] { 3UL, 0x12345UL, LargestRealOffset, LargestOffset });

    private static IEnumerable<SwapTypeLayout> AllNumberings() =>
        from version in Enum.GetValues<KernelVersion>()
        from options in Enumerable.Range(0, 16)
        select SwapTypeLayout.For(version, (SwapTypeOptions)options);

    private static IEnumerable<SoftLeaf> AllSoftLeaves(SwapTypeLayout types)
    {
        foreach (SoftLeafMarks marks in AllMarks)
        {
            for (uint area = 0; area < types.MaxSwapFiles; area++)
            {
                yield return SoftLeaf.OfSwap(area, 1, marks);
                yield return SoftLeaf.OfSwap(area, LargestRealOffset, marks);
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
                yield return SoftLeaf.OfFrame(kind, (1UL << TArch.FrameNumberBits) - 1, marks);
                if (kind > SoftLeafKind.MigrationWrite)
                    continue;
                yield return SoftLeaf.OfFrame(kind, 2, marks, young: true);
                yield return SoftLeaf.OfFrame(kind, (1UL << TArch.FrameNumberBits) - 1, marks, young: true, dirty: true);
            }

            if (types.SwapinError != SwapTypeLayout.Absent)
                yield return SoftLeaf.OfSwapinError(marks);
        }
    }
}

public sealed class X64FourLevelSwapLaws : SwapLaws<X64FourLevel>;

public sealed class X64FiveLevelSwapLaws : SwapLaws<X64FiveLevel>;

public sealed class Sun4uSwapLaws : SwapLaws<Sun4u>;

public sealed class Sun4vSwapLaws : SwapLaws<Sun4v>;

public sealed class Sun4vM7SwapLaws : SwapLaws<Sun4vM7>;
