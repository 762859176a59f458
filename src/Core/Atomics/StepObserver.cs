namespace PageTableEmu.Atomics;

/// <summary>Sees the shared accesses of one thread that runs an <see cref="IExplored"/> model: a scheduler, a tracer, a counter.</summary>
public abstract class StepObserver
{
    [ThreadStatic]
    private static StepObserver? current;

    /// <summary>The observer of the calling thread, or null.</summary>
    public static StepObserver? Current
    {
        get => current;
        set => current = value;
    }

    /// <summary>Called on the accessing thread before the access.</summary>
    public abstract void Step(Access access, nuint address);

    /// <summary>Called instead of blocking; must return only when <c>(word &amp; mask) == value</c> was seen to hold.</summary>
    public abstract void WaitUntil(ref readonly ulong word, ulong mask, ulong value);
}
