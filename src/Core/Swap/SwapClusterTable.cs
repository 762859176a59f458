using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>The clusters of an area, looked up once: lists name them by their index plus 1, with 0 for none.</summary>
// Safe: there are count records from the first on, and each number is compared with that.
internal readonly ref struct SwapClusterTable(ref SwapClusterRecord first, uint count)
{
    private readonly ref SwapClusterRecord first = ref first;

    /// <summary>How many there are.</summary>
    internal uint Count { get; } = count;

    /// <summary>A cluster by its index plus 1.</summary>
    /// <exception cref="CorruptImageException">The area has no such cluster.</exception>
    internal ref SwapClusterRecord this[uint position]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if (position - 1 >= Count)
                ThrowAbsent(position);
            return ref Address(position);
        }
    }

    /// <summary>Where a cluster lies if there is such a one: to be asked for ahead of time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref SwapClusterRecord Address(uint position) => ref Unsafe.Add(ref first, (nint)(ulong)(position - 1));

    [DoesNotReturn]
    private static void ThrowAbsent(uint position) =>
        throw new CorruptImageException(nameof(MetadataRegion.SwapClusters), $"a list names cluster {(long)position - 1}, beyond its area");
}
