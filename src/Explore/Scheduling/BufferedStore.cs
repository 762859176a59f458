using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Scheduling;

/// <summary>A store that waits in its actor's buffer.</summary>
/// <param name="Word">Where it goes.</param>
/// <param name="Value">What is stored.</param>
/// <param name="Index">Number of the word in the <see cref="AddressTable"/>.</param>
/// <param name="Issued">Stands for all steps of the actor up to the store, and what they depended on.</param>
internal readonly record struct BufferedStore(WatchedWord Word, ulong Value, int Index, ulong Issued);
