using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>
/// Whether a page that comes back from swap was needed all the time (mm/workingset.c): then it is active at once.
/// </summary>
/// <remarks>
/// <para>The lists that reclaim works from have an age, which grows by each page that is evicted from them or becomes active. The slot of an
/// evicted page keeps the age of that moment, its shadow. When the page comes back, the difference is how much longer the inactive list would have
/// had to be to keep it; a page that the memory of less useful pages (those of files, and the active anonymous ones while swap has room) could
/// have held so long was evicted too early.</para>
/// <para>Who asked for the eviction is the scope: the lists of the machine, those of one group, or everything around the machine. Nobody asked when
/// MADV_PAGEOUT evicts a page, or when RAM ran out; then the pages of files of the whole system count, of which the machine knows no more than
/// <see cref="OutsidePages"/>.</para>
/// <para>A guess, so nothing depends on its being exact: ages are read and added to apart from each other, and the interleaving explorer does not
/// take them for steps.</para>
/// <code>
///   31   30       25 24                  0
/// [ 1  |   scope    |  age, modulo 2^25   ]   shadow; 0: none
/// </code>
/// </remarks>
/// <example>
/// <code>
/// using var system = Machine&lt;X64FourLevel&gt;.Create(new MachineImageOptions { RamBytes = 16 &lt;&lt; 20 });
/// system.Context.Swap.WorkingSet.OutsidePages = 1 &lt;&lt; 18; // 1 GiB of files: what MADV_PAGEOUT evicts comes back active
/// </code>
/// </example>
public sealed class WorkingSet<TModel>
    where TModel : IModel
{
    private const int ScopeShift = 25;
    private const uint AgeMask = (1u << ScopeShift) - 1;
    private const uint Present = 1u << 31;

    private readonly MachineImage image;
    private readonly Folios<TModel> folios;
    private readonly SwapAreas<TModel> areas;

    internal WorkingSet(MachineImage image, Folios<TModel> folios, SwapAreas<TModel> areas)
    {
        this.image = image;
        this.folios = folios;
        this.areas = areas;
    }

    /// <summary>Pages of files that the system around the machine has in memory; 0 in the beginning, when there is none.</summary>
    public ulong OutsidePages
    {
        get => Atomic<Mainline>.Load(ref State.OutsidePages);
        set => Atomic<Mainline>.Store(ref State.OutsidePages, value);
    }

    private ref FrameState State => ref image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>Notes that a folio is evicted; the shadow for its slots (workingset_eviction).</summary>
    internal uint Evict(uint head, uint scope) => Shadow(scope, Age(scope, folios.Table.PagesOf(head)));

    /// <summary>Notes that pages are evicted; the age of the first of them, which is one less than that of the next.</summary>
    internal uint Age(uint scope, uint pages)
    {
        uint age = folios.Lru.Age(scope);
        folios.Lru.Grow(scope, pages);
        return age;
    }

    /// <summary>The shadow of a page that was evicted at an age of its lists.</summary>
    internal static uint Shadow(uint scope, uint age) => Present | (scope << ScopeShift) | (age & AgeMask);

    /// <summary>
    /// A folio comes back to where it was evicted from, and is on no list yet: makes it active if it was needed all the time (workingset_refault).
    /// </summary>
    internal void Refault(uint head, uint shadow)
    {
        if ((shadow & Present) != 0 && Distance(shadow, folios.Lru.Age(ScopeOf(shadow))) <= Room(ScopeOf(shadow), areas.HasFreeSlot))
            Activate(head);
    }

    /// <summary>
    /// The same of single frames, one after the other, each of which frees its slot. What they are measured by is looked up once for neighbours that
    /// were evicted from the same lists.
    /// </summary>
    /// <param name="frames">The frames.</param>
    /// <param name="slots">The words of their slots.</param>
    internal void Refault(ReadOnlySpan<uint> frames, ReadOnlySpan<SwapSlotWord> slots)
    {
        uint scope = uint.MaxValue;
        uint age = 0;
        long room = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            uint shadow = slots[i].Payload;
            if ((shadow & Present) == 0)
                continue;
            if (ScopeOf(shadow) != scope || i == 1)
            {
                scope = ScopeOf(shadow);
                age = folios.Lru.Age(scope);
                room = Room(scope, i != 0 || areas.HasFreeSlot);
            }

            if (Distance(shadow, age) > room)
                continue;
            Activate(frames[i]);
            age = folios.Lru.Age(scope);
        }
    }

    /// <summary>The same of a folio that is read without the swap cache. Whoever does not pin the slot may find that its area has gone.</summary>
    internal void Refault(uint head, SwapEntry slot)
    {
        ref ulong word = ref areas.Slot(slot);
        if (!Unsafe.IsNullRef(ref word))
            Refault(head, new SwapSlotWord(Atomic<Mainline>.Load(ref word)).Payload);
    }

    private void Activate(uint head)
    {
        folios.Table.Set(head, FrameFlags.Active);
        folios.Lru.NoteActivation(head);
    }

    private static uint ScopeOf(uint shadow) => (shadow & ~Present) >> ScopeShift;

    private static long Distance(uint shadow, uint age) => (age - shadow) & AgeMask;

    /// <summary>How far away a page may have been evicted that is needed all the time; below 0 when the group is gone.</summary>
    private long Room(uint scope, bool hasFreeSlot)
    {
        uint group = scope == MemoryGroups<TModel>.Outside ? 0 : scope;
        if (group != 0 && !folios.Groups.Exists(group))
            return -1;
        ulong room = Known(LruKind.ActiveFile, group) + Known(LruKind.InactiveFile, group);
        if (scope == MemoryGroups<TModel>.Outside)
            room += OutsidePages;
        if (hasFreeSlot)
            room += Known(LruKind.ActiveAnon, group);
        return (long)Math.Min(room, long.MaxValue);
    }

    private ulong Known(LruKind kind, uint group)
    {
        if (group == 0)
            return Atomic<Mainline>.Load(ref State.Statistics[(int)kind]);
        return folios.Lru.Pages(kind, group);
    }
}
