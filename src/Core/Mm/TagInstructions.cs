using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Mm;

/// <summary>
/// What instructions of user mode do with tags, for a simulator: set and get one (SPARC's stores and loads with ASI_MCD_PRIMARY, Arm's STG and
/// LDG), clear a block with its tag (SPARC's block-initialising stores), load without being checked (non-faulting loads), and tell where a
/// pointer mismatches.
/// </summary>
/// <remarks>
/// As of the hardware, a tag is set through a writable entry only, so the page is dirty and its tags will be written out with it. Everything happens
/// under the page-table lock, as loads and stores do, and takes the faults that it needs. The mapping must check tags: else the processor
/// refuses on SPARC (SEGV_ACCADI); on Arm LDG finds 0 there and STG does nothing, which a simulator makes of
/// <see cref="TagResult.NotEnabled"/>.
/// </remarks>
/// <typeparam name="TArch">An architecture whose provider keeps tags of the format.</typeparam>
/// <typeparam name="TModel">The rules.</typeparam>
/// <typeparam name="TFormat">The shape of the tags.</typeparam>
/// <example>
/// <code>
/// using var guest = Machine&lt;Sun4vM7&lt;AdiFrameSlot&gt;&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// uint program = guest.CreateAddressSpace();
/// guest.Map(program, 0x200000000, 0x4000, VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked);
/// var instructions = new TagInstructions&lt;Sun4vM7&lt;AdiFrameSlot&gt;, Mainline, AdiFormat&gt;(guest.Context);
/// TagResult set = instructions.Set(program, 0x200000000, 5, ref faults);
/// if (instructions.TryFindMismatch(program, AdiFormat.Tagged(0x200000000, 6), 8, out TagMismatch mismatch))
///     Console.WriteLine($"at {mismatch.Address:x} the pointer has {mismatch.PointerTag}, the memory {mismatch.MemoryTag}");
/// </code>
/// </example>
public sealed class TagInstructions<TArch, TModel, TFormat>
    where TArch : struct, IArchitecture
    where TModel : IModel
    where TFormat : struct, ITagFormat
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;

    /// <summary>Makes the operations of a machine.</summary>
    /// <exception cref="ArgumentException">Its architecture has no tags, or others.</exception>
    public TagInstructions(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        if (TArch.TagBytesPerPage != BlockTags<TFormat>.PerPage / 2)
        {
            throw new ArgumentException(
                $"{TArch.Name} has {TArch.TagBytesPerPage} bytes of tags a page, {typeof(TFormat).Name} {BlockTags<TFormat>.PerPage / 2}.");
        }

        this.mm = mm;
        faults = new FaultHandler<TArch, TModel>(mm);
    }

    private delegate void Action(uint frame, int block);

    private static int BlockOf(ulong address) => (int)(address & ((1UL << TArch.PageShift) - 1)) >> TFormat.BlockShift;

    /// <summary>Sets the tag of the block at an address, which may carry a tag itself (it is not checked).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tag has more than four bits.</exception>
    public TagResult Set(uint space, ulong address, uint tag, ref FaultCounters counters)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tag, 15u);
        return Run(space, address, AccessKind.Write, (frame, block) => BlockTags<TFormat>.Set(mm.Tags.Storage, frame, block, tag), ref counters);
    }

    /// <summary>The tag of the block at an address.</summary>
    public TagResult Get(uint space, ulong address, out uint tag, ref FaultCounters counters)
    {
        uint found = 0;
        TagResult result = Run(
            space, address, AccessKind.Read, (frame, block) => found = BlockTags<TFormat>.Get(mm.Tags.Storage, frame, block), ref counters);
        tag = found;
        return result;
    }

    /// <summary>
    /// Fills the block at an address with zeros and gives it a tag: 0 as by SPARC's block-initialising stores, any by Arm's STZG. The tag in the
    /// address is not checked.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The tag has more than four bits.</exception>
    public TagResult ClearBlock(uint space, ulong address, ref FaultCounters counters, uint tag = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tag, 15u);
        return Run(
            space,
            address,
            AccessKind.Write,
            (frame, block) =>
            {
                SharedBytes<TModel>.Clear(mm.Frames.Bytes(frame).Slice(block << TFormat.BlockShift, 1 << TFormat.BlockShift));
                BlockTags<TFormat>.Set(mm.Tags.Storage, frame, block, tag);
            },
            ref counters);
    }

    /// <summary>
    /// A non-faulting load: what the page of an address holds, whatever the tags; false and zeros when no entry allows a load. Never takes a fault.
    /// </summary>
    /// <param name="space">The address space.</param>
    /// <param name="address">The address.</param>
    /// <param name="destination">Where the bytes go; they lie in one page.</param>
    public bool LoadUnchecked(uint space, ulong address, Span<byte> destination)
    {
        ulong plain = TFormat.Untag(address);
        int offset = (int)(plain & ((1UL << TArch.PageShift) - 1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, (1 << TArch.PageShift) - offset, nameof(destination));
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        destination.Clear();
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(mm.Spaces[space].Root, plain);
        using HugeGuard<TArch, TModel> huge = guard.Table == 0 ? mm.Huge.Lock(mm.Spaces[space].Root, plain) : default;
        if (!TryFind(guard, huge, plain, AccessKind.Read, out _, out uint frame))
            return false;
        SharedBytes<TModel>.Copy(mm.Frames.Bytes(frame).Slice(offset, destination.Length), destination);
        return true;
    }

    /// <summary>
    /// Where an access that ended in a tag mismatch went wrong: the first block in [address, address + length) that is mapped with checking and does
    /// not match. False when there is none by now.
    /// </summary>
    public bool TryFindMismatch(uint space, ulong address, int length, out TagMismatch mismatch)
    {
        uint pointerTag = TFormat.TagOf(address);
        ulong last = TFormat.Untag(address) + (uint)length - 1;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        for (ulong block = TFormat.Untag(address) >> TFormat.BlockShift; length > 0 && block <= last >> TFormat.BlockShift; block++)
        {
            ulong at = block << TFormat.BlockShift;
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(mm.Spaces[space].Root, at);
            using HugeGuard<TArch, TModel> huge = guard.Table == 0 ? mm.Huge.Lock(mm.Spaces[space].Root, at) : default;
            if (!TryFind(guard, huge, at, AccessKind.Read, out Pte entry, out uint frame) || !TArch.ChecksTags(entry))
                continue;
            uint tag = BlockTags<TFormat>.Get(mm.Tags.Storage, frame, BlockOf(at));
            if (TFormat.Matches(pointerTag, tag))
                continue;
            mismatch = new TagMismatch(Math.Max(at, TFormat.Untag(address)), pointerTag, tag);
            return true;
        }

        mismatch = default;
        return false;
    }

    private TagResult Run(uint space, ulong address, AccessKind kind, Action action, ref FaultCounters counters)
    {
        ulong plain = TFormat.Untag(address);
        FaultFlags flags = FaultFlags.AllowRetry | (kind == AccessKind.Write ? FaultFlags.Write : FaultFlags.None);
        for (int pressure = 0; ;)
        {
            FaultResult result = TryOnce(space, plain, kind, action, flags, ref counters, out TagResult outcome);
            if (outcome != TagResult.NeedsFault)
                return outcome;
            flags = (result & FaultResult.Retry) != 0 ? flags | FaultFlags.Tried : flags & ~FaultFlags.Tried;
            if ((result & FaultResult.OutOfMemory) != 0 && pressure++ < MmContext<TArch, TModel>.PressureTries && mm.TryFindFrames())
                continue;
            if ((result & FaultResult.OutOfMemory) != 0)
                return TagResult.OutOfMemory;
            if ((result & FaultResult.Error) != 0)
                return (result & FaultResult.SegmentationFault) != 0 ? TagResult.SegmentationFault : TagResult.BusError;
        }
    }

    private FaultResult TryOnce(
        uint space, ulong address, AccessKind kind, Action action, FaultFlags flags, ref FaultCounters counters, out TagResult outcome)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        uint vma = mm.Vmas.Find(space, address);
        outcome = TagResult.SegmentationFault;
        if (vma == 0 || (mm.Vmas.FlagsOf(vma) & (kind == AccessKind.Write ? VmaFlags.Write : VmaFlags.Read | VmaFlags.Write)) == 0)
            return FaultResult.None;
        outcome = TryNow(mm.Spaces[space].Root, address, kind, action);
        return outcome == TagResult.NeedsFault ? faults.Handle(vma, address, flags, ref counters) : FaultResult.None;
    }

    private TagResult TryNow(uint root, ulong address, AccessKind kind, Action action)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
        using HugeGuard<TArch, TModel> huge = guard.Table == 0 ? mm.Huge.Lock(root, address) : default;
        if (!TryFind(guard, huge, address, kind, out Pte entry, out uint frame))
            return TagResult.NeedsFault;
        if (!TArch.ChecksTags(entry))
            return TagResult.NotEnabled;
        if (TModel.Checked && !TArch.KeepsTagsByAddress && !mm.Tags.Storage.IsValid(frame))
            throw new InvalidOperationException($"Frame {frame} is mapped with tags at {address:x}, and nobody defined them.");
        action(frame, BlockOf(address));
        return TagResult.Ok;
    }

    private static bool TryFind(
        in TableGuard<TArch, TModel> guard, in HugeGuard<TArch, TModel> huge, ulong address, AccessKind kind, out Pte entry, out uint frame)
    {
        int level = guard.Table != 0 ? 1 : 2;
        entry = guard.Table != 0 ? guard[address].Value : huge.Value;
        frame = 0;
        bool isLeaf = level == 1 ? !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) : TArch.IsLeaf(entry, 2);
        if (!isLeaf || !TArch.TryAccess(entry, kind, level, out Pte after) || after != entry)
            return false;
        frame = (uint)TArch.FrameOf(entry, level) + (level == 1 ? 0 : HugePages<TArch, TModel>.PageOf(address));
        return true;
    }
}
