using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Paging;

public sealed class X64FourLevelChecked : PageTableLaws<X64FourLevel, CheckedModel>;

public sealed class X64FourLevelMainline : PageTableLaws<X64FourLevel, Mainline>;

public sealed class X64FiveLevelChecked : PageTableLaws<X64FiveLevel, CheckedModel>;

public sealed class X64FiveLevelMainline : PageTableLaws<X64FiveLevel, Mainline>;

public sealed class Sun4uChecked : PageTableLaws<Sun4u, CheckedModel>;

public sealed class Sun4uMainline : PageTableLaws<Sun4u, Mainline>;

public sealed class Sun4vChecked : PageTableLaws<Sun4v, CheckedModel>;

public sealed class Sun4vMainline : PageTableLaws<Sun4v, Mainline>;

public sealed class Sun4vM7Checked : PageTableLaws<Sun4vM7, CheckedModel>;

public sealed class Sun4vM7Mainline : PageTableLaws<Sun4vM7, Mainline>;
