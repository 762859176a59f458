using PageTableEmu.Arch.Sparc;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>What only sparc64 has: pairs of software and hardware bits, tag checking, many page sizes.</summary>
public sealed class SparcLeafTests
{
    [Fact]
    public void Hardware_write_is_set_only_while_write_and_modified_are_and_valid_goes_with_accessed()
    {
        CheckPairs<Sun4uBits>();
        CheckPairs<Sun4vBits>();
        CheckPairs<Sun4vM7Bits>();
    }

    [Fact]
    public void A_change_of_protection_makes_the_next_store_trap_but_keeps_the_page_dirty()
    {
        Protection shared = SparcLeaf<Sun4vBits>.ProtectionOf(AccessRights.Write | AccessRights.Shared);
        Pte dirty = SparcLeaf<Sun4vBits>.MakeDirty(SparcLeaf<Sun4vBits>.MakeLeaf(7, shared, 1));
        Assert.True(SparcLeaf<Sun4vBits>.TryAccess(dirty, AccessKind.Write));
        Pte again = SparcLeaf<Sun4vBits>.Modify(dirty, shared);
        Assert.False(SparcLeaf<Sun4vBits>.TryAccess(again, AccessKind.Write));
        Assert.True(SparcLeaf<Sun4vBits>.IsDirty(again) && SparcLeaf<Sun4vBits>.IsWritable(again));
    }

    [Fact]
    public void Bit_9_is_kept_before_M7_and_follows_the_protection_since()
    {
        Protection read = SparcLeaf<Sun4vM7Bits>.ProtectionOf(AccessRights.Read);
        Pte tagged = SparcLeaf<Sun4vM7Bits>.MakeLeaf(7, SparcLeaf<Sun4vM7Bits>.WithTagCheck(read), 1);
        Assert.True(SparcLeaf<Sun4vM7Bits>.IsTagChecked(tagged));
        Assert.False(SparcLeaf<Sun4vM7Bits>.IsTagChecked(SparcLeaf<Sun4vM7Bits>.Modify(tagged, read)));
        Assert.Equal(tagged, SparcLeaf<Sun4vM7Bits>.MakeTagChecked(SparcLeaf<Sun4vM7Bits>.ClearTagChecked(tagged)));
        Assert.False(SparcLeaf<Sun4vBits>.IsTagChecked(tagged));
        Assert.Equal(tagged.Raw & 0x200, SparcLeaf<Sun4vBits>.Modify(tagged, read).Raw & 0x200);
        Assert.Equal(read, SparcLeaf<Sun4vBits>.WithTagCheck(read));
    }

    [Fact]
    public void Hugetlb_pages_have_their_size_and_each_slot_its_own_frame()
    {
        CheckSizes<Sun4uBits>([16, 23, 28]);
        CheckSizes<Sun4vBits>([16, 23, 28, 31, 34]);
        CheckSizes<Sun4vM7Bits>([16, 23, 28, 31, 34]);
    }

    [Fact]
    public void Sizes_that_the_processor_or_linux_lacks_are_refused()
    {
        Protection read = SparcLeaf<Sun4uBits>.ProtectionOf(AccessRights.Read);
        Assert.Throws<ArgumentOutOfRangeException>(() => SparcLeaf<Sun4uBits>.MakeHugeTlb(0, read, 31));
        Assert.Throws<ArgumentOutOfRangeException>(() => SparcLeaf<Sun4uBits>.MakeHugeTlb(0, read, 34));
        Assert.Throws<ArgumentOutOfRangeException>(() => SparcLeaf<Sun4vBits>.MakeHugeTlb(0, read, 19));
    }

    private static int ThroughBits<TBits>(int code)
        where TBits : struct, ISparcBits => TBits.SizeCode(TBits.SizeBits(code));

    [Fact]
    public void All_eight_size_codes_come_back()
    {
        for (int code = 0; code < 8; code++)
        {
            Assert.Equal(code, ThroughBits<Sun4uBits>(code));
            Assert.Equal(code, ThroughBits<Sun4vBits>(code));
            Assert.Equal(0UL, Sun4uBits.SizeBits(code) & ~Sun4uBits.SizeMask);
        }

        Assert.Equal([1UL << 61, 1UL << 62, 3UL << 61, 1UL << 48, (1UL << 61) | (1UL << 48)], Enumerable.Range(1, 5).Select(Sun4uBits.SizeBits));
    }

    [Theory]
    [InlineData(0x2000UL, true)]
    [InlineData(0x2001UL, false)]
    [InlineData(0x1000UL, false)]
    public void A_table_pointer_is_a_plain_page_address(ulong raw, bool wellFormed)
    {
        for (int level = 2; level <= 4; level++)
        {
            Assert.Equal(wellFormed, SparcLeaf<Sun4vBits>.IsTable(new Pte(raw), level));
            Assert.Equal(!wellFormed, SparcLeaf<Sun4vBits>.IsBad(new Pte(raw), level));
        }
    }

    private static void CheckPairs<TBits>()
        where TBits : struct, ISparcBits
    {
        Func<Pte, Pte>[] operations =
        [
            SparcLeaf<TBits>.MakeYoung, SparcLeaf<TBits>.MakeOld, SparcLeaf<TBits>.MakeDirty, SparcLeaf<TBits>.MakeClean,
            SparcLeaf<TBits>.MakeWritable, SparcLeaf<TBits>.WriteProtect,
        ];
        Pte start = SparcLeaf<TBits>.MakeLeaf(3, SparcLeaf<TBits>.ProtectionOf(AccessRights.Read), 1);
        foreach (Func<Pte, Pte> first in operations)
        {
            foreach (Func<Pte, Pte> second in operations)
            {
                foreach (Func<Pte, Pte> third in operations)
                {
                    Pte entry = third(second(first(start)));
                    bool hardwareWrite = (entry.Raw & TBits.HardwareWrite) != 0;
                    Assert.Equal(SparcLeaf<TBits>.IsWritable(entry) && SparcLeaf<TBits>.IsDirty(entry), hardwareWrite);
                    Assert.Equal(SparcLeaf<TBits>.IsYoung(entry), SparcLeaf<TBits>.IsValid(entry));
                }
            }
        }
    }

    private static void CheckSizes<TBits>(int[] shifts)
        where TBits : struct, ISparcBits
    {
        foreach (int shift in shifts)
        {
            Pte slot = SparcLeaf<TBits>.MakeHugeTlb(0, SparcLeaf<TBits>.ProtectionOf(AccessRights.Read), shift);
            int level = shift >= 33 ? 3 : shift >= 23 ? 2 : 1;
            Assert.Equal(shift, SparcLeaf<TBits>.PageShiftOf(slot));
            Assert.Equal(shift >= 23, (slot.Raw & SparcBits.Huge) != 0);
            Assert.True(SparcLeaf<TBits>.IsLeaf(slot, level));
            ulong step = 1UL << (SparcGeometry.LevelShift(level) - SparcBits.PageShift);
            for (ulong index = 0; index < 1UL << (shift - SparcGeometry.LevelShift(level)); index++)
                Assert.Equal(index * step, SparcLeaf<TBits>.FrameOf(SparcLeaf<TBits>.Advance(slot, index * step)));
        }
    }
}
