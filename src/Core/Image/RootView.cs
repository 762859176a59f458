using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// The root table of a tree and the word of its frame record that holds the generation, found once for all walks: storage is never taken back while
/// an image is attached. Who uses one asks first whether the image still is (<see cref="RamView.IsAttached"/>).
/// </summary>
// Safe: both are pages of the image's mappings that have storage, or words of the page of nothing, which is never freed.
internal readonly unsafe struct RootView
{
    private const int LargestPage = 1 << 16;

    /// <summary>What a root without storage looks like: no entry is a table, so quick walks give up and the others say what is wrong.</summary>
    private static readonly byte* Nothing = (byte*)NativeMemory.AllocZeroed(LargestPage);

    private readonly byte* words;
    private readonly byte* generation;

    /// <param name="words">The table; null when it has no storage.</param>
    /// <param name="generation">The word that holds its generation.</param>
    internal RootView(byte* words, byte* generation)
    {
        this.words = words == null ? Nothing : words;
        this.generation = words == null ? Nothing : generation;
    }

    /// <summary>The generation of the tree.</summary>
    internal ref ulong Generation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref Unsafe.AsRef<ulong>(generation);
    }

    /// <summary>An entry of the root by its index.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Load<TModel>(ulong index)
        where TModel : IModel => Atomic<TModel>.LoadAt((ulong)words + (index * 8));
}
