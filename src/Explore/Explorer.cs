using PageTableEmu.Explore.Scheduling;
using PageTableEmu.Explore.Strategies;

namespace PageTableEmu.Explore;

/// <summary>Explores programs: runs them under many schedules and looks for one that misbehaves.</summary>
/// <example>
/// <code>
/// var memory = new WordMemory(1);
/// var program = new ExploredProgram(
///     memory,
///     new Actor("A", () =&gt; Atomic&lt;ExploredModel&gt;.Store(ref memory[0], Atomic&lt;ExploredModel&gt;.Load(ref memory[0]) + 1)),
///     new Actor("B", () =&gt; Atomic&lt;ExploredModel&gt;.Store(ref memory[0], Atomic&lt;ExploredModel&gt;.Load(ref memory[0]) + 1)))
/// {
///     AtEnd = () =&gt; memory[0] == 2 ? null : new Finding("LOST", $"the count is {memory[0]}"),
/// };
/// ExplorationResult result = Explorer.Explore(program);
/// RaceViolation violation = result.Violation!;
/// Console.WriteLine($"{violation.Symptom} {violation.Schedule}"); // one of the additions is lost
/// Explorer.Replay(program, violation.Schedule);
/// try
/// {
///     Explorer.Check(program);
/// }
/// catch (RaceFoundException exception)
/// {
///     Console.WriteLine(exception.Message);
/// }
/// </code>
/// </example>
public static class Explorer
{
    /// <summary>Explores, and throws when something is wrong.</summary>
    /// <exception cref="RaceFoundException">Something is wrong; the message ends with the schedule that shows it.</exception>
    public static ExplorationResult Check(ExploredProgram program, ExplorerOptions? options = null)
    {
        ExplorationResult result = Explore(program, options);
        return result.Violation is null ? result : throw new RaceFoundException(result.Violation);
    }

    /// <summary>Explores until a violation, the end of the search or of a budget.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option makes no sense.</exception>
    /// <exception cref="ArgumentException">The actor that is to crash is none of the program's.</exception>
    public static ExplorationResult Explore(ExploredProgram program, ExplorerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        options ??= new ExplorerOptions();
        options.Validate();
        program.Memory.Save();
        using var search = new Search(program, options);
        return search.Run();
    }

    /// <summary>Runs one schedule again.</summary>
    /// <param name="program">The program.</param>
    /// <param name="schedule">The line of a <see cref="RaceViolation"/>.</param>
    /// <param name="options">The memory order and limits; the strategy does not matter.</param>
    /// <param name="trace">Told of each access before it happens: number of the actor, kind, address. Null for nobody.</param>
    /// <param name="misfit">What of the schedule could not be followed; null when all could.</param>
    /// <exception cref="FormatException">The line is no schedule of this program.</exception>
    public static ExplorationResult Replay(
        ExploredProgram program, string schedule, ExplorerOptions? options, Action<int, Atomics.Access, nuint>? trace, out string? misfit)
    {
        ArgumentNullException.ThrowIfNull(program);
        options ??= new ExplorerOptions();
        options.Validate();
        program.Memory.Save();
        var replaying = new Replaying(Schedule.Parse(schedule, [.. program.Actors.Select(actor => actor.Name)]));
        using var scheduler = new Scheduler(program, options) { Trace = trace };
        scheduler.Run(replaying);
        misfit = replaying.Misfit;
        return new ExplorationResult
        {
            Violation = scheduler.Violation,
            Executions = scheduler.Executions,
            Steps = scheduler.Steps,
            LongestExecution = scheduler.Longest,
        };
    }

    /// <inheritdoc cref="Replay(ExploredProgram, string, ExplorerOptions, Action{int, Atomics.Access, nuint}, out string)"/>
    public static ExplorationResult Replay(ExploredProgram program, string schedule, ExplorerOptions? options = null) =>
        Replay(program, schedule, options, null, out _);

    /// <summary>
    /// Looks for a schedule with fewer preemptions, then for one with fewer parts, that violates the same; for what a strategy by chance found.
    /// </summary>
    public static RaceViolation Minimize(ExploredProgram program, RaceViolation violation, ExplorerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(violation);
        string[] names = [.. program.Actors.Select(actor => actor.Name)];
        bool better = true;
        while (better)
        {
            better = false;
            Schedule schedule = Schedule.Parse(violation.Schedule, names);
            for (int part = schedule.Parts.Count - 1; part >= 0 && !better; part--)
            {
                string shorter = Schedule.Of(schedule.Parts.Where((_, index) => index != part), schedule.Values).Format(names);
                RaceViolation? found = Explore(program, shorter, options);
                better = found is not null && found.Invariant == violation.Invariant && IsSimpler(found, violation, names);
                if (better)
                    violation = found!;
            }
        }

        return violation;
    }

    private static RaceViolation? Explore(ExploredProgram program, string schedule, ExplorerOptions? options) =>
        Replay(program, schedule, options, null, out _).Violation;

    private static bool IsSimpler(RaceViolation one, RaceViolation two, string[] names) =>
        one.Preemptions < two.Preemptions
        || (one.Preemptions == two.Preemptions
            && Schedule.Parse(one.Schedule, names).Parts.Count < Schedule.Parse(two.Schedule, names).Parts.Count);
}
