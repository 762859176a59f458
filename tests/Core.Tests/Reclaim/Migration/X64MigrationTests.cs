using PageTableEmu.Arch.X64;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <inheritdoc/>
public class X64MigrationTests : MigrationTests<X64FourLevel>;
