using System.Runtime.CompilerServices;

namespace PageTableEmu.Atomics;

/// <summary>
/// A mutual exclusion lock in one shared word: 0 when free, else the <see cref="Owner"/>. Not recursive. One locked instruction to take
/// it uncontended, one release store to give it back.
/// </summary>
public static class WordLock<TModel>
    where TModel : IModel
{
    /// <summary>Takes the lock if it is free.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAcquire(ref ulong word) => TryAcquire(ref word, Owner.Current);

    /// <summary>As <see cref="TryAcquire(ref ulong)"/>, for who takes many locks and has looked up <see cref="Owner.Current"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryAcquire(ref ulong word, ulong owner) => Atomic<TModel>.CompareExchange(ref word, owner, 0) == 0;

    /// <summary>Takes the lock, waiting while another owner holds it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Acquire(ref ulong word) => Acquire(ref word, Owner.Current);

    /// <summary>As <see cref="Acquire(ref ulong)"/>, for who takes many locks and has looked up <see cref="Owner.Current"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Acquire(ref ulong word, ulong owner)
    {
        if (!TryAcquire(ref word, owner))
            AcquireAfterWaiting(ref word);
    }

    /// <summary>
    /// Takes the lock, if it is free, for a few instructions that call nothing and cannot fail: it then names the process only
    /// (<see cref="Owner.Anyone"/>), except in checked models. Who finds it taken goes another way, so that no call stands in theirs: a method that
    /// calls nothing saves no registers, and a locked instruction waits for every store before it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAcquireBriefly(ref ulong word) =>
        TModel.Checked ? TryAcquire(ref word) : Atomic<TModel>.CompareExchange(ref word, Owner.Anyone, 0) == 0;

    /// <summary>Gives the lock back; only its owner may.</summary>
    /// <exception cref="SynchronizationLockException">Checked models: the caller is not the owner.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Release(ref ulong word)
    {
        if (TModel.Checked)
            AssertHeld(ref word);
        Atomic<TModel>.Store(ref word, 0);
    }

    /// <summary>Waits while anybody holds the lock, without taking it: for who only has to know that the last holder is done.</summary>
    /// <exception cref="SynchronizationLockException">Checked models: the caller is the holder.</exception>
    internal static void WaitUntilFree(ref ulong word)
    {
        if (Atomic<TModel>.Load(ref word) != 0)
            Wait(ref word);
    }

    /// <summary>Whether the calling thread holds the lock.</summary>
    public static bool IsHeld(ref ulong word) => Atomic<TModel>.Load(ref word) == Owner.Current;

    /// <summary>Throws unless the calling thread holds the lock. Callers guard it with <see cref="IModel.Checked"/>.</summary>
    public static void AssertHeld(ref ulong word)
    {
        if (!IsHeld(ref word))
            throw new SynchronizationLockException("The lock is not held by this thread.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AcquireAfterWaiting(ref ulong word)
    {
        do
        {
            Wait(ref word);
        }
        while (!TryAcquire(ref word));
    }

    private static void Wait(ref ulong word)
    {
        if (TModel.Checked && Atomic<TModel>.Load(ref word) == Owner.Current)
            throw new SynchronizationLockException("The lock is already held by this thread: word locks are not recursive.");
        TModel.WaitUntil(ref word, ulong.MaxValue, 0);
    }
}
