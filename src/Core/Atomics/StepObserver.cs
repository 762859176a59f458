using System.Runtime.CompilerServices;

namespace PageTableEmu.Atomics;

/// <summary>Sees the shared accesses of one thread that runs an <see cref="IExplored"/> model: a scheduler, a tracer, a counter.</summary>
/// <remarks>
/// Loads and stores of words are made by the observer, so that it may show what another memory order would; by default they are shown to
/// <see cref="Step"/> and then made at once. Read-modify-writes are shown and then made by the caller.
/// </remarks>
/// <example>
/// <code>
/// var counter = new Counter();
/// StepObserver.Current = counter;
/// ulong word = 0;
/// Atomic&lt;Seen&gt;.Add(ref word, 1);
/// StepObserver.Current = null;
/// Console.WriteLine($"{counter.Steps} shared accesses");
///
/// readonly struct Seen : IExplored;
///
/// sealed class Counter : StepObserver
/// {
///     public int Steps { get; private set; }
///
///     public override void Step(Access access, nuint address) =&gt; Steps++;
///
///     public override void WaitUntil(ref readonly ulong word, ulong mask, ulong value)
///     {
///         while ((Volatile.Read(in word) &amp; mask) != value)
///             Thread.Yield();
///     }
/// }
/// </code>
/// </example>
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

    /// <summary>As <see cref="Step"/>, for page contents; see <see cref="IModel.StepBytes"/>.</summary>
    public virtual void StepBytes(nuint read, nuint compared, nuint written) => Step(Access.Bytes, read != 0 ? read : written);

    /// <summary>Makes a load.</summary>
    public virtual ulong Load(ref readonly ulong word)
    {
        Step(Access.Load, AddressOf(in word));
        return Volatile.Read(in word);
    }

    /// <inheritdoc cref="Load(ref readonly ulong)"/>
    public virtual uint Load(ref readonly uint word)
    {
        Step(Access.Load, AddressOf(in word));
        return Volatile.Read(in word);
    }

    /// <summary>Makes a store.</summary>
    public virtual void Store(ref ulong word, ulong value)
    {
        Step(Access.Store, AddressOf(in word));
        Volatile.Write(ref word, value);
    }

    /// <inheritdoc cref="Store(ref ulong, ulong)"/>
    public virtual void Store(ref uint word, uint value)
    {
        Step(Access.Store, AddressOf(in word));
        Volatile.Write(ref word, value);
    }

    /// <summary>The address of a word.</summary>
    // Safe: the words that are observed do not move; who observes others reports a number that means nothing, and accesses nothing by it.
    protected static unsafe nuint AddressOf<T>(ref readonly T word)
        where T : unmanaged => (nuint)Unsafe.AsPointer(ref Unsafe.AsRef(in word));
}
