namespace PageTableEmu.Bench.Gate;

/// <summary>A second thread that does something again and again while it is let.</summary>
internal sealed class Helper : IDisposable
{
    private readonly Thread thread;
    private volatile bool active;
    private volatile bool running;
    private volatile bool stopped;

    internal Helper(Action work)
    {
        thread = new Thread(() => Loop(work)) { IsBackground = true };
        thread.Start();
    }

    /// <summary>Lets it run, and waits until it does.</summary>
    internal void Start()
    {
        active = true;
        while (!running)
            Thread.Yield();
    }

    /// <summary>Stops it, and waits until it stands.</summary>
    internal void Pause()
    {
        active = false;
        while (running)
            Thread.Yield();
    }

    public void Dispose()
    {
        stopped = true;
        active = false;
        thread.Join();
    }

    private void Loop(Action work)
    {
        while (!stopped)
        {
            if (!active)
            {
                running = false;
                Thread.Sleep(1);
                continue;
            }

            running = true;
            work();
        }
    }
}
