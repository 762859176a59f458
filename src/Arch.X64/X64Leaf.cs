using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.X64;

/// <summary>
/// Present entries of x86-64, the same for four and five levels (arch/x86/include/asm/pgtable.h, pgtable-invert.h). Levels: 1 PTE, 2 PMD,
/// 3 PUD, 4 P4D (the root of a four-level table), 5 PGD.
/// </summary>
/// <remarks>
/// <para>Inversion: the address field of an entry that is not zero and has P clear is stored complemented, so that a processor that
/// speculates past P (L1TF) finds no existing memory there. The test looks at the protection when an entry is made and at the entry when it
/// is read; both agree, because a protection without P is never zero.</para>
/// <para>Dirtiness: whatever takes write permission away moves D to SAVED_DIRTY, and whatever gives it moves it back; both count as dirty.</para>
/// </remarks>
/// <seealso cref="X64FourLevel"/>
public static class X64Leaf
{
    /// <summary>PAGE_NONE: accessed and PROTNONE.</summary>
    public static Protection None => new(X64Bits.Accessed | X64Bits.ProtNone);

    /// <summary>Whether the address field of the entry or protection is stored complemented.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsInverted(ulong raw) => raw != 0 && (raw & X64Bits.Present) == 0;

    /// <summary>Address field of a leaf of a level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FrameMask(int level) => level switch
    {
        1 => X64Bits.FrameMask,
        2 => X64Bits.FrameMask2M,
        _ => X64Bits.FrameMask1G,
    };

    /// <summary>
    /// pte_none, pmd_none, pud_none, p4d_none: A and D do not count. (The PGD of five levels is compared exactly: <see cref="X64FiveLevel"/>.)
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNone(Pte entry) => (entry.Raw & ~X64Bits.Erratum) == 0;

    /// <summary>
    /// pte_present, pmd_present, pud_present, p4d_present. An invalidated PMD leaf keeps only PS and is still present; a PUD is present by P
    /// alone, except a PROT_NONE leaf of hugetlb, which Linux reads as a PTE.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPresent(Pte entry, int level) => level switch
    {
        1 => (entry.Raw & (X64Bits.Present | X64Bits.ProtNone)) != 0,
        2 => (entry.Raw & (X64Bits.Present | X64Bits.ProtNone | X64Bits.Huge)) != 0,
        3 => (entry.Raw & X64Bits.Present) != 0 || (entry.Raw & (X64Bits.ProtNone | X64Bits.Huge)) == (X64Bits.ProtNone | X64Bits.Huge),
        _ => (entry.Raw & X64Bits.Present) != 0,
    };

    /// <summary>
    /// A well-formed pointer to a table (the opposite of pmd_bad, pud_bad, p4d_bad): a PMD has exactly P, R/W and D besides U/S and A; above
    /// it any subset of the table bits will do, and from level 4 also NX (page-table isolation) and the no-shadow bit.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsTable(Pte entry, int level) => level switch
    {
        1 => false,
        2 => (entry.Raw & ~(X64Bits.FrameMask | X64Bits.User | X64Bits.Accessed)) == (X64Bits.Present | X64Bits.Write | X64Bits.Dirty),
        3 => (entry.Raw & ~(X64Bits.FrameMask | (X64Bits.Table & ~X64Bits.Present))) == X64Bits.Present,
        _ => (entry.Raw & ~(X64Bits.FrameMask | (X64Bits.Table & ~X64Bits.Present) | X64Bits.NoExecute | X64Bits.NoShadow)) == X64Bits.Present,
    };

    /// <summary>
    /// Bits of a pointer to a table that may have any value; see <see cref="IQuickWalk"/>. None: Linux makes all pointers to user tables alike
    /// (_PAGE_TABLE), and a walk is shorter for it. Others, such as those to the kernel's tables, are unusual.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong TableIgnores(int level) => 0;

    /// <summary>Bits that every pointer to a user table has; see <see cref="IQuickWalk"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong TableMarks(int level) => X64Bits.Table;

    /// <summary>A present entry that maps memory: every present PTE, and a present PMD or PUD with PS.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLeaf(Pte entry, int level) => level switch
    {
        1 => IsPresent(entry, 1),
        2 => (entry.Raw & X64Bits.Huge) != 0,
        3 => (entry.Raw & X64Bits.Huge) != 0 && (entry.Raw & (X64Bits.Present | X64Bits.ProtNone)) != 0,
        _ => false,
    };

    /// <summary>A present entry that is neither a well-formed table nor a leaf.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsBad(Pte entry, int level) => IsPresent(entry, level) && !IsTable(entry, level) && !IsLeaf(entry, level);

    /// <summary>Makes an entry that points to a user table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeTable(ulong physicalAddress) => new((physicalAddress & X64Bits.FrameMask) | X64Bits.Table);

    /// <summary>Physical address of the table an entry points to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong TableAddress(Pte entry) => entry.Raw & X64Bits.FrameMask;

    /// <summary>vm_get_page_prot without protection key: readable as soon as anything is allowed; writable only where shared.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection ProtectionOf(AccessRights rights)
    {
        if ((rights & (AccessRights.Read | AccessRights.Write | AccessRights.Execute)) == 0)
            return None;
        ulong raw = X64Bits.Present | X64Bits.User | X64Bits.Accessed;
        if ((rights & AccessRights.Execute) == 0)
            raw |= X64Bits.NoExecute;
        if ((rights & (AccessRights.Write | AccessRights.Shared)) == (AccessRights.Write | AccessRights.Shared))
            raw |= X64Bits.Write;
        return new Protection(raw);
    }

    /// <summary>The protection with a memory protection key, 0 to 15 (VM_PKEY_BIT*): added to PAGE_NONE too.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The key is not 0 to 15.</exception>
    public static Protection WithPkey(Protection protection, int key)
    {
        if (key is < 0 or > 15)
            throw new ArgumentOutOfRangeException(nameof(key), key, "A protection key is 0 to 15.");
        return new Protection((protection.Raw & ~X64Bits.PkeyMask) | ((ulong)key << X64Bits.PkeyShift));
    }

    /// <summary>Memory protection key of a present leaf.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Pkey(Pte entry) => (int)((entry.Raw & X64Bits.PkeyMask) >> X64Bits.PkeyShift);

    /// <summary>pgprot_4k_2_large: moves PAT from bit 7 to bit 12, and sets PS (pmd_mkhuge).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection ToLarge(Protection protection)
    {
        ulong raw = protection.Raw;
        return new Protection((raw & ~(X64Bits.Pat | X64Bits.PatLarge)) | ((raw & X64Bits.Pat) << X64Bits.PatMove) | X64Bits.Huge);
    }

    /// <summary>pgprot_large_2_4k: moves PAT from bit 12 to bit 7, and so clears PS.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection ToSmall(Protection protection)
    {
        ulong raw = protection.Raw;
        return new Protection((raw & ~(X64Bits.Pat | X64Bits.PatLarge)) | ((raw & X64Bits.PatLarge) >> X64Bits.PatMove));
    }

    /// <summary>pfn_pte; pfn_pmd and pfn_pud of a protection in PTE form, which gets PS and its PAT bit moved.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeLeaf(ulong frame, Protection protection, int level) =>
        Place(frame, level == 1 ? protection : ToLarge(protection), level);

    /// <summary>pte_pfn, pmd_pfn, pud_pfn of a leaf.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FrameOf(Pte entry, int level)
    {
        ulong raw = entry.Raw;
        return ((IsInverted(raw) ? ~raw : raw) & FrameMask(level)) >> 12;
    }

    /// <summary>The bits of a leaf that are not its frame number (pte_flags, pmd_flags).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection FlagsOf(Pte entry, int level) => new(entry.Raw & ~FrameMask(level));

    /// <summary>
    /// pte_modify, pmd_modify, pud_modify. D and SAVED_DIRTY are both kept and settled afterwards: a page that was writable may lose the
    /// permission, one that was not may gain it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Modify(Pte entry, Protection protection, int level)
    {
        ulong keep = level == 1 ? X64Bits.KeepMask : X64Bits.KeepMaskHuge;
        ulong raw = (entry.Raw & keep) | (protection.Raw & ~keep);
        if (IsInverted(entry.Raw) != IsInverted(raw))
            raw ^= FrameMask(level);
        return new Pte((entry.Raw & X64Bits.Write) != 0 ? SaveDirty(raw) : RestoreDirty(raw));
    }

    /// <summary>pte_advance_pfn: on an inverted entry the stored field runs backwards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Advance(Pte entry, ulong frames) =>
        new(IsInverted(entry.Raw) ? entry.Raw - (frames << 12) : entry.Raw + (frames << 12));

    /// <summary>pte_young.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsYoung(Pte entry) => (entry.Raw & X64Bits.Accessed) != 0;

    /// <summary>pte_dirty: D or SAVED_DIRTY.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDirty(Pte entry) => (entry.Raw & (X64Bits.Dirty | X64Bits.SavedDirty)) != 0;

    /// <summary>pte_write on a processor without shadow stacks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWritable(Pte entry) => (entry.Raw & X64Bits.Write) != 0;

    /// <summary>pte_shstk, pmd_shstk on a processor with shadow stacks: R/W clear, D set (a PMD also has PS). A PUD is never one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsShadowStack(Pte entry, int level) => level switch
    {
        1 => (entry.Raw & (X64Bits.Write | X64Bits.Dirty)) == X64Bits.Dirty,
        2 => (entry.Raw & (X64Bits.Write | X64Bits.Dirty | X64Bits.Huge)) == (X64Bits.Dirty | X64Bits.Huge),
        _ => false,
    };

    /// <summary>pte_write, pmd_write, pud_write on a processor with shadow stacks, whose pages count as writable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWritableOrShadowStack(Pte entry, int level) => IsWritable(entry) || IsShadowStack(entry, level);

    /// <summary>pte_exec.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsExecutable(Pte entry) => (entry.Raw & X64Bits.NoExecute) == 0;

    /// <summary>User mode may use the entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUser(Pte entry) => (entry.Raw & X64Bits.User) != 0;

    /// <summary>pte_protnone, pmd_protnone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsProtNone(Pte entry) => (entry.Raw & (X64Bits.ProtNone | X64Bits.Present)) == X64Bits.ProtNone;

    /// <summary>pte_special.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSpecial(Pte entry) => (entry.Raw & X64Bits.Special) != 0;

    /// <summary>pte_soft_dirty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSoftDirty(Pte entry) => (entry.Raw & X64Bits.SoftDirty) != 0;

    /// <summary>pte_uffd_wp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUffdWp(Pte entry) => (entry.Raw & X64Bits.UffdWp) != 0;

    /// <summary>pte_mkyoung.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeYoung(Pte entry) => new(entry.Raw | X64Bits.Accessed);

    /// <summary>pte_mkold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeOld(Pte entry) => new(entry.Raw & ~X64Bits.Accessed);

    /// <summary>pte_mkdirty: also soft-dirty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeDirty(Pte entry) => new(SaveDirty(entry.Raw | X64Bits.Dirty | X64Bits.SoftDirty));

    /// <summary>pte_mkclean: soft-dirty stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeClean(Pte entry) => new(entry.Raw & ~(X64Bits.Dirty | X64Bits.SavedDirty));

    /// <summary>pte_mkwrite of an ordinary VMA.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeWritable(Pte entry) => new(RestoreDirty(entry.Raw | X64Bits.Write));

    /// <summary>pte_mkwrite_novma: R/W only, SAVED_DIRTY stays where it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeWritableKeepingSavedDirty(Pte entry) => new(entry.Raw | X64Bits.Write);

    /// <summary>pte_mkwrite of a VMA with VM_SHADOW_STACK: the encoding that the processor takes for a shadow stack.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeShadowStack(Pte entry) => new((entry.Raw & ~X64Bits.Write) | X64Bits.Dirty);

    /// <summary>pte_wrprotect.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte WriteProtect(Pte entry) => new(SaveDirty(entry.Raw & ~X64Bits.Write));

    /// <summary>pte_mkspecial.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSpecial(Pte entry) => new(entry.Raw | X64Bits.Special);

    /// <summary>pte_mksoft_dirty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSoftDirty(Pte entry) => new(entry.Raw | X64Bits.SoftDirty);

    /// <summary>pte_clear_soft_dirty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSoftDirty(Pte entry) => new(entry.Raw & ~X64Bits.SoftDirty);

    /// <summary>pte_mkuffd_wp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeUffdWp(Pte entry) => WriteProtect(new Pte(entry.Raw | X64Bits.UffdWp));

    /// <summary>pte_clear_uffd_wp: write permission does not come back by itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearUffdWp(Pte entry) => new(entry.Raw & ~X64Bits.UffdWp);

    /// <summary>pmd_mkinvalid, pud_mkinvalid: P and PROTNONE go, PS stays, and the frame number is stored anew because it is now inverted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeInvalid(Pte entry, int level) =>
        Place(FrameOf(entry, level), new Protection(FlagsOf(entry, level).Raw & ~(X64Bits.Present | X64Bits.ProtNone)), level);

    /// <summary>One access in user mode by a processor without protection keys in use: needs P and U/S, R/W for a store, no NX for a fetch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAccess(Pte entry, AccessKind kind, out Pte after)
    {
        ulong need = X64Bits.Present | X64Bits.User | (kind == AccessKind.Write ? X64Bits.Write : 0);
        ulong forbidden = kind == AccessKind.Execute ? X64Bits.NoExecute : 0;
        bool allowed = (entry.Raw & (need | forbidden)) == need;
        ulong marks = X64Bits.Accessed | (kind == AccessKind.Write ? X64Bits.Dirty : 0);
        after = allowed ? new Pte(entry.Raw | marks) : entry;
        return allowed;
    }

    /// <summary>Puts a frame number and all other bits of a leaf together; the bits decide whether the number is inverted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Place(ulong frame, Protection flags, int level)
    {
        ulong field = frame << 12;
        return new Pte(((IsInverted(flags.Raw) ? ~field : field) & FrameMask(level)) | flags.Raw);
    }

    // Where R/W is clear: D moves to SAVED_DIRTY.
    private static ulong SaveDirty(ulong raw)
    {
        ulong moved = (raw & X64Bits.Write) == 0 ? raw & X64Bits.Dirty : 0;
        return (raw ^ moved) | (moved << DirtyMove);
    }

    // Where R/W is set: SAVED_DIRTY moves to D.
    private static ulong RestoreDirty(ulong raw)
    {
        ulong moved = (raw & X64Bits.Write) != 0 ? raw & X64Bits.SavedDirty : 0;
        return (raw ^ moved) | (moved >> DirtyMove);
    }

    private const int DirtyMove = 52;
}
