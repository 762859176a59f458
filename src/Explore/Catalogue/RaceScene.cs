namespace PageTableEmu.Explore.Catalogue;

/// <summary>A race set up on a machine: the program to explore, and what to draw of the machine beside a schedule.</summary>
/// <param name="program">The program.</param>
/// <param name="machine">The machine that belongs to it.</param>
/// <param name="columns">What <paramref name="draw"/> draws: names of pages, slots, frames.</param>
/// <param name="draw">How the machine looks now, a cell for each column.</param>
/// <seealso cref="RaceCatalogue"/>
public sealed class RaceScene(ExploredProgram program, IDisposable machine, IReadOnlyList<string> columns, Func<IReadOnlyList<string>> draw)
    : IDisposable
{
    /// <summary>The program.</summary>
    public ExploredProgram Program { get; } = program;

    /// <summary>What can be drawn.</summary>
    public IReadOnlyList<string> Columns { get; } = columns;

    /// <summary>How the machine looks now, a cell for each column.</summary>
    public IReadOnlyList<string> Draw() => draw();

    /// <inheritdoc/>
    public void Dispose() => machine.Dispose();
}
