using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>Mainline rules, every shared access shown to the thread's observer.</summary>
internal readonly struct InterferingModel : IExplored;
