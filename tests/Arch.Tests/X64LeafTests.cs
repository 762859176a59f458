using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>What only x86-64 has: inversion, saved dirtiness, shadow stacks, keys, the moving PAT bit.</summary>
public sealed class X64LeafTests
{
    [Theory]
    [InlineData(1, 0x000fffffffffe120UL, 1UL)]
    [InlineData(2, 0x000fffffffc001a0UL, 0x200UL)]
    [InlineData(3, 0x000fffff800001a0UL, 0x40000UL)]
    public void Without_access_the_frame_field_of_the_level_is_complemented(int level, ulong raw, ulong frame)
    {
        Pte entry = X64Leaf.MakeLeaf(frame, X64Leaf.None, level);
        Assert.Equal(raw, entry.Raw);
        Assert.Equal(frame, X64Leaf.FrameOf(entry, level));
        Assert.True(X64Leaf.IsPresent(entry, level) && X64Leaf.IsLeaf(entry, level) && X64Leaf.IsProtNone(entry));
        Assert.Equal(raw, X64Leaf.Modify(X64Leaf.MakeLeaf(frame, X64Leaf.ProtectionOf(AccessRights.Read), level), X64Leaf.None, level).Raw);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Invalidating_a_huge_leaf_inverts_its_frame_once(int level)
    {
        Pte open = X64Leaf.MakeLeaf(0x80000, X64Leaf.ProtectionOf(AccessRights.Read), level);
        Pte invalid = X64Leaf.MakeInvalid(open, level);
        Assert.Equal(0x80000UL, X64Leaf.FrameOf(invalid, level));
        Assert.Equal((open.Raw ^ X64Leaf.FrameMask(level)) & ~1UL, invalid.Raw);
        Assert.Equal(level == 2, X64Leaf.IsPresent(invalid, level));
        SoftLeafKind expected = level == 2 ? SoftLeafKind.Present : SoftLeafKind.Invalid;
        Assert.Equal(expected, SoftLeaf.Decode<X64FourLevel>(invalid, SwapTypeLayout.For(KernelVersion.Linux72, SwapTypeOptions.All), level).Kind);
    }

    [Fact]
    public void A_write_protected_dirty_page_never_looks_like_a_shadow_stack()
    {
        Pte dirty = X64Leaf.MakeDirty(X64Leaf.MakeLeaf(1, X64Leaf.ProtectionOf(AccessRights.Write | AccessRights.Shared), 1));
        Pte[] closed = [X64Leaf.WriteProtect(dirty), X64Leaf.MakeUffdWp(dirty), X64Leaf.Modify(dirty, X64Leaf.ProtectionOf(AccessRights.Read), 1)];
        Assert.All(closed, entry =>
        {
            Assert.False(X64Leaf.IsShadowStack(entry, 1) || X64Leaf.IsWritableOrShadowStack(entry, 1));
            Assert.Equal(X64Bits.SavedDirty, entry.Raw & (X64Bits.Dirty | X64Bits.SavedDirty));
            Assert.Equal(X64Bits.Dirty, X64Leaf.MakeWritable(entry).Raw & (X64Bits.Dirty | X64Bits.SavedDirty));
            Assert.Equal(X64Bits.SavedDirty, X64Leaf.MakeWritableKeepingSavedDirty(entry).Raw & (X64Bits.Dirty | X64Bits.SavedDirty));
        });
    }

    [Fact]
    public void A_shadow_stack_page_counts_as_writable_only_where_the_processor_has_them()
    {
        Pte small = X64Leaf.MakeShadowStack(X64Leaf.MakeLeaf(1, X64Leaf.ProtectionOf(AccessRights.Read), 1));
        Assert.False(X64Leaf.IsWritable(small));
        Assert.True(X64Leaf.IsWritableOrShadowStack(small, 1));
        Assert.False(X64Leaf.IsShadowStack(small, 2));
        Pte huge = X64Leaf.MakeShadowStack(X64Leaf.MakeLeaf(0x200, X64Leaf.ProtectionOf(AccessRights.Read), 2));
        Assert.True(X64Leaf.IsShadowStack(huge, 2));
        Assert.False(X64Leaf.IsShadowStack(huge, 3));
    }

    [Fact]
    public void Keys_follow_the_protection_and_come_onto_page_none_too()
    {
        for (int key = 0; key < 16; key++)
        {
            foreach (AccessRights rights in Enumerable.Range(0, 16).Select(value => (AccessRights)value))
            {
                Pte entry = X64Leaf.MakeLeaf(0xabcde, X64Leaf.WithPkey(X64Leaf.ProtectionOf(rights), key), 1);
                Assert.Equal(key, X64Leaf.Pkey(entry));
                Assert.Equal(0xabcdeUL, X64Leaf.FrameOf(entry, 1));
                Pte moved = X64Leaf.Modify(entry, X64Leaf.WithPkey(X64Leaf.ProtectionOf(rights), 15 - key), 1);
                Assert.Equal(15 - key, X64Leaf.Pkey(moved));
            }
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => X64Leaf.WithPkey(X64Leaf.None, 16));
        Assert.Throws<ArgumentOutOfRangeException>(() => X64Leaf.WithPkey(X64Leaf.None, -1));
    }

    [Fact]
    public void Pat_moves_to_bit_12_in_a_large_leaf_and_back_and_modify_keeps_it()
    {
        var uncached = new Protection(X64Leaf.ProtectionOf(AccessRights.Read).Raw | X64Bits.Pat);
        Pte huge = X64Leaf.MakeLeaf(0x200, uncached, 2);
        Assert.Equal(X64Bits.Huge | X64Bits.PatLarge, huge.Raw & (X64Bits.Huge | X64Bits.PatLarge));
        Assert.Equal(0x200UL, X64Leaf.FrameOf(huge, 2));
        Assert.Equal(uncached, X64Leaf.ToSmall(X64Leaf.FlagsOf(huge, 2)));
        Pte closed = X64Leaf.Modify(huge, X64Leaf.None, 2);
        Assert.Equal(X64Bits.PatLarge, closed.Raw & X64Bits.PatLarge);
        Assert.Equal(0x200UL, X64Leaf.FrameOf(closed, 2));
        Assert.Equal(huge.Raw, X64Leaf.Modify(closed, uncached, 2).Raw);
        Assert.Contains("pat", X64Names.FlagNames(huge, 2));
    }

    [Fact]
    public void Bits_set_by_the_erratum_do_not_fill_an_empty_entry_except_at_the_root_of_five_levels()
    {
        var stray = new Pte(0x60);
        Assert.True(IsNone<X64FourLevel>(stray, 1) && IsNone<X64FourLevel>(stray, 4) && IsNone<X64FiveLevel>(stray, 4));
        Assert.False(IsNone<X64FiveLevel>(stray, 5));
        Assert.True(IsNone<X64FiveLevel>(default, 5));

        static bool IsNone<TArch>(Pte entry, int level)
            where TArch : struct, IArchitecture => TArch.IsNone(entry, level);
    }

    [Theory]
    [InlineData(0x1067UL, 2, true)]
    [InlineData(0x1063UL, 2, true)]
    [InlineData(0x1047UL, 2, true)]
    [InlineData(0x1027UL, 2, false)]
    [InlineData(0x1167UL, 2, false)]
    [InlineData(0x1027UL, 3, true)]
    [InlineData(0x1167UL, 3, false)]
    [InlineData(0x8000000000001067UL, 3, false)]
    [InlineData(0x8000000000001067UL, 4, true)]
    [InlineData(0x10e7UL, 4, false)]
    public void Tables_are_well_formed_as_the_kernel_wants_them(ulong raw, int level, bool wellFormed)
    {
        Assert.Equal(wellFormed, X64Leaf.IsTable(new Pte(raw), level));
        Assert.Equal(!wellFormed, X64Leaf.IsBad(new Pte(raw), level));
    }

    [Theory]
    [InlineData(5u, 1UL, 0x2ffffffffffffc00UL)]
    [InlineData(0u, 0UL, 0x07fffffffffffe00UL)]
    [InlineData(31u, 1UL, 0xfffffffffffffc00UL)]
    [InlineData(31u, 4UL, 0xfffffffffffff600UL)]
    [InlineData(0u, (1UL << 50) - 1, 0UL)]
    public void Offsets_are_stored_complemented(uint type, ulong offset, ulong raw) => Assert.Equal(raw, X64Swap.Encode(type, offset).Raw);
}
