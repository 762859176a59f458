using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Leaves;

/// <content>
/// Migration entries. They are made by an <see cref="Unmapping{TArch, TModel}"/> and end by <see cref="ResolveMigration"/>;
/// moving one is <see cref="LeafOperations{TArch, TModel}.Move"/>. They own nothing, so none of this touches the folio.
/// </content>
public sealed partial class LeafOperations<TArch, TModel>
{
    /// <summary>Copies a migration entry for fork; a page of a private mapping is shared by both entries from now on.</summary>
    /// <param name="source">The parent's entry.</param>
    /// <param name="destination">The child's.</param>
    /// <param name="entry">The parent's entry, decoded.</param>
    /// <param name="isPrivate">Whether a store is to make a copy.</param>
    /// <param name="types">Numbering of special types.</param>
    public void DuplicateMigration(
        Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination, in SoftLeaf entry, bool isPrivate, in SwapTypeLayout types)
    {
        if (LeafTags<TArch, TModel>.IsOn)
            byAddress.OnDuplicate(source, destination);
        SoftLeaf copied = isPrivate ? MigrationEntry<TArch>.Shared(entry) : entry;
        if (copied != entry)
            source.Store(copied.Encode<TArch>(types));
        destination.Store(TArch.ClearSwapUffdWp(copied.Encode<TArch>(types))); // a child is not registered with the parent's userfaultfd
    }

    /// <summary>
    /// Puts a present entry in the place of a migration entry (remove_migration_pte). The page's metadata came along with the copy, or never left.
    /// </summary>
    public void ResolveMigration(Leaf<TArch, TModel> leaf, Pte present)
    {
        if (PageTags<TArch, TModel>.IsOn)
            tags.BeforePublish(present);
        leaf.Store(present);
    }

    /// <summary>Forgets a migration entry (zap): whoever moves the page simply finds none here when it has arrived.</summary>
    public void DropMigration(Leaf<TArch, TModel> leaf)
    {
        if (LeafTags<TArch, TModel>.IsOn)
            byAddress.OnDrop(leaf);
        leaf.Store(default);
    }

    /// <summary>Changes marks of a migration entry or weakens its kind.</summary>
    public void AmendMigration(Leaf<TArch, TModel> leaf, in SoftLeaf amended, in SwapTypeLayout types)
    {
        if (TModel.Checked)
            AssertNotStronger(SoftLeaf.Decode<TArch>(leaf.Value, types), amended);
        leaf.Store(amended.Encode<TArch>(types));
    }

    private static void AssertNotStronger(in SoftLeaf before, in SoftLeaf after)
    {
        if (!before.IsMigration || !after.IsMigration || before.Frame != after.Frame || after.Kind > before.Kind)
            throw new InvalidOperationException($"A migration entry of kind {before.Kind} for frame {before.Frame} cannot become {after.Kind} "
                + $"for frame {after.Frame}.");
    }
}
