using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim;

/// <summary>
/// Limits on the memory of groups of address spaces (memory.max, memory.swap.max). A group at its limit reclaims its own frames for each that it
/// needs; if none can be had, the access or call that needed it ends in OutOfMemory, and nothing else happens.
/// </summary>
/// <example><code>
/// uint group = machine.MemoryGroups.TryCreate(pages: 100);
/// machine.MemoryGroups.Join(space, group);
/// // ... the 101st page of the space sends an older one to swap ...
/// (ulong pages, ulong slots) = machine.MemoryGroups.Usage(group);
/// </code></example>
/// <remarks>What is charged to whom: <see cref="MemoryGroups{TModel}"/>. All of it lies in the metadata image.</remarks>
public sealed class MemoryLimits<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly LruScanner<TArch, TModel> scanner;

    internal MemoryLimits(MmContext<TArch, TModel> mm, LruScanner<TArch, TModel> scanner)
    {
        this.mm = mm;
        this.scanner = scanner;
    }

    private MemoryGroups<TModel> Groups => mm.Folios.Groups;

    /// <summary>Makes a group; 0 when there are <see cref="MemoryGroups{TModel}.Most"/> already.</summary>
    /// <param name="pages">Most frames of user data it may have.</param>
    /// <param name="slots">Most swap slots it may have.</param>
    public uint TryCreate(ulong pages = ulong.MaxValue, ulong slots = ulong.MaxValue) => Groups.TryCreate(Limit(pages), Limit(slots));

    /// <summary>Ends a group; false while it has members, or anything is charged to it.</summary>
    /// <exception cref="ArgumentException">There is no such group.</exception>
    public bool TryRemove(uint group) => Groups.TryRemove(Existing(group));

    /// <summary>
    /// Charges what an address space gets from now on to a group, 0 for none; children that it forks later belong to that group as well. What it
    /// has stays charged where it is.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such group or address space.</exception>
    public void Join(uint space, uint group)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (!mm.Spaces.TryJoinGroup(space, group == 0 ? 0 : Existing(group)))
            throw NotFound(group);
    }

    /// <summary>Sets new limits and reclaims until the group keeps them.</summary>
    /// <returns>False when that is not possible: the limits stand, and nobody in the group gets a frame before they are kept.</returns>
    /// <exception cref="ArgumentException">There is no such group.</exception>
    public bool TrySetLimits(uint group, ulong pages, ulong slots)
    {
        ref MemoryGroupRecord record = ref Groups[Existing(group)];
        Atomic<TModel>.Store(ref record.PageLimit, Limit(pages));
        Atomic<TModel>.Store(ref record.SlotLimit, Limit(slots));
        int idle = 0; // a first look may only find that a lazily freed page was written again
        while (Usage(group).Pages > pages && idle < 2)
            idle = scanner.ReclaimSome(group) ? 0 : idle + 1;
        return Usage(group).Pages <= pages;
    }

    /// <summary>Frames and slots that are charged to a group.</summary>
    /// <exception cref="ArgumentException">There is no such group.</exception>
    public (ulong Pages, ulong Slots) Usage(uint group)
    {
        ref MemoryGroupRecord record = ref Groups[Existing(group)];
        return (Atomic<TModel>.Load(ref record.Pages), Atomic<TModel>.Load(ref record.Slots));
    }

    /// <summary>How often a charge was refused for the limit on frames, whether or not reclaim helped then.</summary>
    /// <exception cref="ArgumentException">There is no such group.</exception>
    public ulong Refused(uint group) => Atomic<TModel>.Load(ref Groups[Existing(group)].Refused);

    /// <summary>Limits far above any machine, so that a charge on top of one does not wrap.</summary>
    private static ulong Limit(ulong value) => Math.Min(value, long.MaxValue);

    private uint Existing(uint group) =>
        Groups.Exists(group) ? group : throw NotFound(group);

    private static ArgumentException NotFound(uint group) => new($"There is no memory group {group}.", nameof(group));
}
