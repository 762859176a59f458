namespace PageTableEmu.Image;

/// <summary>A process in the registry of an image.</summary>
/// <param name="Process">The operating system's number of the process.</param>
/// <param name="Start">When it was started, in the platform's unit: tells it from a later process with the same number.</param>
/// <param name="IsAlive">False when it died without detaching.</param>
public readonly record struct AttachedProcess(uint Process, uint Start, bool IsAlive);
