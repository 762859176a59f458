using System.Runtime.CompilerServices;

namespace PageTableEmu.Atomics;

/// <summary>
/// A shared word of 32 or 64 bits that an observer keeps by its address: what a blocked actor waits for, a store that is still in a buffer. The
/// memory it lies in must outlive it.
/// </summary>
/// <param name="address">Address of the word, as <see cref="StepObserver.Step"/> told it.</param>
/// <param name="bytes">4 or 8.</param>
/// <example>
/// <code>
/// // In an observer that keeps stores back for a while, as a store buffer does
/// sealed class StoreBuffer
/// {
///     private readonly Queue&lt;(WatchedWord Word, ulong Value)&gt; stores = new();
///
///     public void Store(WatchedWord word, ulong value) =&gt; stores.Enqueue((word, value));
///
///     public void Drain()
///     {
///         while (stores.TryDequeue(out (WatchedWord Word, ulong Value) store))
///             store.Word.Value = store.Value;
///     }
/// }
/// </code>
/// </example>
public readonly unsafe struct WatchedWord(nuint address, int bytes)
{
    /// <summary>Address of the word in this process.</summary>
    public nuint Address { get; } = address;

    /// <summary>4 or 8.</summary>
    public int Bytes { get; } = bytes;

    /// <summary>The word's value in memory.</summary>
    // Safe here and below: the address came from an access that the observed code makes itself, in memory that outlives this value.
    public ulong Value
    {
        get => Bytes == 4 ? Volatile.Read(ref Unsafe.AsRef<uint>((void*)Address)) : Volatile.Read(ref Unsafe.AsRef<ulong>((void*)Address));
        set
        {
            if (Bytes == 4)
                Volatile.Write(ref Unsafe.AsRef<uint>((void*)Address), (uint)value);
            else
                Volatile.Write(ref Unsafe.AsRef<ulong>((void*)Address), value);
        }
    }

    /// <summary>Whether <c>(word &amp; mask) == value</c> holds in memory.</summary>
    public bool Holds(ulong mask, ulong value) => (Value & mask) == value;
}
