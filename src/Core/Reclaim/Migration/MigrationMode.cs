namespace PageTableEmu.Reclaim.Migration;

/// <summary>How much a migration may wait (the kernel's enum migrate_mode).</summary>
/// <seealso cref="Migrator{TArch, TModel}"/>
public enum MigrationMode
{
    /// <summary>Not at all: a folio that is locked or being written stays where it is (MIGRATE_ASYNC).</summary>
    Async,

    /// <summary>For the folio lock and for writes (MIGRATE_SYNC).</summary>
    Sync,
}
