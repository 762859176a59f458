using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc;

/// <summary>Present entries of sparc64 (arch/sparc/include/asm/pgtable_64.h). Levels: 1 PTE, 2 PMD, 3 PUD, 4 PGD.</summary>
/// <remarks>
/// The hardware sets nothing by itself, so software keeps pairs of bits in step: VALID goes with the software ACCESSED, and the hardware W is
/// set only while both the software WRITE and MODIFIED are. The first use of an old page and the first store to a clean one trap.
/// </remarks>
/// <typeparam name="TBits">Places of the bits.</typeparam>
/// <seealso cref="Sun4vM7"/>
public static class SparcLeaf<TBits>
    where TBits : struct, ISparcBits
{
    /// <summary>pte_present tests the software bit, not VALID; above it everything that is not none is present.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPresent(Pte entry, int level) => level == 1 ? (entry.Raw & TBits.Present) != 0 : entry.Raw != 0;

    /// <summary>A plain physical address of a page, without any flag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsTable(Pte entry, int level) =>
        level > 1 && entry.Raw != 0 && (entry.Raw & ((IsLeafLevel(level) ? SparcBits.Huge : 0) | SparcBits.PageOffset)) == 0;

    /// <summary>Every present PTE; a PMD or PUD with the huge bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLeaf(Pte entry, int level) =>
        level == 1 ? IsPresent(entry, 1) : IsLeafLevel(level) && (entry.Raw & SparcBits.Huge) != 0;

    /// <summary>A present entry that is neither (pmd_bad, pud_bad, pgd_bad: low bits of the address set).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsBad(Pte entry, int level) => IsPresent(entry, level) && !IsTable(entry, level) && !IsLeaf(entry, level);

    /// <summary>Whether the processor has a page size for a leaf of this level: the PUD level needs 16 GiB.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLeafLevel(int level) => level <= (TBits.LargestSize == 7 ? 3 : 2);

    /// <summary>vm_get_page_prot: no hardware W, which only <see cref="MakeDirty"/> and <see cref="MakeWritable"/> grant.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection ProtectionOf(AccessRights rights)
    {
        ulong raw = TBits.Present | TBits.Accessed | TBits.Cacheable;
        if ((rights & AccessRights.TagChecked) != 0)
            raw |= TBits.TagChecked;
        if ((rights & (AccessRights.Read | AccessRights.Write | AccessRights.Execute)) == 0)
            return new Protection(raw);
        raw |= SparcBits.Valid | TBits.Read;
        if ((rights & AccessRights.Execute) != 0)
            raw |= TBits.Execute;
        if ((rights & (AccessRights.Write | AccessRights.Shared)) == (AccessRights.Write | AccessRights.Shared))
            raw |= TBits.Write;
        return new Protection(raw);
    }

    /// <summary>The protection of a mapping with VM_SPARC_ADI: tags are checked. The protection itself before M7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection WithTagCheck(Protection protection) => new(protection.Raw | TBits.TagChecked);

    /// <summary>pfn_pte; a PMD leaf gets the 4 MiB code (8 MiB are two of them), a PUD leaf the 16 GiB code.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeLeaf(ulong frame, Protection protection, int level) => level switch
    {
        1 => new((frame << SparcBits.PageShift) | protection.Raw),
        2 => MakeSized(frame, protection, FourMegabytes, huge: true),
        _ => MakeSized(frame, protection, SixteenGigabytes, huge: true),
    };

    /// <summary>
    /// A leaf of hugetlb: slot 0 of a page of 64 KiB (8 PTEs), 8 MiB (a PMD), 256 MiB (32 PMDs), 2 GiB (256 PMDs) or 16 GiB (2 PUDs). Slot i
    /// holds the same entry moved on by i slots (<see cref="Advance"/>).
    /// </summary>
    /// <param name="frame">First frame of the page.</param>
    /// <param name="protection">The protection.</param>
    /// <param name="pageShift">log2 of the page size: 16, 23, 28, 31 or 34.</param>
    /// <exception cref="ArgumentOutOfRangeException">The processor has no such size, or Linux does not use it.</exception>
    public static Pte MakeHugeTlb(ulong frame, Protection protection, int pageShift)
    {
        int code = pageShift switch { 16 => 1, 23 => FourMegabytes, 28 => 5, 31 => 6, 34 => SixteenGigabytes, _ => int.MaxValue };
        if (code > TBits.LargestSize)
            throw new ArgumentOutOfRangeException(nameof(pageShift), pageShift, "A hugetlb page has a shift of 16, 23, 28 or, on sun4v, 31 or 34.");
        return MakeSized(frame, protection, code, huge: pageShift >= 23);
    }

    /// <summary>log2 of the size of the hugetlb page or base page that a leaf belongs to; the 4 MiB code stands for 8 MiB.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PageShiftOf(Pte entry)
    {
        int code = TBits.SizeCode(entry.Raw);
        return code == FourMegabytes ? 23 : SparcBits.PageShift + (3 * code);
    }

    /// <summary>pte_pfn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FrameOf(Pte entry) => (entry.Raw & TBits.FrameMask) >> SparcBits.PageShift;

    /// <summary>pte_modify; pmd_modify is the same. As no protection has the hardware W, the next store traps once more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Modify(Pte entry, Protection protection) => new((entry.Raw & TBits.KeepMask) | (protection.Raw & ~TBits.KeepMask));

    /// <summary>pte_advance_pfn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Advance(Pte entry, ulong frames) => new(entry.Raw + (frames << SparcBits.PageShift));

    /// <summary>pte_young.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsYoung(Pte entry) => (entry.Raw & TBits.Accessed) != 0;

    /// <summary>pte_dirty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDirty(Pte entry) => (entry.Raw & TBits.Modified) != 0;

    /// <summary>pte_write: the software bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWritable(Pte entry) => (entry.Raw & TBits.Write) != 0;

    /// <summary>pte_exec.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsExecutable(Pte entry) => (entry.Raw & TBits.Execute) != 0;

    /// <summary>P is clear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUser(Pte entry) => (entry.Raw & TBits.Privileged) == 0;

    /// <summary>pte_accessible: VALID.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsValid(Pte entry) => (entry.Raw & SparcBits.Valid) != 0;

    /// <summary>An entry of a mapping without access: present, but neither VALID nor readable. Linux has no bit of its own for it here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsProtNone(Pte entry) => (entry.Raw & (TBits.Present | SparcBits.Valid | TBits.Read)) == TBits.Present;

    /// <summary>pte_special.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSpecial(Pte entry) => (entry.Raw & SparcBits.Special) != 0;

    /// <summary>Whether tags are checked (MCD); false before M7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsTagChecked(Pte entry) => (entry.Raw & TBits.TagChecked) != 0;

    /// <summary>pte_mkyoung: also VALID.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeYoung(Pte entry) => new(entry.Raw | TBits.Accessed | SparcBits.Valid);

    /// <summary>pte_mkold: also not VALID, so that the next use traps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeOld(Pte entry) => new(entry.Raw & ~(TBits.Accessed | SparcBits.Valid));

    /// <summary>pte_mkdirty: the hardware W too, if stores are allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeDirty(Pte entry) => new(entry.Raw | TBits.Modified | (IsWritable(entry) ? TBits.HardwareWrite : 0));

    /// <summary>pte_mkclean: the next store traps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeClean(Pte entry) => new(entry.Raw & ~(TBits.Modified | TBits.HardwareWrite));

    /// <summary>pte_mkwrite: the hardware W too, if the page is dirty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeWritable(Pte entry) => new(entry.Raw | TBits.Write | (IsDirty(entry) ? TBits.HardwareWrite : 0));

    /// <summary>pte_wrprotect.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte WriteProtect(Pte entry) => new(entry.Raw & ~(TBits.Write | TBits.HardwareWrite));

    /// <summary>pte_mkspecial.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSpecial(Pte entry) => new(entry.Raw | SparcBits.Special);

    /// <summary>pte_mkmcd; the entry itself before M7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeTagChecked(Pte entry) => new(entry.Raw | TBits.TagChecked);

    /// <summary>pte_mknotmcd; the entry itself before M7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearTagChecked(Pte entry) => new(entry.Raw & ~TBits.TagChecked);

    /// <summary>What pmdp_invalidate stores: VALID goes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeInvalid(Pte entry) => new(entry.Raw & ~SparcBits.Valid);

    /// <summary>
    /// One access in user mode. Traps (returns false) unless the entry is VALID and not privileged, has the hardware W for a store and EXEC
    /// for a fetch (sun4u checks the software bit when it loads the instruction TLB). The entry never changes: marking is the handler's work.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAccess(Pte entry, AccessKind kind)
    {
        ulong need = SparcBits.Valid | kind switch
        {
            AccessKind.Write => TBits.HardwareWrite,
            AccessKind.Execute => TBits.Execute,
            _ => 0UL,
        };
        return (entry.Raw & (need | TBits.Privileged)) == need;
    }

    private static Pte MakeSized(ulong frame, Protection protection, int code, bool huge) =>
        new((frame << SparcBits.PageShift) | (protection.Raw & ~TBits.SizeMask) | TBits.SizeBits(code) | (huge ? SparcBits.Huge : 0));

    private const int FourMegabytes = 3;
    private const int SixteenGigabytes = 7;
}
