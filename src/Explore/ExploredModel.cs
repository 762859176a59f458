using PageTableEmu.Atomics;

namespace PageTableEmu.Explore;

/// <summary>Linux 6.18 rules, seen by an explorer.</summary>
/// <seealso cref="Explorer"/>
public readonly struct ExploredModel : IExplored;
