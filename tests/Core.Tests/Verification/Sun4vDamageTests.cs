using PageTableEmu.Arch.Sparc;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>On sparc64, with big-endian tables of 8 KiB pages.</summary>
public sealed class Sun4vDamageTests : DamageTests<Sun4v>;
