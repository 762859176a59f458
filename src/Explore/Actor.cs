namespace PageTableEmu.Explore;

/// <summary>One of those whose steps are interleaved: what a thread of the explored program does.</summary>
/// <param name="Name">How schedules name it: letters, digits and _, beginning with a letter.</param>
/// <param name="Body">
/// What it does. It runs once in every execution and must do the same whenever it sees the same: no clock, no random numbers.
/// </param>
/// <seealso cref="Explorer"/>
public sealed record Actor(string Name, Action Body);
