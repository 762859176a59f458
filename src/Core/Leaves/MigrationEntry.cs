using PageTableEmu.Paging;

namespace PageTableEmu.Leaves;

/// <summary>
/// From a present entry to the migration entry that stands in its place while its page moves, and back (mm/rmap.c try_to_migrate_one,
/// mm/migrate.c remove_migration_pte and their twins for huge leaves).
/// </summary>
/// <remarks>
/// The entry names the frame that the page leaves. It owns neither a reference nor a mapping, but the page still counts as resident. The three
/// kinds say what the new entry may be: writable, read-only and exclusive, or read-only and possibly shared.
/// </remarks>
/// <example>
/// <code>
/// Protection readOnly = X64Leaf.ProtectionOf(AccessRights.Read);
/// SoftLeaf moving = MigrationEntry&lt;X64FourLevel&gt;.Of(X64Leaf.MakeLeaf(42, readOnly, 1), 42, exclusive: true);
/// Pte back = MigrationEntry&lt;X64FourLevel&gt;.Restore(moving, 43, readOnly, mayWrite: false, dirty: true, level: 1);
/// </code>
/// </example>
public static class MigrationEntry<TArch>
    where TArch : struct, IArchitecture
{
    /// <summary>What stands in the place of a present entry.</summary>
    /// <param name="present">The entry.</param>
    /// <param name="frame">The frame it maps.</param>
    /// <param name="exclusive">Whether the anonymous frame belonged to the entry alone.</param>
    public static SoftLeaf Of(Pte present, uint frame, bool exclusive)
    {
        SoftLeafKind kind = TArch.IsWritable(present) ? SoftLeafKind.MigrationWrite
            : exclusive ? SoftLeafKind.MigrationReadExclusive
            : SoftLeafKind.MigrationRead;
        SoftLeafMarks marks = (TArch.IsSoftDirty(present) ? SoftLeafMarks.SoftDirty : 0) | (TArch.IsUffdWp(present) ? SoftLeafMarks.UffdWp : 0);
        return SoftLeaf.OfFrame(kind, frame, marks, TArch.IsYoung(present), TArch.IsDirty(present));
    }

    /// <summary>The same entry for another frame: that of one page of a large folio, when the entry for all is split.</summary>
    public static SoftLeaf WithFrame(in SoftLeaf entry, uint frame) =>
        SoftLeaf.OfFrame(entry.Kind, frame, entry.Marks, entry.IsYoung, entry.IsDirty);

    /// <summary>
    /// The entry after a change of protection: never writable, so that the new rights are looked at when the page is touched again. An anonymous
    /// page stays exclusive.
    /// </summary>
    public static SoftLeaf WithoutWrite(in SoftLeaf entry, bool anonymous)
    {
        if (entry.Kind != SoftLeafKind.MigrationWrite)
            return entry;
        SoftLeafKind kind = anonymous ? SoftLeafKind.MigrationReadExclusive : SoftLeafKind.MigrationRead;
        return SoftLeaf.OfFrame(kind, entry.Frame, entry.Marks, entry.IsYoung, entry.IsDirty);
    }

    /// <summary>The entry after a fork, on both sides: the page is shared.</summary>
    public static SoftLeaf Shared(in SoftLeaf entry) =>
        SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, entry.Frame, entry.Marks, entry.IsYoung, entry.IsDirty);

    /// <summary>The entry with the mark of userfaultfd write-protection set or cleared.</summary>
    public static SoftLeaf WithUffdWp(in SoftLeaf entry, bool marked)
    {
        SoftLeafMarks marks = marked ? entry.Marks | SoftLeafMarks.UffdWp : entry.Marks & ~SoftLeafMarks.UffdWp;
        return SoftLeaf.OfFrame(entry.Kind, entry.Frame, marks, entry.IsYoung, entry.IsDirty);
    }

    /// <summary>The present entry that takes the place of a migration entry.</summary>
    /// <param name="entry">The migration entry.</param>
    /// <param name="frame">The frame that the page is in now.</param>
    /// <param name="protection">Protection value of the VMA, as it is now.</param>
    /// <param name="mayWrite">Whether the VMA allows stores.</param>
    /// <param name="dirty">Whether the folio is dirty; if it is not, nothing has to remember a store through this entry.</param>
    /// <param name="level">1, or 2 for a huge leaf.</param>
    public static Pte Restore(in SoftLeaf entry, uint frame, Protection protection, bool mayWrite, bool dirty, int level)
    {
        Pte present = TArch.MakeLeaf(frame, protection, level); // young, as far as its rights allow: making it so might grant some
        if (!entry.IsYoung)
            present = TArch.MakeOld(present);
        if (entry.IsDirty && dirty)
            present = TArch.MakeDirty(present);
        present = entry.IsSoftDirty ? TArch.MakeSoftDirty(present) : TArch.ClearSoftDirty(present);
        if (entry.Kind == SoftLeafKind.MigrationWrite)
            return mayWrite ? TArch.MakeWritable(present) : present;
        return entry.IsUffdWp ? TArch.MakeUffdWp(present) : present;
    }
}
