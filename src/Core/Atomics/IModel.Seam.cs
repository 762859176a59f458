namespace PageTableEmu.Atomics;

/// <content>
/// What an explorer needs beyond <see cref="Step"/> and <see cref="WaitUntil"/>. All of it folds away in models that are not explored.
/// </content>
public partial interface IModel
{
    /// <summary>
    /// Whether loads and stores are made by the <see cref="StepObserver"/> of the running thread, which may then show what a processor with a
    /// store buffer or early loads would. True in <see cref="IExplored"/> only.
    /// </summary>
    static virtual bool Explored => false;

    /// <summary>
    /// Whether plain cases of fork, unmapping, MADV_PAGEOUT, MADV_POPULATE, swap references and slots for many go ways of their own that do the same
    /// in fewer steps, whatever the other switches say. Rules of other kernels are told by the long ways, so an explorer's models take those unless
    /// they say otherwise.
    /// </summary>
    static virtual bool TakesShortcuts => true;

    /// <summary>
    /// Called before bytes are read, compared, filled or copied. An address is that of a first byte, or 0 when there is no such part.
    /// </summary>
    /// <param name="read">What is read.</param>
    /// <param name="compared">What is read beside it, by a comparison.</param>
    /// <param name="written">What is written.</param>
    static virtual void StepBytes(nuint read, nuint compared, nuint written)
    {
    }

    /// <summary>
    /// Called between two rounds of a loop that looks again and again, because no single word tells when it is done. An explorer lets the caller go
    /// on only after somebody else has written something: before that it would find what it found.
    /// </summary>
    /// <param name="rounds">Rounds so far.</param>
    static virtual void GoRound(int rounds) => Spin.Round(rounds);
}
