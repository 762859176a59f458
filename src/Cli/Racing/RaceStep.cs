namespace PageTableEmu.Cli.Racing;

/// <summary>A shared access of a <see cref="RaceTimeline"/>.</summary>
/// <param name="Actor">Who made it.</param>
/// <param name="Access">Its kind.</param>
/// <param name="Cells">How the machine looks after it, a cell for each column.</param>
internal sealed record RaceStep(int Actor, string Access, IReadOnlyList<string> Cells);
