using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Platform;

namespace PageTableEmu.Image;

/// <summary>
/// Which pieces of an image have storage behind them: one bit per granule, in the metadata image, so that every process knows.
/// </summary>
/// <remarks>
/// Protocol: commit, then publish. Storage is asked for under the commit lock and the bit is set afterwards; a bit is never cleared. Who
/// sees a bit set may touch the granule. The lock's owner may die: its half-done commit has published nothing, and the next one takes
/// the lock from the dead and begins again. Commits happen once per granule in the life of an image, outside of what an explorer looks at
/// (private memory of POSIX systems needs none), so the words are accessed through <see cref="Mainline"/>.
/// </remarks>
internal sealed unsafe class CommitMap
{
    private readonly SharedMemory target;
    private readonly int granuleShift;
    private readonly ulong granules;
    private readonly ulong* bits;
    private readonly ulong* guard;
    private bool detached;

    // Safe: both pointers lie in the metadata mapping, which the owner of this object unmaps last; the layout gives the map a bit per granule.
    internal CommitMap(SharedMemory target, int granuleShift, ulong granules, SharedMemory metadata, ulong mapOffset)
    {
        this.target = target;
        this.granuleShift = granuleShift;
        this.granules = granules;
        bits = (ulong*)(metadata.Address + (nint)mapOffset);
        guard = (ulong*)(metadata.Address + (nint)ImageLayout.CommitLockOffset);
    }

    internal ulong Granules => granules;

    /// <exception cref="ObjectDisposedException">The image is not attached any more: the map is not mapped.</exception>
    internal bool IsCommitted(ulong granule)
    {
        ObjectDisposedException.ThrowIf(detached, typeof(MachineImage));
        return granule < granules && (target.AlwaysBacked || (Atomic<Mainline>.Load(ref Word(granule)) & (1UL << (int)(granule % 64))) != 0);
    }

    /// <summary>The image is about to be unmapped. Memory that is always backed loses its answer too: it is as gone as any other.</summary>
    internal void Detach() => detached = true;

    /// <summary>Commits a granule unless it is; false when storage is full.</summary>
    internal bool TryCommit(ulong granule)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(granule, granules);
        if (IsCommitted(granule))
            return true;
        AcquireGuard();
        try
        {
            if (IsCommitted(granule))
                return true;
            ulong offset = granule << granuleShift;
            if (!target.TryCommit(offset, Math.Min(1UL << granuleShift, target.Length - offset)))
                return false;
            MarkCommitted(granule);
            return true;
        }
        finally
        {
            Atomic<Mainline>.Store(ref Unsafe.AsRef<ulong>(guard), 0);
        }
    }

    /// <summary>Publishes a granule that the creator of the image committed before the map could be used.</summary>
    internal void MarkCommitted(ulong granule) => Atomic<Mainline>.Or(ref Word(granule), 1UL << (int)(granule % 64));

    /// <summary>One more than the highest committed granule.</summary>
    internal ulong End()
    {
        ulong granule = granules;
        while (granule != 0 && !IsCommitted(granule - 1))
            granule--;
        return granule;
    }

    // Safe: granule is below the number of bits of the map, and IsCommitted, which everybody asks first, lets nobody through after Detach.
    private ref ulong Word(ulong granule) => ref Unsafe.AsRef<ulong>(bits + (granule / 64));

    private void AcquireGuard()
    {
        ref ulong word = ref Unsafe.AsRef<ulong>(guard);
        var spin = new SpinWait();
        while (true)
        {
            ulong owner = Atomic<Mainline>.CompareExchange(ref word, Owner.Current, 0);
            if (owner == 0)
                return;
            if (!ProcessRegistry.MayBeAlive(owner) && Atomic<Mainline>.CompareExchange(ref word, Owner.Current, owner) == owner)
                return;
            spin.SpinOnce();
        }
    }
}
