using PageTableEmu.Atomics;

namespace PageTableEmu.Explore;

/// <summary>Judges the state of the memory while actors are at work.</summary>
/// <remarks>
/// It runs between two steps, when nobody else does, and must not change the memory nor pass the seam: it looks through views of
/// <see cref="Atomics.Mainline"/>. It is told of page contents, so that it can keep what a reader must find.
/// </remarks>
/// <example>
/// <code>
/// var memory = new WordMemory(1);
/// Explorer.Check(new ExploredProgram(memory, new Actor("A", () =&gt; Atomic&lt;ExploredModel&gt;.Store(ref memory[0], 7)))
/// {
///     Oracle = new NeverAbove(memory, 10),
/// });
///
/// sealed class NeverAbove(WordMemory memory, ulong limit) : StepOracle
/// {
///     public override void Begin()
///     {
///     }
///
///     public override Finding? Check(int actor) =&gt; memory[0] &lt;= limit ? null : new Finding("LIMIT", $"it is {memory[0]}");
/// }
/// </code>
/// </example>
public abstract class StepOracle
{
    /// <summary>Before each execution.</summary>
    public abstract void Begin();

    /// <summary>After a step that may have changed something; null when all is well, else the name of what is violated and the case.</summary>
    /// <param name="actor">Who made the step.</param>
    public abstract Finding? Check(int actor);

    /// <summary>Just before an access to a word, which comes next.</summary>
    public virtual void Access(int actor, Access access, nuint address)
    {
    }

    /// <summary>Just before bytes are read or written; an address is 0 when there is no such part.</summary>
    public virtual void Bytes(int actor, nuint read, nuint written)
    {
    }
}
