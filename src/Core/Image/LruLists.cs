using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// The LRU lists that reclaim works from (mm/swap.c, include/linux/mm_inline.h): folios come in young, grow old, and those that are used again
/// move to the active list of their kind.
/// </summary>
/// <remarks>
/// <para>Membership (<see cref="FrameFlags.Lru"/>), links and counts change under <see cref="FrameState.LruLock"/>, an innermost lock. Whoever
/// takes a folio off (<see cref="TryIsolate"/>) has it for himself as far as reclaim is concerned, until he puts it back.</para>
/// <para>The kernel collects changes in batches of a processor and applies them later; here each takes effect at once, but that new folios are
/// linked when somebody looks. The order within one list is the same.</para>
/// </remarks>
/// <example>
/// <code>
/// LruLists&lt;Mainline&gt; lists = machine.Context.Folios.Lru;
/// uint frame = machine.PageMap.Look(process, address).Frame;
/// lists.MarkAccessed(frame); // twice: it is active
/// lists.MarkAccessed(frame);
/// Console.WriteLine($"{lists.Pages(LruKind.InactiveAnon)} inactive, {lists.Pages(LruKind.ActiveAnon)} active; this one is {lists.KindOf(frame)}");
/// </code>
/// </example>
public sealed partial class LruLists<TModel>
    where TModel : IModel
{
    private const int KindShift = 32;
    private readonly MachineImage image;
    private readonly FrameTable<TModel> table;

    internal LruLists(MachineImage image, FrameTable<TModel> table)
    {
        this.image = image;
        this.table = table;
    }

    private ref FrameState State => ref image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>Length of a list in pages, now: of all, or of what is charged to a group.</summary>
    public ulong Pages(LruKind kind, uint group = 0)
    {
        Drain();
        return group == 0 ? Atomic<TModel>.Load(ref State.Lru[(int)kind].Pages) : Atomic<TModel>.Load(ref GroupOf(group).Lru[(int)kind]);
    }

    /// <summary>
    /// Length of a list in pages, as those know it who decide by it: when <see cref="RefreshStatistics"/> was last called. Of a group it is exact.
    /// </summary>
    public ulong KnownPages(LruKind kind, uint group = 0) =>
        group == 0 ? Atomic<TModel>.Load(ref State.Statistics[(int)kind]) : Pages(kind, group);

    /// <summary>Sums the lengths up (mem_cgroup_flush_stats).</summary>
    public void RefreshStatistics()
    {
        for (LruKind kind = LruKind.InactiveAnon; kind <= LruKind.ActiveFile; kind++)
            Atomic<TModel>.Store(ref State.Statistics[(int)kind], (uint)Pages(kind));
    }

    /// <summary>
    /// Puts a folio back that was isolated (folio_putback_lru). Of one that is locked in memory it is forgotten how many locked VMAs counted it.
    /// </summary>
    public void PutBack(uint frame)
    {
        if (table.Has(frame, FrameFlags.Mlocked))
        {
            WordLock<TModel>.Acquire(ref State.LruLock);
            bool pending = (table.Clear(frame, FrameFlags.MlockPending) & FrameFlags.MlockPending) != 0;
            table.Folio(frame).Count = pending ? 1u : 0;
            WordLock<TModel>.Release(ref State.LruLock);
        }

        Add(frame);
    }

    /// <summary>Puts a frame that just became one of its own right behind another one (lru_add_split_folio).</summary>
    public void AddBehind(uint frame, uint neighbour)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        BringAllIn();
        bool listed = IsListed(neighbour);
        if ((table.Set(frame, FrameFlags.Lru) & FrameFlags.Lru) == 0)
        {
            if (listed && KindOf(neighbour) == ListFor(table.Flags(frame)))
                LinkBehind(frame, table.Flags(frame), neighbour, KindOf(neighbour));
            else
                LinkYoungest(frame);
        }

        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Takes its owner from a folio that may be on a list, where the owner's group counts it.</summary>
    internal void Disown(uint frame)
    {
        if (OwnerOf(table.Flags(frame)) == 0)
            return;
        WordLock<TModel>.Acquire(ref State.LruLock);
        Relink(frame, clear: FrameFlags.Owner, set: 0);
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Counts a large folio on a list as the one page that its first frame is about to be.</summary>
    public void NoteSplit(uint head)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        if (IsListed(head))
        {
            FrameFlags flags = table.Flags(head);
            Count(KindOf(flags), flags, 1 - (long)FrameTable<TModel>.FolioPages(flags));
        }

        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Takes a folio off its list; false when it is on none.</summary>
    public bool TryIsolate(uint frame)
    {
        if (!table.Has(frame, FrameFlags.Lru))
            return false;
        WordLock<TModel>.Acquire(ref State.LruLock);
        bool listed = IsListed(frame);
        if (listed)
        {
            table.Clear(frame, FrameFlags.Lru);
            Unlink(frame);
        }

        WordLock<TModel>.Release(ref State.LruLock);
        return listed;
    }

    /// <summary>Takes single frames off their lists whose references the caller froze: nobody else changes their flags, so a store will do.</summary>
    internal void TakeOff(ReadOnlySpan<uint> frames)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        foreach (uint frame in frames)
        {
            ref ulong word = ref table[frame].Flags;
            var flags = (FrameFlags)Atomic<TModel>.Load(ref word);
            if (!IsListed(frame, ref flags))
                continue;
            Detach(frame, flags);
            Atomic<TModel>.Store(ref word, (ulong)(flags & ~(FrameFlags.Lru | FrameFlags.LruKindMask)));
        }

        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>
    /// Takes folios off the old end of a list, with a reference to each (isolate_lru_folios): one after the other until enough pages were seen.
    /// </summary>
    /// <param name="kind">The list.</param>
    /// <param name="pages">Pages to look at.</param>
    /// <param name="group">The group whose folios are wanted, 0 for all; others are passed over.</param>
    /// <param name="isolated">Takes the folios, oldest first; at most as many as fit.</param>
    /// <returns>Number of folios.</returns>
    public int Isolate(LruKind kind, ulong pages, uint group, Span<uint> isolated)
    {
        int count = 0;
        WordLock<TModel>.Acquire(ref State.LruLock);
        BringAllIn();
        uint frame = State.Lru[(int)kind].Oldest;
        for (ulong seen = 0; frame != 0 && seen < pages && count < isolated.Length;)
        {
            uint next = table[frame].LruNext;
            bool wanted = group == 0 || OwnerOf(table.Flags(frame)) == group;
            seen += wanted ? table.PagesOf(frame) : 0;
            if (wanted && table.TryGet(frame)) // else it is being freed by somebody who waits for the lock
            {
                table.Clear(frame, FrameFlags.Lru);
                Unlink(frame);
                isolated[count++] = frame;
            }

            frame = next;
        }

        WordLock<TModel>.Release(ref State.LruLock);
        return count;
    }

    /// <summary>
    /// Notes that somebody used a folio (folio_mark_accessed): the second time it becomes active.
    /// </summary>
    public void MarkAccessed(uint frame)
    {
        uint head = table.HeadOf(frame);
        FrameFlags flags = table.Flags(head);
        if ((flags & FrameFlags.Referenced) == 0)
            table.Set(head, FrameFlags.Referenced);
        else if ((flags & (FrameFlags.Unevictable | FrameFlags.Active)) == 0)
            Activate(head);
    }

    /// <summary>
    /// How far the lists of a scope have moved on (lruvec.nonresident_age): by each page evicted from them, and each that became active.
    /// Wraps around.
    /// </summary>
    /// <param name="scope">A group, 0 for the machine, <see cref="MemoryGroups{TModel}.Outside"/> for all around it.</param>
    internal uint Age(uint scope) => Atomic<Mainline>.Load(ref AgeOf(scope));

    /// <summary>
    /// Ages the lists of a scope and of all that it is a part of (workingset_age_nonresident). Only a guess depends on it: no step to explore.
    /// </summary>
    internal void Grow(uint scope, uint pages)
    {
        if (scope is not (0 or MemoryGroups<TModel>.Outside))
            Atomic<Mainline>.Add(ref AgeOf(scope), (int)pages);
        if (scope != MemoryGroups<TModel>.Outside)
            Atomic<Mainline>.Add(ref State.Age, (int)pages);
        Atomic<Mainline>.Add(ref State.OutsideAge, (int)pages);
    }

    /// <summary>Ages the lists by a folio that became active (workingset_activation).</summary>
    internal void NoteActivation(uint head) => Grow(OwnerOf(table.Flags(head)), table.PagesOf(head));

    /// <summary>Makes an active folio an inactive one (folio_deactivate).</summary>
    public void Deactivate(uint frame)
    {
        if ((table.Flags(frame) & (FrameFlags.Active | FrameFlags.Unevictable)) != FrameFlags.Active)
            return;
        WordLock<TModel>.Acquire(ref State.LruLock);
        Relink(frame, clear: FrameFlags.Active | FrameFlags.Referenced, set: 0);
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Takes its backing from an anonymous folio: it may be dropped while nobody writes it (folio_mark_lazyfree).</summary>
    public void MakeLazyFree(uint frame)
    {
        const FrameFlags Needed = FrameFlags.Anon | FrameFlags.SwapBacked | FrameFlags.Lru;
        if ((table.Flags(frame) & (Needed | FrameFlags.SwapCache | FrameFlags.Unevictable)) != Needed)
            return;
        WordLock<TModel>.Acquire(ref State.LruLock);
        Relink(frame, clear: FrameFlags.Active | FrameFlags.Referenced | FrameFlags.SwapBacked, set: 0);
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Moves a folio to the end that reclaim takes from: its write is done (folio_rotate_reclaimable).</summary>
    public void Rotate(uint frame)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        FrameFlags flags = table.Flags(frame);
        if (IsListed(frame) && (flags & (FrameFlags.Unevictable | FrameFlags.Dirty)) == 0)
        {
            Unlink(frame);
            table.Clear(frame, FrameFlags.Active);
            LinkBehind(frame, table.Flags(frame), 0, ListFor(table.Flags(frame)));
        }

        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Keeps a frame out of reclaim: counted, so that as many <see cref="Munlock"/> end it.</summary>
    public void Mlock(uint frame)
    {
        WordLock<TModel>.Acquire(ref State.LruLock); // flags and count change together, as under the kernel's lruvec lock
        Relink(frame, FrameFlags.Active, FrameFlags.Mlocked | FrameFlags.Unevictable);
        table.Folio(frame).Count++;
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>
    /// As <see cref="Mlock"/> for reclaim, which found an isolated folio mapped by a locked VMA that may not be counted any more: it gets one count
    /// when it is put back, whoever may have counted it before.
    /// </summary>
    public void RepairMlock(uint frame)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        Relink(frame, FrameFlags.Active, FrameFlags.Mlocked | FrameFlags.Unevictable | FrameFlags.MlockPending);
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Forgets how often a folio was locked in memory; whoever unlocks it first unlocks it for all.</summary>
    internal void LoseMlock(uint frame)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        if (table.Has(frame, FrameFlags.Mlocked))
            table.Folio(frame).Count = 0;
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>
    /// As <see cref="Mlock"/> without a count: a page that has just been split off an isolated folio. Its count is lost, and whoever unlocks it first
    /// unlocks it for all; then reclaim finds it again.
    /// </summary>
    public void MlockUncounted(uint frame)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        Relink(frame, FrameFlags.Active, FrameFlags.Mlocked | FrameFlags.Unevictable);
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>Takes one <see cref="Mlock"/> back; a frame that has none loses its flags all the same.</summary>
    public void Munlock(uint frame)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        ref FrameRecord record = ref table.Folio(frame);
        if (record.Count != 0)
            record.Count--;
        if (record.Count == 0)
            Relink(frame, FrameFlags.Mlocked | FrameFlags.Unevictable | FrameFlags.MlockPending, 0);
        WordLock<TModel>.Release(ref State.LruLock);
    }

    /// <summary>The list that a frame is on, if it is on one.</summary>
    public LruKind KindOf(uint frame) => KindOf(table.Flags(frame));

    private static LruKind KindOf(FrameFlags flags) => (LruKind)((ulong)(flags & FrameFlags.LruKindMask) >> KindShift);

    private static LruKind ListFor(FrameFlags flags)
    {
        if ((flags & FrameFlags.Unevictable) != 0)
            return LruKind.Unevictable;
        bool active = (flags & FrameFlags.Active) != 0;
        if ((flags & FrameFlags.SwapBacked) != 0)
            return active ? LruKind.ActiveAnon : LruKind.InactiveAnon;
        return active ? LruKind.ActiveFile : LruKind.InactiveFile;
    }

    private void Activate(uint head)
    {
        WordLock<TModel>.Acquire(ref State.LruLock);
        if (!table.Has(head, FrameFlags.Unevictable))
            Relink(head, FrameFlags.Referenced, FrameFlags.Active);
        WordLock<TModel>.Release(ref State.LruLock);
        NoteActivation(head);
    }

    /// <summary>Changes flags that decide on the list, and moves a folio that is on one to the young end of the right one.</summary>
    private void Relink(uint frame, FrameFlags clear, FrameFlags set)
    {
        uint head = table.HeadOf(frame);
        bool listed = IsListed(head);
        if (listed)
            Unlink(head);
        table.Clear(head, clear);
        table.Set(head, set);
        if (!listed)
            return;
        BringIn(FrameCache.Own); // what this thread added before is older
        LinkYoungest(head);
    }

    private void LinkYoungest(uint frame)
    {
        FrameFlags flags = table.Flags(frame);
        LruKind kind = ListFor(flags);
        LinkBehind(frame, flags, State.Lru[(int)kind].Youngest, kind);
    }

    /// <summary>Links a frame, whose flags are given, on the young side of another; 0 stands for the old end.</summary>
    private void LinkBehind(uint frame, FrameFlags flags, uint neighbour, LruKind kind)
    {
        ref LruList list = ref State.Lru[(int)kind];
        SetKind(frame, flags, kind);
        ref FrameRecord record = ref table[frame];
        uint next = neighbour == 0 ? list.Oldest : table[neighbour].LruNext;
        record.LruPrevious = neighbour;
        record.LruNext = next;
        if (neighbour == 0)
            list.Oldest = frame;
        else
            table[neighbour].LruNext = frame;
        if (next == 0)
            list.Youngest = frame;
        else
            table[next].LruPrevious = frame;
        Count(kind, flags, FrameTable<TModel>.FolioPages(flags));
    }

    private void Unlink(uint frame)
    {
        FrameFlags flags = table.Flags(frame);
        Detach(frame, flags);
        SetKind(frame, flags, default);
    }

    /// <summary>Takes a frame out of the chain of its list; its flags, which are given, say still on which it was.</summary>
    private void Detach(uint frame, FrameFlags flags)
    {
        LruKind kind = KindOf(flags);
        ref LruList list = ref State.Lru[(int)kind];
        ref FrameRecord record = ref table[frame];
        if (record.LruPrevious != 0)
            table[record.LruPrevious].LruNext = record.LruNext;
        else
            list.Oldest = record.LruNext;
        if (record.LruNext != 0)
            table[record.LruNext].LruPrevious = record.LruPrevious;
        else
            list.Youngest = record.LruPrevious;
        record.LruNext = record.LruPrevious = 0;
        Count(kind, flags, -(long)FrameTable<TModel>.FolioPages(flags));
    }

    /// <summary>
    /// Notes on which list a frame is, which is most often what its flags say already: they belong to the holder of the lock, and every change that
    /// is left out makes the time shorter that others wait for it.
    /// </summary>
    private void SetKind(uint frame, FrameFlags flags, LruKind kind)
    {
        LruKind now = KindOf(flags);
        if (now == kind)
            return;
        if (now != default)
            table.Clear(frame, FrameFlags.LruKindMask);
        if (kind != default)
            table.Set(frame, (FrameFlags)((ulong)kind << KindShift));
    }

    /// <summary>Counts pages in or out of a list, and of the part of it that belongs to their group. The lists are locked.</summary>
    private void Count(LruKind kind, FrameFlags flags, long pages)
    {
        ref LruList list = ref State.Lru[(int)kind];
        Atomic<TModel>.Store(ref list.Pages, list.Pages + (ulong)pages);
        uint group = OwnerOf(flags);
        if (group == 0 || kind == LruKind.Unevictable)
            return;
        ref uint ofGroup = ref GroupOf(group).Lru[(int)kind];
        Atomic<TModel>.Store(ref ofGroup, ofGroup + (uint)pages);
    }

    private static uint OwnerOf(FrameFlags flags) => (uint)((ulong)(flags & FrameFlags.Owner) >> MemoryGroups<TModel>.OwnerShift);

    private ref uint AgeOf(uint scope)
    {
        if (scope == MemoryGroups<TModel>.Outside)
            return ref State.OutsideAge;
        if (scope == 0)
            return ref State.Age;
        return ref GroupOf(scope).Age;
    }

    private ref MemoryGroupRecord GroupOf(uint group) => ref image.Record<MemoryGroupRecord>(MetadataRegion.MemoryGroups, group);
}
