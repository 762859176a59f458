namespace PageTableEmu.Explore;

/// <summary>A part of a <see cref="Schedule"/>.</summary>
/// <param name="Actor">Who runs.</param>
/// <param name="Steps">After how many shared accesses it is stopped; -1: it runs until it waits or has finished.</param>
/// <param name="Crashes">Whether it is stopped for ever.</param>
public readonly record struct SchedulePart(int Actor, int Steps, bool Crashes);
