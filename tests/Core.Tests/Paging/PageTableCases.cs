using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Paging;

public sealed class X64FourLevelChecked : PageTableLaws<X64FourLevel, CheckedModel>;

public sealed class X64FourLevelMainline : PageTableLaws<X64FourLevel, Mainline>;

public sealed class X64FiveLevelChecked : PageTableLaws<X64FiveLevel, CheckedModel>;

public sealed class X64FiveLevelMainline : PageTableLaws<X64FiveLevel, Mainline>;
