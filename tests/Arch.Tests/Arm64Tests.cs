using PageTableEmu.Arch.Arm64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

public sealed class Arm64Laws : FormatLaws<Arm64FourLevel>;

public sealed class Arm64SwapLaws : SwapLaws<Arm64FourLevel>;

/// <summary>What is particular to arm64: two homes of dirtiness, VALID and its substitute, and the shape of the address space.</summary>
public sealed class Arm64Tests
{
    private static readonly Protection Shared = Arm64Leaf.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);
    private static readonly Protection ReadOnly = Arm64Leaf.ProtectionOf(AccessRights.Read);

    [Fact]
    public void Protection_values_are_the_kernels()
    {
        Assert.Equal(0x0060_0000_0000_0fc3UL, ReadOnly.Raw);
        Assert.Equal(0x0068_0000_0000_0fc3UL, Shared.Raw);
        Assert.Equal(0x0020_0000_0000_0fc3UL, Arm64Leaf.ProtectionOf(AccessRights.Execute).Raw);
        Assert.Equal(0x0028_0000_0000_0fc3UL, Arm64Leaf.ProtectionOf((AccessRights)15).Raw);
        Assert.Equal(0x0060_0000_0000_0f82UL, Arm64Leaf.None.Raw);
        Assert.Equal(0x0800_0000_1234_5403UL, Arm64Leaf.MakeTable(0x1234_5000).Raw);
    }

    [Fact]
    public void A_store_to_a_clean_writable_page_opens_RDONLY_and_that_is_dirty()
    {
        Pte clean = Arm64Leaf.MakeLeaf(5, Shared, 1);
        Assert.False(Arm64Leaf.IsDirty(clean));
        Assert.True(Arm64Leaf.TryAccess(clean, AccessKind.Write, 1, out Pte written));
        Assert.Equal(Arm64Bits.ReadOnly, clean.Raw ^ written.Raw);
        Assert.True(Arm64Leaf.IsHardwareDirty(written) && Arm64Leaf.IsDirty(written));
        Assert.False(Arm64Leaf.TryAccess(Arm64Leaf.MakeLeaf(5, ReadOnly, 1), AccessKind.Write, 1, out _));
    }

    [Fact]
    public void Hardware_dirtiness_moves_to_the_software_bit_when_writing_is_taken_away_and_back_when_given()
    {
        Pte written = Arm64Leaf.MakeDirty(Arm64Leaf.MakeLeaf(5, Shared, 1));
        Pte byHardware = new(written.Raw & ~Arm64Bits.Dirty);
        Pte locked = Arm64Leaf.WriteProtect(byHardware);
        Assert.Equal(Arm64Bits.Dirty | Arm64Bits.ReadOnly, locked.Raw & (Arm64Bits.Dirty | Arm64Bits.ReadOnly | Arm64Bits.Write));
        Assert.Equal(written, Arm64Leaf.MakeWritable(locked));
        Assert.Equal(locked, Arm64Leaf.Modify(byHardware, ReadOnly));
        Assert.Equal(written, Arm64Leaf.Modify(locked, Shared));
        Pte clean = Arm64Leaf.MakeClean(written);
        Assert.True(Arm64Leaf.IsWritable(clean));
        Assert.False(Arm64Leaf.IsDirty(clean));
        Assert.False(Arm64Leaf.IsDirty(Arm64Leaf.MakeWritable(Arm64Leaf.WriteProtect(clean))));
    }

    [Fact]
    public void Bit_11_alone_is_present_and_the_bits_of_a_swap_entry_stay_off_it()
    {
        Assert.True(Arm64Leaf.IsPresent(new Pte(Arm64Bits.PresentInvalid), 1));
        Assert.True(Arm64Leaf.IsProtNone(Arm64Leaf.MakeLeaf(5, Arm64Leaf.None, 1)));
        Pte user = Arm64Leaf.MakeInvalid(Arm64Leaf.MakeLeaf(512, Shared, 2));
        Assert.True(Arm64Leaf.IsPresent(user, 2) && Arm64Leaf.IsLeaf(user, 2));
        Assert.False(Arm64Leaf.IsProtNone(user));
        Assert.True(Arm64Leaf.IsBad(new Pte(Arm64Bits.PresentInvalid | Arm64Bits.PageOrTable), 2));
        Assert.False(Arm64Leaf.IsPresent(Arm64Swap.Encode(31, (1UL << Arm64Swap.OffsetBits) - 1), 1));
    }

    [Fact]
    public void Tag_checking_is_a_memory_attribute_and_follows_the_protection()
    {
        Pte plain = Arm64Leaf.MakeLeaf(5, Shared, 1);
        Pte tagged = Arm64Leaf.Modify(plain, Arm64Leaf.WithTagCheck(Shared));
        Assert.Equal(Arm64Bits.NormalTagged, plain.Raw ^ tagged.Raw);
        Assert.True(Arm64Leaf.IsTagChecked(tagged));
        Assert.False(Arm64Leaf.IsTagChecked(plain) || Arm64Leaf.IsTagChecked(Arm64Leaf.Modify(tagged, ReadOnly)));
    }

    [Fact]
    public void A_PTE_of_type_block_faults()
    {
        Pte block = new(Arm64Leaf.MakeLeaf(5, Shared, 1).Raw & ~Arm64Bits.PageOrTable);
        Assert.True(Arm64Leaf.IsPresent(block, 1));
        Assert.False(Arm64Leaf.TryAccess(block, AccessKind.Read, 1, out _));
        Assert.True(Arm64Leaf.TryAccess(Arm64Leaf.MakeLeaf(512, Shared, 2), AccessKind.Read, 2, out _));
    }

    [Fact]
    public void A_process_has_the_whole_lower_range_and_the_kernels_half_is_not_in_its_tables()
    {
        Assert.Equal([12, 21, 30, 39], Enumerable.Range(1, 4).Select(Arm64Geometry.LevelShift));
        Assert.True(Arm64FourLevel.IsCanonical(0) && Arm64FourLevel.IsCanonical(Arm64FourLevel.UserSpaceEnd - 1));
        Assert.False(Arm64FourLevel.IsCanonical(Arm64FourLevel.UserSpaceEnd) || Arm64FourLevel.IsCanonical(ulong.MaxValue));
    }
}
