namespace PageTableEmu.Atomics;

/// <summary>
/// Many readers or one writer, in two shared words: the writer's <see cref="Owner"/> and the number of readers. A waiting writer stops
/// new readers, so it is not starved. Neither side is recursive.
/// </summary>
public static class ReadWriteLock<TModel>
    where TModel : IModel
{
    /// <summary>Takes the lock for reading.</summary>
    public static void AcquireRead(ref ulong writer, ref ulong readers)
    {
        while (true)
        {
            TModel.WaitUntil(ref writer, ulong.MaxValue, 0);
            Atomic<TModel>.Add(ref readers, 1);
            if (Atomic<TModel>.Load(ref writer) == 0)
                return;
            Atomic<TModel>.Add(ref readers, -1); // a writer announced itself between the wait and the count: let it pass
        }
    }

    /// <summary>Gives a read hold back.</summary>
    public static void ReleaseRead(ref ulong readers) => Atomic<TModel>.Add(ref readers, -1);

    /// <summary>Takes the lock for writing: announces the writer, then waits until the readers are gone.</summary>
    public static void AcquireWrite(ref ulong writer, ref ulong readers)
    {
        WordLock<TModel>.Acquire(ref writer);
        TModel.WaitUntil(ref readers, ulong.MaxValue, 0);
    }

    /// <summary>Gives the write hold back.</summary>
    public static void ReleaseWrite(ref ulong writer) => WordLock<TModel>.Release(ref writer);
}
