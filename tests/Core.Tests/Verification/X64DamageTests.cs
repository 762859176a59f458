using PageTableEmu.Arch.X64;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>On x86-64.</summary>
public sealed class X64DamageTests : DamageTests<X64FourLevel>;
