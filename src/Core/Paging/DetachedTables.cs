using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace PageTableEmu.Paging;

/// <summary>
/// Empty tables that were taken out of one parent and wait to be freed: one change of the parent's count and of the tree's generation serves all
/// of them (<see cref="PageTables{TArch, TModel}.FreeDetached"/>).
/// </summary>
internal struct DetachedTables
{
    private const int Limit = 32;
    private Frames frames;

    /// <summary>Tables that wait.</summary>
    internal int Count { get; private set; }

    /// <summary>Whether no further one has room.</summary>
    internal readonly bool IsFull => Count == Limit;

    /// <summary>Those that wait, in the order in which they came; the span may be used as scratch before <see cref="Clear"/>.</summary>
    [UnscopedRef]
    internal Span<uint> Tables => frames[..Count];

    internal void Add(uint table) => frames[Count++] = table;

    internal void Clear() => Count = 0;

    [InlineArray(Limit)]
    private struct Frames
    {
        private uint first;
    }
}
