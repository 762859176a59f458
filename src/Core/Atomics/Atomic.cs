using System.Runtime.CompilerServices;
#if NET10_0_OR_GREATER
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
#endif

namespace PageTableEmu.Atomics;

/// <summary>
/// Every access to a word that another thread or process may touch at the same time. Loads acquire, stores release, read-modify-writes
/// are full fences, on aligned words of 32 or 64 bits.
/// </summary>
/// <remarks>
/// This class, the locks beside it and <see cref="SharedBytes{TModel}"/> are the only code that may use <c>Interlocked</c>,
/// <c>Volatile</c> or a raw pointer into an image; a test reads the sources to keep it so. Each member calls <see cref="IModel.Step"/> first.
/// </remarks>
/// <seealso cref="StepObserver"/>
public static class Atomic<TModel>
    where TModel : IModel
{
    /// <summary>Acquire load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(ref readonly ulong word)
    {
        if (TModel.Explored && StepObserver.Current is { } observer)
            return observer.Load(in word);
        Seam(Access.Load, ref Unsafe.AsRef(in word));
        return Volatile.Read(in word);
    }

    /// <inheritdoc cref="Load(ref readonly ulong)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Load(ref readonly uint word)
    {
        if (TModel.Explored && StepObserver.Current is { } observer)
            return observer.Load(in word);
        Seam(Access.Load, ref Unsafe.AsRef(in word));
        return Volatile.Read(in word);
    }

    /// <summary>
    /// Acquire load of a word of an image by its address. The JIT folds the computation of a number into the instruction that loads; that of a
    /// reference, which the seam uses too, it does not.
    /// </summary>
    // Safe: the caller has checked that the word lies inside a mapping.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe ulong LoadAt(ulong address)
    {
        if (typeof(TModel) != typeof(Mainline))
            return Load(in *(ulong*)address);
        return Volatile.Read(in *(ulong*)address);
    }

    /// <summary>Release store.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ref ulong word, ulong value)
    {
        if (TModel.Explored && StepObserver.Current is { } observer)
        {
            observer.Store(ref word, value);
            return;
        }

        Seam(Access.Store, ref word);
        Volatile.Write(ref word, value);
    }

    /// <inheritdoc cref="Store(ref ulong, ulong)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ref uint word, uint value)
    {
        if (TModel.Explored && StepObserver.Current is { } observer)
        {
            observer.Store(ref word, value);
            return;
        }

        Seam(Access.Store, ref word);
        Volatile.Write(ref word, value);
    }

#if NET10_0_OR_GREATER
    /// <summary>Whether <see cref="StoreChosen"/> can be used: the hardware has it, and nobody watches the steps.</summary>
    internal static bool StoresChosen
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => typeof(TModel) == typeof(Mainline) && Avx512F.IsSupported;
    }

    /// <summary>
    /// Release stores to some of eight words in one cache line, those of which the lane in <paramref name="chosen"/> is all ones. The others are not
    /// written: what somebody else stores there meanwhile stays.
    /// </summary>
    // Safe: words of an image do not move, and the caller has checked that all eight lie inside a mapping. A lane is an aligned word, which hardware
    // writes whole; stores of x86-64 are release stores.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void StoreChosen(ref ulong first, Vector512<ulong> values, Vector512<ulong> chosen) =>
        Avx512F.MaskStore((ulong*)Unsafe.AsPointer(ref first), chosen, values);
#endif

    /// <summary>Stores <paramref name="desired"/> if the word is <paramref name="expected"/>; returns what the word was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong CompareExchange(ref ulong word, ulong desired, ulong expected)
    {
        Seam(Access.ReadModifyWrite, ref word);
        return Interlocked.CompareExchange(ref word, desired, expected);
    }

    /// <inheritdoc cref="CompareExchange(ref ulong, ulong, ulong)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint CompareExchange(ref uint word, uint desired, uint expected)
    {
        Seam(Access.ReadModifyWrite, ref word);
        return Interlocked.CompareExchange(ref word, desired, expected);
    }

    /// <summary>Stores <paramref name="value"/>; returns what the word was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Exchange(ref ulong word, ulong value)
    {
        Seam(Access.ReadModifyWrite, ref word);
        return Interlocked.Exchange(ref word, value);
    }

    /// <summary>Adds (two's complement: a negative amount subtracts); returns the <b>new</b> value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Add(ref ulong word, long amount)
    {
        Seam(Access.ReadModifyWrite, ref word);
        return Interlocked.Add(ref word, unchecked((ulong)amount));
    }

    /// <inheritdoc cref="Add(ref ulong, long)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Add(ref uint word, int amount)
    {
        Seam(Access.ReadModifyWrite, ref word);
        return Interlocked.Add(ref word, unchecked((uint)amount));
    }

    /// <summary>Adds 1 unless the word is 0, which means that what it counts is gone; returns whether it did.</summary>
    public static bool TryIncrement(ref uint word)
    {
        uint seen = Load(ref word);
        while (seen != 0)
        {
            uint was = CompareExchange(ref word, seen + 1, seen);
            if (was == seen)
                return true;
            seen = was;
        }

        return false;
    }

    /// <summary>Sets bits; returns what the word was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Or(ref ulong word, ulong bits)
    {
        Seam(Access.ReadModifyWrite, ref word);
        return Interlocked.Or(ref word, bits);
    }

    /// <summary>Keeps only the given bits; returns what the word was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong And(ref ulong word, ulong bits)
    {
        Seam(Access.ReadModifyWrite, ref word);
        return Interlocked.And(ref word, bits);
    }

    /// <summary>Full fence.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fence()
    {
        TModel.Step(Access.Fence, 0);
        Interlocked.MemoryBarrier();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Seam<T>(Access access, ref T word)
        where T : unmanaged
    {
        // Safe: the address is only reported, and words of an image do not move.
        TModel.Step(access, (nuint)Unsafe.AsPointer(ref word));
    }
}
