using System.Diagnostics;
using PageTableEmu.Explore.Scheduling;

namespace PageTableEmu.Explore.Strategies;

/// <summary>One exploration: budgets, progress, rounds of the depth-first search.</summary>
internal sealed class Search : IDisposable
{
    private readonly ExplorerOptions options;
    private readonly Scheduler scheduler;
    private readonly int crashing = -1;
    private readonly long begin = Stopwatch.GetTimestamp();
    private readonly TimeSpan beginOfUsage = Environment.CpuUsage.TotalTime;
    private long nextLook;
    private DepthFirst? depthFirst;
    private int bound;
    private bool stopped;

    internal Search(ExploredProgram program, ExplorerOptions options)
    {
        this.options = options;
        scheduler = new Scheduler(program, options) { Between = MayGoOn };
        if (options.Crash is not { } name)
            return;
        crashing = scheduler.Names.ToList().IndexOf(name);
        if (crashing < 0)
            throw new ArgumentException($"There is no actor '{name}'; there are {string.Join(", ", scheduler.Names)}.", nameof(options));
    }

    private double Seconds => Stopwatch.GetElapsedTime(begin).TotalSeconds;

    public void Dispose() => scheduler.Dispose();

    internal ExplorationResult Run()
    {
        if (options.Strategy != SearchStrategy.DepthFirst)
        {
            scheduler.Run(new ByChance(options, scheduler.Names.Count));
            return Result(exhausted: false, null);
        }

        SearchCheckpoint? resume = options.Resume;
        if (resume is not null)
        {
            scheduler.Table.Load(resume.Words);
            scheduler.Executions = resume.Executions;
            scheduler.Steps = resume.Steps;
        }

        for (bound = resume?.Preemptions ?? 0; bound <= options.Preemptions; bound++)
        {
            do
            {
                depthFirst = new DepthFirst(options, bound, crashing);
                if (resume is not null)
                    depthFirst.Load(resume.Decisions);
                resume = null;
                scheduler.Run(depthFirst);
                if (scheduler.Violation is not null)
                    return Result(exhausted: false, null);
                if (stopped && depthFirst.TryPrepare())
                    return Result(exhausted: false, Checkpoint(depthFirst));
            }
            while (scheduler.Table.Freeze() && depthFirst.IsReduced && bound > 0);
        }

        bound = options.Preemptions;
        return Result(exhausted: true, null);
    }

    private SearchCheckpoint Checkpoint(DepthFirst search) => new()
    {
        Preemptions = bound,
        Decisions = search.Save(),
        Words = scheduler.Table.Save(),
        Executions = scheduler.Executions,
        Steps = scheduler.Steps,
    };

    private ExplorationResult Result(bool exhausted, SearchCheckpoint? checkpoint) => new()
    {
        Violation = scheduler.Violation,
        Exhausted = exhausted,
        Preemptions = bound,
        Executions = scheduler.Executions,
        Pruned = scheduler.Pruned,
        Steps = scheduler.Steps,
        LongestExecution = scheduler.Longest,
        Seconds = Seconds,
        ProcessorSeconds = (Environment.CpuUsage.TotalTime - beginOfUsage).TotalSeconds,
        Checkpoint = checkpoint,
    };

    /// <summary>Between two executions: whether there is time and number left for another one.</summary>
    private bool MayGoOn()
    {
        stopped = scheduler.Executions >= options.MaxExecutions || scheduler.Steps >= options.MaxSteps;
        if (!stopped && (scheduler.Executions & 63) == 0)
            stopped = LookAtClock();
        return !stopped;
    }

    private bool LookAtClock()
    {
        if (options.MaxTime != Timeout.InfiniteTimeSpan && Seconds >= options.MaxTime.TotalSeconds)
            return true;
        long now = Stopwatch.GetTimestamp();
        if (options.Progress is not null && now >= nextLook)
        {
            nextLook = now + Stopwatch.Frequency;
            options.Progress(new ExplorationProgress(
                bound, scheduler.Executions, scheduler.Steps, depthFirst?.Depth ?? 0, Seconds, depthFirst?.Explored ?? 0));
        }

        return false;
    }
}
