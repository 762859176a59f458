using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Mm;

/// <summary>Loads and stores of a processor in user mode, with the faults they take.</summary>
/// <remarks>
/// Each access to a page happens under the lock of its page table: whoever takes the page away locks the same table, so no store can reach a
/// frame after its entry is gone. That is what flushing a hardware TLB achieves on a machine.
/// <para>On an architecture with memory tags an address may carry one. Through an entry that checks tags every block that the access touches in a
/// page is compared before any byte of that page moves: an exact mismatch, for stores too.</para>
/// </remarks>
public sealed class UserAccess<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;

    /// <summary>Makes the operations of a machine.</summary>
    public UserAccess(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        this.faults = faults;
    }

    /// <summary>Loads bytes; on a failure those of the pages before it were loaded.</summary>
    public UserAccessResult Read(uint space, ulong virtualAddress, Span<byte> destination, ref FaultCounters counters) =>
        Read(space, virtualAddress, destination, ref counters, out _);

    /// <summary>Loads bytes; on a failure those of the pages before it were loaded.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="virtualAddress">First address.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="counters">Whose faults to count.</param>
    /// <param name="pending">What a userfaultfd has to resolve first, when the result is <see cref="UserAccessResult.UserfaultPending"/>.</param>
    public UserAccessResult Read(
        uint space, ulong virtualAddress, Span<byte> destination, ref FaultCounters counters, out UserfaultMessage pending)
    {
        pending = default;
        while (!destination.IsEmpty)
        {
            int length = Math.Min(destination.Length, BytesToPageEnd(virtualAddress));
            UserAccessResult result = AccessPage(
                space, virtualAddress, AccessKind.Read, destination[..length], default, ref counters, out pending);
            if (result != UserAccessResult.Ok)
                return result;
            destination = destination[length..];
            virtualAddress += (uint)length;
        }

        return UserAccessResult.Ok;
    }

    /// <summary>Stores bytes; on a failure those of the pages before it were stored.</summary>
    public UserAccessResult Write(uint space, ulong virtualAddress, ReadOnlySpan<byte> source, ref FaultCounters counters) =>
        Write(space, virtualAddress, source, ref counters, out _);

    /// <summary>Stores bytes; on a failure those of the pages before it were stored.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="virtualAddress">First address.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="counters">Whose faults to count.</param>
    /// <param name="pending">What a userfaultfd has to resolve first, when the result is <see cref="UserAccessResult.UserfaultPending"/>.</param>
    public UserAccessResult Write(
        uint space, ulong virtualAddress, ReadOnlySpan<byte> source, ref FaultCounters counters, out UserfaultMessage pending)
    {
        pending = default;
        while (!source.IsEmpty)
        {
            int length = Math.Min(source.Length, BytesToPageEnd(virtualAddress));
            UserAccessResult result = AccessPage(
                space, virtualAddress, AccessKind.Write, default, source[..length], ref counters, out pending);
            if (result != UserAccessResult.Ok)
                return result;
            source = source[length..];
            virtualAddress += (uint)length;
        }

        return UserAccessResult.Ok;
    }

    private static int BytesToPageEnd(ulong virtualAddress) =>
        (1 << TArch.PageShift) - (int)(virtualAddress & ((1UL << TArch.PageShift) - 1));

    private static VmaFlags Needed(AccessKind kind) => kind switch
    {
        AccessKind.Write => VmaFlags.Write,
        AccessKind.Execute => VmaFlags.Execute,
        _ => VmaFlags.Read | VmaFlags.Write | VmaFlags.Execute, // any of them makes a mapping readable
    };

    /// <summary>Tries the access, faults, and tries again until the entry allows it. Exactly one of the spans is used.</summary>
    private UserAccessResult AccessPage(
        uint space, ulong address, AccessKind kind, Span<byte> load, ReadOnlySpan<byte> store, ref FaultCounters counters,
        out UserfaultMessage pending)
    {
        pending = default;
        FaultFlags flags = FaultFlags.AllowRetry | (kind == AccessKind.Write ? FaultFlags.Write : FaultFlags.None);
        int pressure = 0;
        bool refault = false;
        while (true)
        {
            if (TryOnce(space, address, kind, load, store, flags, refault, ref counters, out FaultResult result))
                return UserAccessResult.Ok;
            refault = false;
            flags = (result & FaultResult.Retry) != 0 ? flags | FaultFlags.Tried : flags & ~FaultFlags.Tried;
            if ((result & FaultResult.Userfault) != 0)
            {
                ulong page = address & ~((1UL << TArch.PageShift) - 1);
                pending = UserfaultMessage.Of(space, page, result, kind == AccessKind.Write);
                if (!mm.Userfaults.TryResolve(pending))
                    return UserAccessResult.UserfaultPending;
                flags |= FaultFlags.Tried;
                refault = true; // the fault that waited for userfaultfd is handled once more, and counts as a major one
                pending = default;
                continue;
            }

            bool outOfMemory = (result & FaultResult.OutOfMemory) != 0;
            if (outOfMemory && pressure++ < MmContext<TArch, TModel>.PressureTries && mm.TryFindFrames())
                continue;
            if ((result & FaultResult.Error) != 0)
                return Translate(result);
        }
    }

    /// <summary>One access, and the fault if that is what it comes to, under one hold of the mmap_lock.</summary>
    private bool TryOnce(
        uint space, ulong address, AccessKind kind, Span<byte> load, ReadOnlySpan<byte> store, FaultFlags flags, bool refault,
        ref FaultCounters counters, out FaultResult result)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        result = FaultResult.SegmentationFault;
        uint vma = mm.Vmas.Find(space, TArch.Untag(address));
        if (vma == 0 || (mm.Vmas.FlagsOf(vma) & Needed(kind)) == 0)
            return false;
        AccessOutcome outcome = refault ? AccessOutcome.NeedsFault : TryAccess(mm.Spaces[space].Root, address, kind, load, store);
        if (outcome == AccessOutcome.Done)
            return true;
        result = FaultResult.TagMismatch;
        if (!PageTags<TArch, TModel>.IsOn || outcome != AccessOutcome.TagMismatch)
            result = faults.Handle(vma, TArch.Untag(address), flags, ref counters);
        return false;
    }

    private AccessOutcome TryAccess(uint root, ulong pointer, AccessKind kind, Span<byte> load, ReadOnlySpan<byte> store)
    {
        ulong address = TArch.Untag(pointer);
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
        if (guard.Table == 0)
            return mm.Huge.TryAccess(root, pointer, kind, load, store);
        Leaf<TArch, TModel> leaf = guard[address];
        Pte entry = leaf.Value;
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) || !TArch.TryAccess(entry, kind, 1, out Pte after))
            return AccessOutcome.NeedsFault;
        if (PageTags<TArch, TModel>.IsOn && !mm.Tags.Allows(entry, (uint)TArch.FrameOf(entry, 1), pointer, load.Length + store.Length))
            return AccessOutcome.TagMismatch;
        if (after != entry)
            leaf.SetPresent(after); // as the hardware does, before the data moves
        Span<byte> page = mm.Frames.Bytes((uint)TArch.FrameOf(entry, 1))[(int)(address & ((1UL << TArch.PageShift) - 1))..];
        if (kind == AccessKind.Write)
            SharedBytes<TModel>.Copy(store, page[..store.Length]);
        else
            SharedBytes<TModel>.Copy(page[..load.Length], load);
        return AccessOutcome.Done;
    }

    private static UserAccessResult Translate(FaultResult result)
    {
        if ((result & FaultResult.OutOfMemory) != 0)
            return UserAccessResult.OutOfMemory;
        if ((result & FaultResult.TagMismatch) != 0)
            return UserAccessResult.TagMismatch;
        return (result & FaultResult.SegmentationFault) != 0 ? UserAccessResult.SegmentationFault : UserAccessResult.BusError;
    }
}
