using System.Text;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>Swapon and swapoff: the life of an area.</summary>
/// <remarks>
/// An area's record is reserved under the areas lock, filled without it (nobody can pin it yet), made live, and then enabled. Swapoff goes
/// the other way in two halves; between them the machine brings every slot in. The kernel's steps are: clear WRITEOK and leave the list
/// of available areas; lock and unlock each cluster, so that no allocator is left that saw it set; empty the area; kill the users reference and
/// wait; clear the hints; forget the record.
/// </remarks>
internal sealed class SwapActivation<TModel>
    where TModel : IModel
{
    private readonly SwapAreas<TModel> areas;
    private readonly SwapClusters<TModel> clusters;
    private readonly SwapAllocator<TModel> allocator;
    private readonly SwapDevices<TModel> devices;
    private readonly SwapRanges<TModel> ranges;
    private readonly MachineImage image;

    internal SwapActivation(
        SwapAreas<TModel> areas, SwapClusters<TModel> clusters, SwapAllocator<TModel> allocator, SwapDevices<TModel> devices)
    {
        this.areas = areas;
        this.clusters = clusters;
        this.allocator = allocator;
        this.devices = devices;
        image = areas.Image;
        ranges = new SwapRanges<TModel>(areas);
    }

    /// <summary>Adds an area.</summary>
    internal SwapResult SwapOn(SwapAreaOptions options, out uint type)
    {
        SortedSet<uint> bad = Validate(options, out byte[] path);
        type = SwapAreas<TModel>.MaxAreas;
        if (bad.Count + 1 >= options.Slots)
            return SwapResult.Invalid; // the kernel's "empty swap-file"
        SwapResult result = Reserve(options, path, out type);
        if (result != SwapResult.Ok)
            return result;
        ref SwapAreaRecord area = ref areas[type];
        result = Prepare(ref area, options, bad);
        if (result != SwapResult.Ok)
        {
            devices.Close(type);
            Forget(type);
            type = SwapAreas<TModel>.MaxAreas;
            return result;
        }

        area.Usable = options.Slots - 1 - (uint)bad.Count;
        Atomic<TModel>.Store(ref area.Users, SwapAreaRecord.Live);
        areas.Enable(ref area, options.Priority);
        return SwapResult.Ok;
    }

    /// <summary>First half of swapoff.</summary>
    internal SwapResult Begin(uint type)
    {
        if (type >= SwapAreas<TModel>.MaxAreas || !areas.Disable(ref areas[type]))
            return SwapResult.Invalid;
        if (TModel.SwapOffWaitsForAllocators)
            clusters.WaitForAllocators(ref areas[type]); // else one that looked before may still issue a slot
        return SwapResult.Ok;
    }

    /// <summary>Takes the first half back; as in the kernel an area whose priority the machine chose comes last now.</summary>
    internal void Abort(uint type)
    {
        if (type >= SwapAreas<TModel>.MaxAreas || !IsBegun(ref areas[type]))
            throw new InvalidOperationException($"Swapoff of area {type} has not begun.");
        areas.Enable(ref areas[type], areas[type].Priority);
    }

    /// <summary>Second half of swapoff.</summary>
    internal SwapResult Finish(uint type)
    {
        if (type >= SwapAreas<TModel>.MaxAreas || !TryCondemn(ref areas[type]))
            return SwapResult.Invalid;
        areas.Kill(type);

        // Whoever freed the last slot counted it inside its cluster's lock and is perhaps still in there, with no pin: the bound folio that
        // protected it is gone. The kernel's synchronize_rcu waits for such sections.
        clusters.WaitForAllocators(ref areas[type]);
        allocator.DropHints(type);
        areas.TagEvents?.AreaFreed(type);
        devices.Close(type);
        Forget(type);
        return SwapResult.Ok;
    }

    private SortedSet<uint> Validate(SwapAreaOptions options, out byte[] path)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Slots < 2)
            throw new ArgumentOutOfRangeException(nameof(options), options.Slots, "An area has at least 2 slots; the first is its header.");
        if (options.Priority is < 0 or > 32767)
            throw new ArgumentOutOfRangeException(nameof(options), options.Priority, "A priority is 0 to 32767.");
        var bad = new SortedSet<uint>(options.BadSlots);
        if (bad.Count != 0 && (bad.Min == 0 || bad.Max >= options.Slots))
            throw new ArgumentException($"Bad slots must lie in 1..{options.Slots - 1}; given: {bad.Min}..{bad.Max}.", nameof(options));
        path = options.Path == null ? [] : Encoding.UTF8.GetBytes(Path.GetFullPath(options.Path));
        if (path.Length > SwapAreaRecord.PathCapacity)
            throw new ArgumentException($"The path has {path.Length} bytes; at most {SwapAreaRecord.PathCapacity} fit.", nameof(options));
        if (options.Path != null && bad.Count > SwapFile.BadPageCapacity(image.PageSize))
            throw new ArgumentException($"A file's header names at most {SwapFile.BadPageCapacity(image.PageSize)} bad slots.", nameof(options));
        return bad;
    }

    /// <summary>Takes the lowest free type and ranges of the swap map, the clusters and the store.</summary>
    private SwapResult Reserve(SwapAreaOptions options, byte[] path, out uint type)
    {
        ref SwapStateRecord state = ref areas.State;
        uint slots = options.Slots;
        uint count = (slots + areas.ClusterSlots - 1) / areas.ClusterSlots;
        WordLock<TModel>.Acquire(ref state.AreasLock);
        bool found = ranges.TryFindType(out type);
        ulong slot = 0, cluster = 0, store = 0;
        bool room = found && ranges.TryFind(SwapRange.Slots, slots, out slot) && ranges.TryFind(SwapRange.Clusters, count, out cluster)
            && (options.Path != null || ranges.TryFind(SwapRange.Store, slots, out store));
        if (room)
        {
            ref SwapAreaRecord area = ref areas[type];
            area.FirstSlot = (uint)slot;
            area.FirstCluster = (uint)cluster;
            area.FirstStore = (uint)store;
            area.Stores = options.Path == null ? slots : 0;
            area.Clusters = count;
            area.Slots = slots;
            area.Incarnation = ++state.Incarnations;
            SwapDevices<TModel>.SetPath(ref area, path);
            Atomic<TModel>.Or(ref area.Flags, (ulong)(SwapAreaFlags.Used | Properties(options)));
        }

        WordLock<TModel>.Release(ref state.AreasLock);
        return room ? SwapResult.Ok : found ? SwapResult.NoMemory : SwapResult.Invalid;
    }

    private static SwapAreaFlags Properties(SwapAreaOptions options)
    {
        SwapAreaFlags flags = SwapAreaFlags.None;
        if (options.Synchronous)
            flags |= SwapAreaFlags.Synchronous;
        if (options.StableWrites)
            flags |= SwapAreaFlags.StableWrites;
        if (options.Rotational)
            flags |= SwapAreaFlags.Rotational;
        if (options.Path != null)
            flags |= SwapAreaFlags.File;
        return flags;
    }

    private SwapResult Prepare(ref SwapAreaRecord area, SwapAreaOptions options, SortedSet<uint> bad)
    {
        if (!ranges.TryCommit(ref area))
            return SwapResult.NoMemory;
        FormatSlots(ref area, bad);
        FormatClusters(ref area, bad);
        if (options.Path == null)
            return SwapResult.Ok;
        SwapResult result = SwapFile.TryPrepare(Path.GetFullPath(options.Path), image.PageSize, options.Slots, bad, out bool created);
        if (created)
            Atomic<TModel>.Or(ref area.Flags, (ulong)SwapAreaFlags.FileCreated);
        return result;
    }

    /// <summary>Free words, but bad ones for the header and broken slots. Generations go on from an earlier area at the same place.</summary>
    private void FormatSlots(ref SwapAreaRecord area, SortedSet<uint> bad)
    {
        for (uint offset = 0; offset < area.Slots; offset++)
        {
            ref ulong slot = ref image.Record<ulong>(MetadataRegion.SwapSlots, area.FirstSlot + offset);
            var word = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
            Atomic<TModel>.Store(ref slot, offset == 0 || bad.Contains(offset) ? word.AsBad.Value : word.AsFree.Value);
        }
    }

    /// <summary>Clusters with an unusable slot start on NONFULL, the others on FREE, both in ascending order (setup_clusters).</summary>
    private void FormatClusters(ref SwapAreaRecord area, SortedSet<uint> bad)
    {
        area.Lists = default;
        uint size = areas.ClusterSlots;
        for (uint index = 0; index < area.Clusters; index++)
        {
            ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
            uint first = index * size;
            uint past = first + size > area.Slots ? first + size - area.Slots : 0;
            uint unusable = (uint)bad.GetViewBetween(first, first + size - 1).Count + (index == 0 ? 1U : 0);
            cluster = new SwapClusterRecord { Used = past + unusable, Open = SlotGroups.AllOpen };
            clusters.Append(ref area, index, cluster.Used != 0 ? SwapClusterState.NonFull : SwapClusterState.Free);
        }
    }

    private static bool IsBegun(ref SwapAreaRecord area) =>
        (SwapAreas<TModel>.Flags(ref area) & (SwapAreaFlags.Used | SwapAreaFlags.WriteOk | SwapAreaFlags.Dying)) == SwapAreaFlags.Used;

    /// <summary>Lets one caller alone go on to remove an area that is empty and hands out nothing.</summary>
    private bool TryCondemn(ref SwapAreaRecord area)
    {
        ref SwapStateRecord state = ref areas.State;
        WordLock<TModel>.Acquire(ref state.AreasLock);
        bool ready = IsBegun(ref area) && SwapAreas<TModel>.InUse(ref area) == 0;
        if (ready)
            Atomic<TModel>.Or(ref area.Flags, (ulong)SwapAreaFlags.Dying);
        WordLock<TModel>.Release(ref state.AreasLock);
        return ready;
    }

    private void Forget(uint type)
    {
        ref SwapStateRecord state = ref areas.State;
        WordLock<TModel>.Acquire(ref state.AreasLock);
        areas[type] = default;
        WordLock<TModel>.Release(ref state.AreasLock);
    }
}
