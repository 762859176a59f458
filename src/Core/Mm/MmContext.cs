using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Mm;

/// <summary>
/// The views of one machine that memory management and the floors above work with. Lock order, outermost first:
/// lock of same-page merging → mmap_lock → folio lock → shared object lock → anon_vma root lock → page-table lock → swap cluster → LRU list.
/// A holder of a page-table lock may only <i>try</i> folio locks.
/// </summary>
/// <seealso cref="AccessOutcome"/>
public sealed class MmContext<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>How often an operation that found no free frame asks for more by <see cref="TryFindFrames"/> before it gives up.</summary>
    public const int PressureTries = 8;

    /// <summary>Makes the views of an image.</summary>
    public MmContext(MachineImage image, SwapTypeLayout swapTypes)
    {
        ArgumentNullException.ThrowIfNull(image);
        Image = image;
        SwapTypes = swapTypes;
        Folios = new Folios<TModel>(image);
        Swap = new SwapSpace<TModel>(image, Folios);
        Tables = new PageTables<TArch, TModel>(image, Folios);
        Tags = new PageTags<TArch, TModel>(Folios, Swap);
        Leaves = new LeafOperations<TArch, TModel>(Tables, Folios.Table, Swap, Tags);
        Spaces = new AddressSpaces<TModel>(Folios, image);
        Vmas = new Vmas<TModel>(Spaces, image);
        ReverseMap = new ReverseMap<TModel>(Vmas);
        Rmap = new AnonRmap<TModel>(Folios, Vmas, ReverseMap);
        SharedMappings = new SharedMappings<TArch, TModel>(this);
        SharedCache = new SharedCache<TArch, TModel>(this, SharedMappings);
        Ksm = new KsmRegistry<TModel>(image, Spaces);
        Huge = new HugePages<TArch, TModel>(this);
        Orders = new FolioOrders<TArch, TModel>(image);
        Vmas.BeforeBoundary = Huge.SplitAt;
    }

    /// <summary>The memories.</summary>
    public MachineImage Image { get; }

    /// <summary>Numbering of special swap types.</summary>
    public SwapTypeLayout SwapTypes { get; }

    /// <summary>Frames with a life.</summary>
    public Folios<TModel> Folios { get; }

    /// <summary>Frame records.</summary>
    public FrameTable<TModel> Frames => Folios.Table;

    /// <summary>Swap areas, slots and cache.</summary>
    public SwapSpace<TModel> Swap { get; }

    /// <summary>Page-table pages.</summary>
    public PageTables<TArch, TModel> Tables { get; }

    /// <summary>Locked tables and changes of non-present entries.</summary>
    public LeafOperations<TArch, TModel> Leaves { get; }

    /// <summary>Per-page metadata: what copies, clears and compares whole pages.</summary>
    public PageTags<TArch, TModel> Tags { get; }

    /// <summary>Address spaces.</summary>
    public AddressSpaces<TModel> Spaces { get; }

    /// <summary>VMAs.</summary>
    public Vmas<TModel> Vmas { get; }

    /// <summary>Who maps a frame.</summary>
    public ReverseMap<TModel> ReverseMap { get; }

    /// <summary>Counting of anonymous mappings.</summary>
    public AnonRmap<TModel> Rmap { get; }

    /// <summary>Entries that map pages of shared objects.</summary>
    public SharedMappings<TArch, TModel> SharedMappings { get; }

    /// <summary>Pages of shared objects.</summary>
    public SharedCache<TArch, TModel> SharedCache { get; }

    /// <summary>Who takes part in same-page merging, and its records.</summary>
    public KsmRegistry<TModel> Ksm { get; }

    /// <summary>Huge leaves of page tables.</summary>
    public HugePages<TArch, TModel> Huge { get; }

    /// <summary>Which memory gets large folios of which orders.</summary>
    public FolioOrders<TArch, TModel> Orders { get; }

    /// <summary>
    /// Called without any lock, or with the mmap_lock alone, when frames run out; returns whether some were freed. Set by the machine, so that
    /// this floor need not know reclaim.
    /// </summary>
    public Func<bool> MemoryPressure { get; set; } = static () => false;

    /// <summary>Who resolves userfaults inside the access that took them, as far as this process goes.</summary>
    public UserfaultHandlers Userfaults { get; } = new();

    /// <summary>
    /// Called when no block is free for a huge page, with the mmap_lock held and no lock behind it; returns whether one may be free now. Set by the
    /// machine, so that this floor need not know compaction.
    /// </summary>
    public Func<bool> BlockPressure { get; set; } = static () => false;

    /// <summary>
    /// Asks for reclaim, without any lock held behind the mmap_lock; whether it is worth trying again: some frames came free, or somebody else
    /// freed some meanwhile.
    /// </summary>
    public bool TryFindFrames()
    {
        uint group = MemoryGroups<TModel>.TakeRefusal();
        return group != 0 ? GroupPressure(group) : MemoryPressure() || Folios.Allocator.FreeCount != 0;
    }

    /// <summary>As <see cref="MemoryPressure"/>, for a group at its limit: only its own frames help. Set by the machine.</summary>
    public Func<uint, bool> GroupPressure { get; set; } = static _ => false;

    /// <summary>
    /// A frame for user data, charged to the group of an address space; 0 when RAM is exhausted or the group is at its limit.
    /// </summary>
    internal uint TryAllocate(uint space, bool zeroed = false) => TryAllocateIn(GroupOf(space), zeroed);

    /// <summary>The same for a page that comes from a slot: it is charged to the slot's group, if it has one.</summary>
    internal uint TryAllocateFor(SwapEntry entry, uint space = 0)
    {
        uint owner = Swap.OwnerOf(entry);
        return TryAllocateIn(owner != 0 || space == 0 ? owner : GroupOf(space), zeroed: false);
    }

    /// <summary>The same for a large folio.</summary>
    internal uint TryAllocateLarge(uint space) => TryAllocateLarge(GroupOf(space), Frames.Large.LargestOrder, zeroed: true);

    /// <summary>The same of any order, charged to a group.</summary>
    internal uint TryAllocateLarge(uint group, int order, bool zeroed)
    {
        uint pages = 1u << order;
        if (group != 0 && !Folios.Groups.TryCharge(group, pages))
            return 0;
        uint head = Tags.TryAllocateLarge(order, zeroed);
        if (group != 0)
            Settle(head, group, pages);
        return head;
    }

    /// <summary>The group that an address space's memory is charged to.</summary>
    public uint GroupOf(uint space) => Atomic<TModel>.Load(ref Spaces[space].Group);

    /// <summary>A frame charged to a group.</summary>
    internal uint TryAllocateIn(uint group, bool zeroed)
    {
        if (group != 0 && !Folios.Groups.TryCharge(group, 1))
            return 0;
        uint frame = zeroed ? Tags.TryAllocateZeroed() : Folios.TryAllocate();
        if (group != 0)
            Settle(frame, group, 1);
        if (frame == 0)
            _ = MemoryGroups<TModel>.TakeRefusal(); // an older one, which nobody asked for, is not why this failed
        return frame;
    }

    private void Settle(uint frame, uint group, uint pages)
    {
        if (frame != 0)
            Folios.Groups.SetOwner(frame, group);
        else
            Folios.Groups.Uncharge(group, pages);
    }

    /// <summary>The protection value of a VMA (vm_page_prot): without write permission when it is private.</summary>
    public static Protection ProtectionOf(VmaFlags flags) => TArch.ProtectionOf(RightsOf(flags));

    /// <summary>
    /// The protection value of a VMA: that of its flags, but without write permission when the stores to a shared one are watched, by userfaultfd
    /// or because soft-dirty was cleared, so that the first store to each page is seen (vma_wants_writenotify).
    /// </summary>
    public Protection ProtectionOf(uint vma)
    {
        VmaFlags flags = Vmas.FlagsOf(vma);
        bool watched = (flags & VmaFlags.UffdWriteProtect) != 0 || TracksSoftDirty(flags);
        return ProtectionOf(watched ? flags & ~VmaFlags.Shared : flags);
    }

    /// <summary>Whether write-protect marks of userfaultfd count in a VMA (userfaultfd_wp).</summary>
    public bool IsWriteProtectWatched(uint vma) => (Vmas.FlagsOf(vma) & VmaFlags.UffdWriteProtect) != 0;

    /// <summary>
    /// Whether a VMA's pages tell by themselves which were written (vma_soft_dirty_enabled): not while all of it counts as written.
    /// </summary>
    public static bool TracksSoftDirty(VmaFlags flags) => TArch.HasSoftDirty && (flags & VmaFlags.SoftDirty) == 0;

    /// <summary>Whether an entry must not be writable, because the next store has to mark it as written (pte_needs_soft_dirty_wp).</summary>
    public static bool NeedsSoftDirtyFault(VmaFlags flags, Pte entry) => TracksSoftDirty(flags) && !TArch.IsSoftDirty(entry);

    /// <summary>The rights among a VMA's flags; the bits have the same places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static AccessRights RightsOf(VmaFlags flags) =>
        (AccessRights)((uint)flags & (15 | (PageTags<TArch, TModel>.IsOn ? (uint)AccessRights.TagChecked : 0)));

    /// <summary>Copies a page for a mapping of a VMA (copy_user_highpage).</summary>
    public void CopyPageFor(uint vma, uint source, uint destination) =>
        Tags.CopyPage(source, destination, PageTags<TArch, TModel>.IsOn && (Vmas.FlagsOf(vma) & VmaFlags.TagChecked) == 0);

    /// <summary>The frame that an entry counts as a mapping of; 0 for the zero page (vm_normal_page).</summary>
    public static uint NormalFrame(Pte entry) => TArch.IsSpecial(entry) ? 0 : (uint)TArch.FrameOf(entry, 1);

    /// <summary>
    /// Whether an entry shows the zero page because merging put it there (is_ksm_zero_pte): the dirty mark says so, which a zero page that was only
    /// read never gets.
    /// </summary>
    public bool IsMergedZeroPage(Pte entry) =>
        TArch.IsSpecial(entry) && TArch.IsDirty(entry) && TArch.FrameOf(entry, 1) == Folios.ZeroFrame;

    /// <summary>Base pages of the folio of a frame.</summary>
    public uint PagesOf(uint frame) => Frames.PagesOf(frame);

    /// <summary>What a non-present entry remembers.</summary>
    public SoftLeaf Decode(Pte entry) => SoftLeaf.Decode<TArch>(entry, SwapTypes);

    /// <summary>
    /// What an entry remembers of a page whose frame a memory error struck: the frame; or just that the content is lost, where the kernel has no
    /// entries for it (sparc64).
    /// </summary>
    public Pte EncodeHwPoison(uint frame) => (SwapTypes.HwPoison == SwapTypeLayout.Absent
        ? SoftLeaf.OfMarker(PteMarkers.Poisoned)
        : SoftLeaf.OfFrame(SoftLeafKind.HwPoison, frame)).Encode<TArch>(SwapTypes);

    /// <summary>Takes a mapped-out folio out of the swap cache if nothing but the cache uses its slot (free_swap_cache).</summary>
    public void FreeSwapCache(uint frame)
    {
        if (!Frames.Has(frame, FrameFlags.SwapCache) || Frames.FolioMappings(frame) != 0 || !Frames.TryLock(frame))
            return;
        Swap.TryFreeSlot(frame);
        Frames.Unlock(frame);
    }
}
