using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>
/// The address spaces of a machine: their life, their mmap_lock and the list of those that may hold swap entries (the kernel's mmlist,
/// which swapoff walks).
/// </summary>
/// <remarks>
/// <para>Lock order: mmap_lock (a parent's before its child's) → folio lock → lock of an anon_vma root → page_table_lock of the
/// address space. <see cref="MmState.MmListLock"/> is innermost and is never held across a call.</para>
/// <para>A record number stays valid until <see cref="Destroy"/>; who keeps one while others may destroy it compares
/// <see cref="AddressSpace.Generation"/> or keeps the owner from exiting by its own means.</para>
/// </remarks>
/// <seealso cref="AccessOutcome"/>
public sealed class AddressSpaces<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly RecordPool<TModel, AddressSpace> pool;

    /// <summary>Makes a view of the address spaces of an image.</summary>
    /// <param name="folios">The frames that the address spaces map.</param>
    /// <param name="image">The image they lie in.</param>
    public AddressSpaces(Folios<TModel> folios, MachineImage image)
    {
        ArgumentNullException.ThrowIfNull(folios);
        ArgumentNullException.ThrowIfNull(image);
        Folios = folios;
        this.image = image;
        pool = new RecordPool<TModel, AddressSpace>(image, MetadataRegion.AddressSpaces);
    }

    /// <summary>The frames that the address spaces map.</summary>
    public Folios<TModel> Folios { get; }

    /// <summary>Number of live address spaces.</summary>
    public uint Count => pool.InUse;

    /// <summary>Address spaces on the swapoff list.</summary>
    public uint MmListCount => Atomic<TModel>.Load(ref State.MmListCount);

    private ref MmState State => ref image.Record<MmState>(MetadataRegion.MmState, 0);

    /// <summary>The record of an address space.</summary>
    /// <exception cref="CorruptImageException">The number is 0 or outside the pool.</exception>
    public ref AddressSpace this[uint mm] => ref pool[mm];

    /// <summary>Whether the number stands for a live address space at the moment.</summary>
    public bool IsLive(uint mm) => mm != 0 && mm <= pool.HighWater && Atomic<TModel>.Load(ref pool[mm].Generation) != 0;

    /// <summary>
    /// Refuses a number that stands for no live address space. The record of one that has exited is a link of the free list, so whoever went on
    /// would walk and change VMAs of strangers.
    /// </summary>
    /// <exception cref="ArgumentException">It was never handed out, or has exited.</exception>
    public void ThrowIfNotLive(uint mm)
    {
        if (!IsLive(mm))
            ThrowNotLive(mm);
    }

    /// <summary>A new address space without VMAs and page tables; 0 when there are no more records.</summary>
    public uint TryCreate()
    {
        uint mm = pool.TryAllocate();
        if (mm != 0)
            Atomic<TModel>.Store(ref pool[mm].Generation, Atomic<TModel>.Add(ref State.AddressSpaceGeneration, 1));
        return mm;
    }

    /// <summary>Counts pages that an address space has resident, or no longer has: pages under way from frame to frame are among them.</summary>
    /// <param name="mm">The address space.</param>
    /// <param name="shared">Whether they are pages of a shared object.</param>
    /// <param name="pages">How many more, negative for fewer.</param>
    internal void CountResident(uint mm, bool shared, long pages)
    {
        ref AddressSpace space = ref pool[mm];
        Atomic<TModel>.Add(ref shared ? ref space.SharedPages : ref space.AnonPages, pages);
    }

    /// <summary>
    /// Ends an address space whose VMAs are removed; takes it off the swapoff list. The page tables are the caller's to free, before.
    /// </summary>
    /// <exception cref="InvalidOperationException">It still has VMAs.</exception>
    public void Destroy(uint mm)
    {
        ref AddressSpace space = ref pool[mm];
        if (space.VmaCount != 0)
            throw new InvalidOperationException($"Address space {mm} still has {space.VmaCount} VMAs: remove them before it is destroyed.");
        RemoveFromMmList(mm);
        TryJoinGroup(mm, 0);
        Atomic<TModel>.Store(ref space.Generation, 0);
        pool.Free(mm);
    }

    /// <summary>
    /// Lets the memory that an address space gets from now on be charged to a group, 0 for none. What it has stays charged as it is. False: there is
    /// no such group.
    /// </summary>
    public bool TryJoinGroup(uint mm, uint group)
    {
        if (group != 0 && !Folios.Groups.TryEnter(group))
            return false;
        ref uint word = ref pool[mm].Group;
        uint before = Atomic<TModel>.Load(ref word);
        while (Atomic<TModel>.CompareExchange(ref word, group, before) is var found && found != before)
            before = found;
        if (before != 0)
            Folios.Groups.Leave(before);
        return true;
    }

    /// <summary>Puts a child into its parent's group, whichever that is when it succeeds.</summary>
    /// <exception cref="CorruptImageException">The parent is in a group that does not exist.</exception>
    internal void InheritGroup(uint child, uint parent)
    {
        uint group = Atomic<TModel>.Load(ref pool[parent].Group);
        while (!TryJoinGroup(child, group))
        {
            uint now = Atomic<TModel>.Load(ref pool[parent].Group);
            if (now == group)
                throw new CorruptImageException(nameof(AddressSpace.Group), $"address space {parent} is in group {group}, which does not exist");
            group = now; // the parent left the group, and it ended
        }
    }

    /// <summary>The next live address space by number; 0 when there is none. Enumerates all, if none is created or destroyed meanwhile.</summary>
    /// <param name="after">A number, or 0 to start.</param>
    public uint NextLive(uint after)
    {
        uint last = pool.HighWater;
        for (uint mm = after + 1; mm <= last; mm++)
        {
            if (Atomic<TModel>.Load(ref pool[mm].Generation) != 0)
                return mm;
        }

        return 0;
    }

    /// <summary>Takes the mmap_lock for reading: nobody changes VMAs.</summary>
    public void AcquireRead(uint mm)
    {
        ref AddressSpace space = ref pool[mm];
        ReadWriteLock<TModel>.AcquireRead(ref space.MmapWriter, ref space.MmapReaders);
    }

    /// <summary>Gives a read hold of the mmap_lock back.</summary>
    public void ReleaseRead(uint mm) => ReadWriteLock<TModel>.ReleaseRead(ref pool[mm].MmapReaders);

    /// <summary>Takes the mmap_lock for writing: the caller alone may look at VMAs and change them.</summary>
    public void AcquireWrite(uint mm)
    {
        ref AddressSpace space = ref pool[mm];
        ReadWriteLock<TModel>.AcquireWrite(ref space.MmapWriter, ref space.MmapReaders);
    }

    /// <summary>Gives the write hold of the mmap_lock back.</summary>
    public void ReleaseWrite(uint mm) => ReadWriteLock<TModel>.ReleaseWrite(ref pool[mm].MmapWriter);

    /// <summary>Takes the mmap_lock for reading until the result is disposed.</summary>
    public MmapHold<TModel> HoldRead(uint mm) => new(this, mm, write: false);

    /// <summary>Takes the mmap_lock for writing until the result is disposed.</summary>
    public MmapHold<TModel> HoldWrite(uint mm) => new(this, mm, write: true);

    /// <summary>Puts an address space at the head of the swapoff list, unless it is on the list.</summary>
    public void AddToMmList(uint mm)
    {
        // The usual case needs no lock: only the owner's exit and the end of a swapoff take an address space off the list.
        if (Atomic<TModel>.Load(ref pool[mm].OnMmList) != 0)
            return;
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.MmListLock);
        if (pool[mm].OnMmList == 0)
            LinkBehind(ref state, mm, 0);
        WordLock<TModel>.Release(ref state.MmListLock);
    }

    /// <summary>
    /// Puts a forked child on the swapoff list directly behind its parent, or at the head when the parent is not on it; nothing happens
    /// when the child is on the list.
    /// </summary>
    public void AddToMmListBehind(uint mm, uint parent)
    {
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.MmListLock);
        if (pool[mm].OnMmList == 0)
            LinkBehind(ref state, mm, pool[parent].OnMmList != 0 ? parent : 0);
        WordLock<TModel>.Release(ref state.MmListLock);
    }

    /// <summary>Takes an address space off the swapoff list, if it is on it.</summary>
    public void RemoveFromMmList(uint mm)
    {
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.MmListLock);
        if (pool[mm].OnMmList != 0)
            Unlink(ref state, mm);
        WordLock<TModel>.Release(ref state.MmListLock);
    }

    /// <summary>
    /// The address space behind <paramref name="after"/> on the swapoff list, the first one for 0; 0 at the end and when
    /// <paramref name="after"/> is no longer on the list.
    /// </summary>
    public uint NextOnMmList(uint after)
    {
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.MmListLock);
        uint next = after == 0 ? state.MmListHead : pool[after].MmListNext;
        WordLock<TModel>.Release(ref state.MmListLock);
        return next;
    }

    /// <summary>
    /// As <see cref="NextOnMmList"/>, but skips those that are being torn down and makes the caller a user of the one it returns.
    /// </summary>
    /// <param name="after">0, or an address space that the caller is a user of, which keeps it on the list.</param>
    public uint NextOnMmListWithUser(uint after)
    {
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.MmListLock);
        uint next = after == 0 ? state.MmListHead : pool[after].MmListNext;
        while (next != 0 && !TryAddUser(next))
            next = pool[next].MmListNext;
        WordLock<TModel>.Release(ref state.MmListLock);
        return next;
    }

    /// <summary>One more user, unless there is none (mmget_not_zero).</summary>
    internal bool TryAddUser(uint mm) => Atomic<TModel>.TryIncrement(ref pool[mm].Users);

    /// <summary>Empties the swapoff list: the end of a swapoff of the last area.</summary>
    public void ClearMmList()
    {
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.MmListLock);
        while (state.MmListHead != 0)
            Unlink(ref state, state.MmListHead);
        WordLock<TModel>.Release(ref state.MmListLock);
    }

    private void ThrowNotLive(uint space) => throw new ArgumentException(
        pool.HighWater == 0
            ? $"No address space {space} lives: none was created yet."
            : $"No address space {space} lives; numbers from 1 to {pool.HighWater} were handed out.",
        nameof(space));

    private void LinkBehind(ref MmState state, uint mm, uint previous)
    {
        ref AddressSpace space = ref pool[mm];
        uint next = previous == 0 ? state.MmListHead : pool[previous].MmListNext;
        space.MmListPrevious = previous;
        space.MmListNext = next;
        if (previous == 0)
            state.MmListHead = mm;
        else
            pool[previous].MmListNext = mm;
        if (next != 0)
            pool[next].MmListPrevious = mm;
        Atomic<TModel>.Store(ref state.MmListCount, state.MmListCount + 1);
        Atomic<TModel>.Store(ref space.OnMmList, 1);
    }

    private void Unlink(ref MmState state, uint mm)
    {
        ref AddressSpace space = ref pool[mm];
        if (space.MmListPrevious == 0)
            state.MmListHead = space.MmListNext;
        else
            pool[space.MmListPrevious].MmListNext = space.MmListNext;
        if (space.MmListNext != 0)
            pool[space.MmListNext].MmListPrevious = space.MmListPrevious;
        space.MmListNext = space.MmListPrevious = 0;
        Atomic<TModel>.Store(ref state.MmListCount, state.MmListCount - 1);
        Atomic<TModel>.Store(ref space.OnMmList, 0);
    }
}
