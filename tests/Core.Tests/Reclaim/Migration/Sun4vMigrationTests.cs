using PageTableEmu.Arch.Sparc;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <inheritdoc/>
public class Sun4vMigrationTests : MigrationTests<Sun4v>;
