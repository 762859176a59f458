namespace PageTableEmu.Explore.Scheduling;

/// <summary>A thread that carries actors, one at a time. It sleeps until it is given the turn.</summary>
/// <remarks>
/// Giving the turn is one exchange when the other thread spins, and a system call only when it has gone to sleep: a switch between two
/// processors costs a few hundred nanoseconds, and a busy machine still gets its processor back.
/// </remarks>
internal sealed class ActorThread : IDisposable
{
    private const int Waiting = 0;
    private const int Go = 1;
    private const int Asleep = 2;
    private const int MostSpins = 256;

    private readonly SemaphoreSlim gate = new(0);
    private int state;
    private int spins = MostSpins; // doubled when spinning paid, halved when it did not: on a busy machine it only keeps the other one waiting

    /// <summary>The actor that the thread begins or goes on with when it gets the turn.</summary>
    internal int Actor { get; set; }

    /// <summary>Gives the thread the turn; everything done before is seen by it.</summary>
    internal void Wake()
    {
        if (Interlocked.Exchange(ref state, Go) == Asleep)
            gate.Release();
    }

    /// <summary>Returns when the thread has the turn.</summary>
    internal void Wait()
    {
        for (int spin = 0; spin < spins; spin++)
        {
            if (Volatile.Read(ref state) == Go)
            {
                Volatile.Write(ref state, Waiting);
                spins = Math.Min(spins * 2, MostSpins);
                return;
            }

            Thread.SpinWait(6);
        }

        spins = Math.Max(spins / 2, 4);
        if (Interlocked.CompareExchange(ref state, Asleep, Waiting) == Waiting)
            gate.Wait();
        Volatile.Write(ref state, Waiting);
    }

    public void Dispose() => gate.Dispose();
}
