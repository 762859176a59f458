using PageTableEmu.Arch.Arm64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Mm.Behaviour;
using PageTableEmu.Core.Tests.Mm.CowMatrix;
using PageTableEmu.Core.Tests.Mm.SharedMemory;
using PageTableEmu.Core.Tests.Paging;
using PageTableEmu.Core.Tests.Verification;

namespace PageTableEmu.Core.Tests;

// What is generic over architectures, on arm64.
public sealed class Arm64Checked : PageTableLaws<Arm64FourLevel, CheckedModel>;

public sealed class Arm64Mainline : PageTableLaws<Arm64FourLevel, Mainline>;

public sealed class Arm64ModelTests : PageTableModelTests<Arm64FourLevel, Mainline>;

public sealed class Arm64Concurrency : PageTableConcurrencyTests<Arm64FourLevel>;

public sealed class Arm64PreemptedWalk : PreemptedWalkTests<Arm64FourLevel>;

public sealed class Arm64SwapCodec : SwapCodecTests<Arm64FourLevel>;

public sealed class Arm64DamageTests : DamageTests<Arm64FourLevel>;

public sealed class Arm64FaultStories : FaultStories<Arm64FourLevel>;

public sealed class Arm64ShortageStories : ShortageStories<Arm64FourLevel>;

public sealed class Arm64SharedMemoryTests : SharedMemoryTests<Arm64FourLevel>;

public sealed class Arm64CowMatrixTests : CowMatrixTests<Arm64FourLevel>;

public sealed class Arm64GupMatrixTests : GupMatrixTests<Arm64FourLevel>;
