using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// Groups of address spaces with limits on their frames and swap slots (mm/memcontrol.c): who owns a frame or slot, and what is charged.
/// </summary>
/// <remarks>
/// <para>A frame with user data is charged to the group of the address space that needed it, before it is handed out, and uncharged when it is
/// freed; it bears its owner's number in the topmost bits of its flags. Sharing by fork moves no charge: what the child gets of its own later is
/// charged to the child's group. A slot is charged to the owner of the folio that gets it and remembers that; whoever swaps the page in
/// charges the frame to the owner of the slot. Page tables are not charged.</para>
/// <para>Group 0 is everybody's: nothing is counted or limited there.</para>
/// </remarks>
/// <example>
/// <code>
/// uint group = machine.MemoryGroups.TryCreate(pages: 100);
/// machine.MemoryGroups.Join(space, group);
/// ref MemoryGroupRecord record = ref machine.Context.Folios.Groups[group];
/// Console.WriteLine($"{record.Pages} pages charged, refused {record.Refused} times");
/// </code>
/// </example>
public sealed class MemoryGroups<TModel>
    where TModel : IModel
{
    /// <summary>Highest number of a group. All bits below its highest are set; the owner's number in a frame has room for eight.</summary>
    public const uint Most = 31;

    internal const int OwnerShift = 56;

    private const ulong Live = 1;
    private const ulong Ending = 2;
    private const ulong Member = 4;

    /// <summary>Stands for the system around the machine where a group's number or 0, the machine, is asked for.</summary>
    internal const uint Outside = Most + 1;

    /// <summary>The group that refused the calling thread's last charge, until somebody asks for frames on its behalf.</summary>
    [ThreadStatic]
    private static uint refusedBy;

    private readonly MachineImage image;
    private readonly FrameTable<TModel> frames;

    internal MemoryGroups(MachineImage image, FrameTable<TModel> frames)
    {
        this.image = image;
        this.frames = frames;
    }

    /// <summary>The record of a group.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such group.</exception>
    public ref MemoryGroupRecord this[uint group]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfZero(group);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(group, Most);
            return ref Record(group);
        }
    }

    /// <summary>Makes a group; 0 when all numbers are taken.</summary>
    public uint TryCreate(ulong pageLimit, ulong slotLimit)
    {
        for (uint group = 1; group <= Most; group++)
        {
            ref MemoryGroupRecord record = ref Record(group);
            if (Atomic<TModel>.CompareExchange(ref record.Membership, Live, 0) != 0)
                continue;
            Atomic<TModel>.Store(ref record.PageLimit, pageLimit);
            Atomic<TModel>.Store(ref record.SlotLimit, slotLimit);
            Atomic<TModel>.Store(ref record.Refused, 0);
            Atomic<TModel>.Exchange(ref EverUsed, 1);
            return group;
        }

        return 0;
    }

    /// <summary>Ends a group that has no member and no charge; false while it has some.</summary>
    public bool TryRemove(uint group)
    {
        ref MemoryGroupRecord record = ref this[group];
        if (Atomic<TModel>.CompareExchange(ref record.Membership, Live | Ending, Live) != Live)
            return false;

        // From here on nobody enters, and only members get anything charged.
        bool charged = Atomic<TModel>.Load(ref record.Pages) != 0 || Atomic<TModel>.Load(ref record.Slots) != 0;
        Atomic<TModel>.Store(ref record.Membership, charged ? Live : 0);
        return !charged;
    }

    /// <summary>Whether a group exists.</summary>
    public bool Exists(uint group) => group - 1 < Most && (Atomic<TModel>.Load(ref Record(group).Membership) & Live) != 0;

    /// <summary>Address spaces that belong to a group.</summary>
    public uint Members(uint group) => (uint)(Atomic<TModel>.Load(ref this[group].Membership) / Member);

    /// <summary>An address space becomes a member; false when the group does not exist, or does not any more.</summary>
    internal bool TryEnter(uint group)
    {
        ref ulong word = ref this[group].Membership;
        while (true)
        {
            ulong seen = Atomic<TModel>.Load(ref word);
            if ((seen & Live) == 0)
                return false;
            if ((seen & Ending) != 0)
                TModel.WaitUntil(ref word, Ending, 0); // it goes, or stays after all
            else if (Atomic<TModel>.CompareExchange(ref word, seen + Member, seen) == seen)
                return true;
        }
    }

    /// <summary>Ends <see cref="TryEnter"/>.</summary>
    internal void Leave(uint group) => Atomic<TModel>.Add(ref this[group].Membership, -(long)Member);

    // ---- frames

    /// <summary>The group that a frame's folio is charged to; 0 for none.</summary>
    public uint OwnerOf(uint frame) => (uint)((ulong)frames.Flags(frame) >> OwnerShift);

    /// <summary>Charges frames that are about to be allocated; false when that would exceed the limit.</summary>
    public bool TryCharge(uint group, uint pages)
    {
        ref MemoryGroupRecord record = ref Record(group);
        if (TryAdd(ref record.Pages, pages, Atomic<TModel>.Load(ref record.PageLimit)))
            return true;
        Atomic<TModel>.Add(ref record.Refused, 1);
        refusedBy = group;
        return false;
    }

    /// <summary>Marks a fresh folio as charged to a group.</summary>
    public void SetOwner(uint frame, uint group) => frames.Set(frame, (FrameFlags)((ulong)group << OwnerShift));

    /// <summary>Takes a charge back that no frame came of.</summary>
    public void Uncharge(uint group, uint pages) => Atomic<TModel>.Add(ref Record(group).Pages, -(int)pages);

    /// <summary>Uncharges a folio that is about to be free.</summary>
    internal void Release(uint head, FrameFlags flags, uint pages)
    {
        uint group = (uint)((ulong)flags >> OwnerShift);
        if (group == 0)
            return;
        frames.Clear(head, FrameFlags.Owner);
        Uncharge(group, pages);
    }

    /// <summary>The group that refused the calling thread a charge since it asked last; 0 for none.</summary>
    public static uint TakeRefusal()
    {
        uint group = refusedBy;
        refusedBy = 0;
        return group;
    }

    // ---- slots

    /// <summary>Charges slots that a folio is about to get to its owner; false when that would exceed the limit.</summary>
    internal bool TryChargeSlots(uint group, uint slots)
    {
        ref MemoryGroupRecord record = ref Record(group);
        return TryAdd(ref record.Slots, slots, Atomic<TModel>.Load(ref record.SlotLimit));
    }

    /// <summary>Takes a charge back that no slot came of.</summary>
    internal void UnchargeSlots(uint group, uint slots) => Atomic<TModel>.Add(ref Record(group).Slots, -(int)slots);

    /// <summary>
    /// Lets a slot remember whom it is charged to. The slot was just given to a locked folio, without which it cannot be freed.
    /// </summary>
    internal void SetSlotOwner(ulong slot, uint group)
    {
        if (HasOwners)
            Atomic<TModel>.Store(ref image.Record<uint>(MetadataRegion.SwapOwners, slot), group);
    }

    /// <summary>Whether slots have owners that have to be looked at.</summary>
    internal bool HasOwners => Atomic<TModel>.Load(ref EverUsed) != 0;

    /// <summary>The group that a slot in use is charged to.</summary>
    internal uint SlotOwner(ulong slot) =>
        !HasOwners ? 0 : Atomic<TModel>.Load(ref image.Record<uint>(MetadataRegion.SwapOwners, slot)) & Most;

    /// <summary>A slot was freed, and cannot be handed out again before the caller lets its cluster go.</summary>
    internal void ReleaseSlot(ulong slot)
    {
        uint group = SlotOwner(slot);
        if (group == 0)
            return;
        SetSlotOwner(slot, 0);
        UnchargeSlots(group, 1);
    }

    /// <summary>1 once any group was made: until then slots have no owners to look at. Lies in the record of the group that nobody is in.</summary>
    private ref ulong EverUsed => ref Record(0).Membership;

    private static bool TryAdd(ref uint word, uint amount, ulong limit)
    {
        if (Atomic<TModel>.Add(ref word, (int)amount) <= limit)
            return true;
        Atomic<TModel>.Add(ref word, -(int)amount);
        return false;
    }

    private ref MemoryGroupRecord Record(uint group) => ref image.Record<MemoryGroupRecord>(MetadataRegion.MemoryGroups, group);
}
