namespace PageTableEmu.Explore;

/// <summary>What is explored: actors over a memory, and what must hold.</summary>
/// <seealso cref="Explorer"/>
public sealed class ExploredProgram
{
    /// <summary>Most actors of a program.</summary>
    public const int MaxActors = 16;

    /// <summary>Makes a program.</summary>
    /// <param name="memory">What they share.</param>
    /// <param name="actors">1 to <see cref="MaxActors"/>, with different names.</param>
    /// <exception cref="ArgumentException">There are no actors or too many, or a name is taken twice or is none.</exception>
    public ExploredProgram(ExploredMemory memory, params ReadOnlySpan<Actor> actors)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (actors.Length is 0 or > MaxActors)
            throw new ArgumentException($"A program has 1 to {MaxActors} actors, not {actors.Length}.", nameof(actors));
        foreach (Actor actor in actors)
        {
            if (!Schedule.IsName(actor.Name))
                throw new ArgumentException($"'{actor.Name}' is no name: letters, digits and _, beginning with a letter.", nameof(actors));
        }

        Memory = memory;
        Actors = [.. actors];
        if (Actors.Select(actor => actor.Name).Distinct().Count() != Actors.Count)
            throw new ArgumentException("Two actors have the same name.", nameof(actors));
    }

    /// <summary>What the actors share.</summary>
    public ExploredMemory Memory { get; }

    /// <summary>Whose steps are interleaved.</summary>
    public IReadOnlyList<Actor> Actors { get; }

    /// <summary>Judges after every step; null for none.</summary>
    public StepOracle? Oracle { get; init; }

    /// <summary>Called before each execution, to set back what the actors keep outside the memory.</summary>
    public Action? AtStart { get; init; }

    /// <summary>Judges when all actors have finished; null for none.</summary>
    public Func<Finding?>? AtEnd { get; init; }

    /// <summary>
    /// Called after an actor has stopped for ever and nobody else can go on; actors that wait may go on after it. Then <see cref="AtEnd"/> judges.
    /// </summary>
    public Action? Recover { get; init; }
}
