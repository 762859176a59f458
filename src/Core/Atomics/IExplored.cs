namespace PageTableEmu.Atomics;

/// <summary>
/// A model whose every shared access and every wait is shown to the <see cref="StepObserver"/> of the running thread. An explorer's
/// models derive from it and override switches only.
/// </summary>
/// <example>
/// <code>
/// /// Linux 6.18, seen step by step.
/// readonly struct Traced : IExplored
/// {
///     public static Machine&lt;X64FourLevel, Traced&gt; MakeMachine() =&gt;
///         Machine&lt;X64FourLevel, Traced&gt;.Create(new MachineImageOptions { RamBytes = 32 &lt;&lt; 20 });
/// }
/// </code>
/// </example>
public interface IExplored : IModel
{
    static void IModel.Step(Access access, nuint address) => StepObserver.Current?.Step(access, address);

    static void IModel.WaitUntil(ref readonly ulong word, ulong mask, ulong value)
    {
        if (StepObserver.Current is { } observer)
            observer.WaitUntil(in word, mask, value);
        else
            Spin.Until(in word, mask, value);
    }

    static void IModel.GoRound(int rounds)
    {
        if (StepObserver.Current is { } observer)
            observer.GoRound();
        else
            Spin.Round(rounds);
    }

    static void IModel.StepBytes(nuint read, nuint compared, nuint written) => StepObserver.Current?.StepBytes(read, compared, written);

    static bool IModel.Explored => true;

    static bool IModel.TakesShortcuts => false;

    static bool IModel.Checked => true;
}
