using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Arm64;

/// <summary>Present entries of arm64 (arch/arm64/include/asm/pgtable.h). Levels: 1 PTE, 2 PMD, 3 PUD, 4 PGD.</summary>
/// <remarks>
/// Dirtiness has two homes. With write permission (DBM) the hardware clears RDONLY on the first store, and "writable and not RDONLY" is dirty.
/// Without write permission RDONLY must be set, so whatever takes the permission away saves the dirtiness in the software bit DIRTY, and
/// whatever gives it back opens RDONLY again. A clean writable page has RDONLY set.
/// </remarks>
/// <seealso cref="Arm64FourLevel"/>
public static class Arm64Leaf
{
    private const ulong PageDefault = Arm64Bits.TypeMask | Arm64Bits.Accessed | Arm64Bits.Shared;
    private const ulong UserDefault = PageDefault | Arm64Bits.ReadOnly | Arm64Bits.NotGlobal | Arm64Bits.PrivilegedNoExecute;

    /// <summary>PAGE_NONE: not VALID, present all the same, neither user nor executable.</summary>
    public static Protection None => new((UserDefault & ~Arm64Bits.Valid) | Arm64Bits.PresentInvalid | Arm64Bits.UserNoExecute);

    /// <summary>Address field of a leaf of a level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FrameMask(int level) => Arm64Bits.FrameMask & ~((1UL << Arm64Geometry.LevelShift(level)) - 1);

    /// <summary>pte_present, pmd_present, pud_present: VALID, or PRESENT_INVALID in its absence. The PGD is present unless it is zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPresent(Pte entry, int level) =>
        level <= 3 ? (entry.Raw & (Arm64Bits.Valid | Arm64Bits.PresentInvalid)) != 0 : entry.Raw != 0;

    /// <summary>A valid descriptor of type table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsTable(Pte entry, int level) => level > 1 && (entry.Raw & Arm64Bits.TypeMask) == Arm64Bits.TypeMask;

    /// <summary>Every present PTE; a present PMD or PUD that is not of type table, valid or not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLeaf(Pte entry, int level) =>
        level == 1 ? IsPresent(entry, 1) : level <= 3 && IsPresent(entry, level) && (entry.Raw & Arm64Bits.PageOrTable) == 0;

    /// <summary>A present entry that is neither.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsBad(Pte entry, int level) => IsPresent(entry, level) && !IsTable(entry, level) && !IsLeaf(entry, level);

    /// <summary>Makes an entry that points to a user table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeTable(ulong physicalAddress) => new((physicalAddress & Arm64Bits.FrameMask) | Arm64Bits.Table);

    /// <summary>Physical address of the table an entry points to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong TableAddress(Pte entry) => entry.Raw & Arm64Bits.FrameMask;

    /// <summary>
    /// vm_get_page_prot on a processor without enhanced PAN, where a mapping that can only be executed is readable too. RDONLY is set in all:
    /// a page is clean until it is written.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection ProtectionOf(AccessRights rights)
    {
        Protection plain = PlainProtectionOf(rights);
        return (rights & AccessRights.TagChecked) != 0 ? WithTagCheck(plain) : plain;
    }

    /// <summary>protection_map of arch/arm64/mm/mmap.c: without tags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Protection PlainProtectionOf(AccessRights rights)
    {
        if ((rights & (AccessRights.Read | AccessRights.Write | AccessRights.Execute)) == 0)
            return None;
        ulong raw = UserDefault | Arm64Bits.User;
        if ((rights & AccessRights.Execute) == 0)
            raw |= Arm64Bits.UserNoExecute;
        if ((rights & (AccessRights.Write | AccessRights.Shared)) == (AccessRights.Write | AccessRights.Shared))
            raw |= Arm64Bits.Write;
        return new Protection(raw);
    }

    /// <summary>The protection of a mapping with VM_MTE: accesses are checked against the tags of memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Protection WithTagCheck(Protection protection) =>
        new((protection.Raw & ~Arm64Bits.AttributeMask) | Arm64Bits.NormalTagged);

    /// <summary>Whether accesses through a leaf are checked against tags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsTagChecked(Pte entry) => (entry.Raw & Arm64Bits.AttributeMask) == Arm64Bits.NormalTagged;

    /// <summary>pfn_pte; above it pmd_mkhuge too, which clears the type's upper bit and leaves VALID as it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeLeaf(ulong frame, Protection protection, int level) =>
        Place(frame, level == 1 ? protection : new Protection(protection.Raw & ~Arm64Bits.PageOrTable), level);

    /// <summary>pte_pfn, pmd_pfn, pud_pfn of a leaf.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FrameOf(Pte entry, int level) => (entry.Raw & FrameMask(level)) >> Arm64Geometry.PageShift;

    /// <summary>pte_modify: hardware dirtiness is saved first, and opens RDONLY again where the new protection allows stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Modify(Pte entry, Protection protection)
    {
        ulong raw = IsHardwareDirty(entry) ? entry.Raw | Arm64Bits.Dirty : entry.Raw;
        var changed = new Pte((raw & ~Arm64Bits.ModifyMask) | (protection.Raw & Arm64Bits.ModifyMask));
        return (changed.Raw & Arm64Bits.Dirty) != 0 ? MakeDirty(changed) : changed;
    }

    /// <summary>pte_advance_pfn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Advance(Pte entry, ulong frames) => new(entry.Raw + (frames << Arm64Geometry.PageShift));

    /// <summary>pte_young.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsYoung(Pte entry) => (entry.Raw & Arm64Bits.Accessed) != 0;

    /// <summary>pte_hw_dirty: stores are allowed and were let through.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsHardwareDirty(Pte entry) => (entry.Raw & (Arm64Bits.Write | Arm64Bits.ReadOnly)) == Arm64Bits.Write;

    /// <summary>pte_dirty: by hardware or software.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDirty(Pte entry) => IsHardwareDirty(entry) || (entry.Raw & Arm64Bits.Dirty) != 0;

    /// <summary>pte_write.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWritable(Pte entry) => (entry.Raw & Arm64Bits.Write) != 0;

    /// <summary>pte_user_exec.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsExecutable(Pte entry) => (entry.Raw & Arm64Bits.UserNoExecute) == 0;

    /// <summary>pte_user.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUser(Pte entry) => (entry.Raw & Arm64Bits.User) != 0;

    /// <summary>pte_protnone: present-invalid, neither user nor executable by user mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsProtNone(Pte entry) =>
        (entry.Raw & (Arm64Bits.Valid | Arm64Bits.PresentInvalid | Arm64Bits.User | Arm64Bits.UserNoExecute))
            == (Arm64Bits.PresentInvalid | Arm64Bits.UserNoExecute);

    /// <summary>pte_special.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSpecial(Pte entry) => (entry.Raw & Arm64Bits.Special) != 0;

    /// <summary>pte_uffd_wp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUffdWp(Pte entry) => (entry.Raw & Arm64Bits.UffdWp) != 0;

    /// <summary>pte_mkyoung.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeYoung(Pte entry) => new(entry.Raw | Arm64Bits.Accessed);

    /// <summary>pte_mkold.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeOld(Pte entry) => new(entry.Raw & ~Arm64Bits.Accessed);

    /// <summary>pte_mkdirty: the software bit, and the hardware's encoding too where stores are allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeDirty(Pte entry) =>
        new((entry.Raw | Arm64Bits.Dirty) & ~(IsWritable(entry) ? Arm64Bits.ReadOnly : 0));

    /// <summary>pte_mkclean: the next store is recorded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeClean(Pte entry) => new((entry.Raw & ~Arm64Bits.Dirty) | Arm64Bits.ReadOnly);

    /// <summary>pte_mkwrite: RDONLY opens if the page is dirty already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeWritable(Pte entry) =>
        new((entry.Raw | Arm64Bits.Write) & ~((entry.Raw & Arm64Bits.Dirty) != 0 ? Arm64Bits.ReadOnly : 0));

    /// <summary>pte_wrprotect: hardware dirtiness is saved in the software bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte WriteProtect(Pte entry) =>
        new(((entry.Raw | (IsHardwareDirty(entry) ? Arm64Bits.Dirty : 0)) & ~Arm64Bits.Write) | Arm64Bits.ReadOnly);

    /// <summary>pte_mkspecial.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSpecial(Pte entry) => new(entry.Raw | Arm64Bits.Special);

    /// <summary>pte_mkuffd_wp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeUffdWp(Pte entry) => WriteProtect(new Pte(entry.Raw | Arm64Bits.UffdWp));

    /// <summary>pte_clear_uffd_wp: write permission does not come back by itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearUffdWp(Pte entry) => new(entry.Raw & ~Arm64Bits.UffdWp);

    /// <summary>pmd_mkinvalid: PRESENT_INVALID takes the place of VALID.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeInvalid(Pte entry) => new((entry.Raw | Arm64Bits.PresentInvalid) & ~Arm64Bits.Valid);

    /// <summary>
    /// One access in user mode by a processor that keeps AF and dirtiness itself (FEAT_HAFDBS). A PTE of the wrong type faults; loads and stores
    /// need AP[1], fetches a clear UXN; a store through RDONLY needs DBM and clears RDONLY.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAccess(Pte entry, AccessKind kind, int level, out Pte after)
    {
        ulong type = level == 1 ? Arm64Bits.TypeMask : Arm64Bits.Valid;
        bool store = kind == AccessKind.Write;
        bool allowed = (entry.Raw & Arm64Bits.TypeMask) == type && kind switch
        {
            AccessKind.Execute => IsExecutable(entry),
            AccessKind.Write => IsUser(entry) && (entry.Raw & (Arm64Bits.Write | Arm64Bits.ReadOnly)) != Arm64Bits.ReadOnly,
            _ => IsUser(entry),
        };
        after = allowed ? new Pte((entry.Raw | Arm64Bits.Accessed) & ~(store ? Arm64Bits.ReadOnly : 0)) : entry;
        return allowed;
    }

    /// <summary>Puts a frame number and all other bits of a leaf together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Place(ulong frame, Protection flags, int level) =>
        new(((frame << Arm64Geometry.PageShift) & FrameMask(level)) | flags.Raw);
}
