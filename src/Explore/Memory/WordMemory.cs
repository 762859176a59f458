using System.Runtime.CompilerServices;

namespace PageTableEmu.Explore.Memory;

/// <summary>A few 64-bit words, all 0 at first: the memory of litmus tests and other small programs.</summary>
/// <seealso cref="ExploredMemory"/>
public sealed unsafe class WordMemory : ExploredMemory
{
    private readonly ulong[] words;
    private readonly ulong[] saved;
    private readonly nuint start;

    /// <summary>Makes the words.</summary>
    public WordMemory(int count)
    {
        words = GC.AllocateArray<ulong>(count, pinned: true);
        saved = new ulong[count];

        // Safe: the array is pinned for as long as it lives; the address is only compared.
        start = (nuint)Unsafe.AsPointer(ref words[0]);
    }

    /// <summary>A word.</summary>
    public ref ulong this[int index] => ref words[index];

    /// <inheritdoc/>
    public override void Save() => words.CopyTo(saved, 0);

    /// <inheritdoc/>
    public override void Restore() => saved.CopyTo(words, 0);

    /// <inheritdoc/>
    public override bool Contains(nuint address) => address - start < (nuint)words.Length * 8;

    /// <inheritdoc/>
    public override ulong OffsetOf(nuint address) => address - start;
}
