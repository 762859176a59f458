using PageTableEmu.Arch.Sparc;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <inheritdoc/>
public class Sun4vStandingEntriesTests : StandingEntriesTests<Sun4v>;
