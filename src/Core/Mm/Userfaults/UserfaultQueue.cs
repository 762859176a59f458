using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>
/// Lets the accessing thread wait until some other thread, of this process or of another one attached to the machine, received the message
/// and resolved it: read(2) and UFFDIO_WAKE of a userfaultfd. Attached as a handler, it makes userfaults look as on a kernel.
/// </summary>
/// <remarks>
/// <para>No wake-up is lost: a waiter posts its message, and then looks whether the page still needs resolving; a resolver changes the page,
/// and then looks for posted messages. A full fence lies between the two steps of each, so one of them sees the other.</para>
/// <para>A slot's word changes by compare-exchange of all its bits, and no use of a slot has the words of another one, so a message that was
/// read before a successful exchange is the message of that waiter.</para>
/// </remarks>
/// <example>
/// <code>
/// machine.Userfaultfd.Open(process, UserfaultFeatures.None);
/// machine.Userfaultfd.Register(process, start, end, UserfaultModes.Missing);
/// UserfaultQueue&lt;X64FourLevel, Mainline&gt; queue = machine.Userfaultfd.Queue;
/// machine.Userfaultfd.SetHandler(process, queue);
/// Task reader = Task.Run(() =&gt;
/// {
///     var own = new FaultCounters();
///     machine.Read(process, start + 0x1000, new byte[1], ref own); // waits
/// });
/// UserfaultMessage message;
/// while (!queue.TryReceive(process, out message))
///     Thread.Yield();
/// if (message.Kind == UserfaultKind.Missing)
///     machine.Userfaultfd.Copy(process, message.Address, page, UserfaultModes.None, out _);
/// reader.Wait();
/// int waiters = UserfaultSlots.Count; // as many threads can wait at a time, each in a slot of the metadata image
/// ulong waits = UserfaultSlot.Waiting;
/// </code>
/// </example>
public sealed class UserfaultQueue<TArch, TModel> : IUserfaultHandler
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the queue of a machine; any number of them are the same queue.</summary>
    public UserfaultQueue(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
    }

    private Span<UserfaultSlot> Slots => mm.Image.Record<MmState>(MetadataRegion.MmState, 0).UserfaultSlots;

    /// <summary>
    /// Posts the message and waits until it is woken. False when too many threads wait already: then the caller gets its message back.
    /// </summary>
    public bool TryResolve(in UserfaultMessage message)
    {
        foreach (ref UserfaultSlot slot in Slots)
        {
            ulong seen = Atomic<TModel>.Load(ref slot.State);
            ulong taken = ((seen >> UserfaultSlot.UseShift) + 1) << UserfaultSlot.UseShift | UserfaultSlot.Taken;
            if ((seen & UserfaultSlot.Taken) != 0 || Atomic<TModel>.CompareExchange(ref slot.State, taken, seen) != seen)
                continue;
            slot.Address = message.Address;
            slot.Space = message.Space;
            slot.Kind = ((uint)message.Kind << 1) | (message.IsWrite ? 1u : 0);
            Atomic<TModel>.Store(ref slot.State, taken | UserfaultSlot.Waiting);
            Atomic<TModel>.Fence();
            if (MustWait(message))
                TModel.WaitUntil(ref slot.State, UserfaultSlot.Waiting, 0);
            Atomic<TModel>.Store(ref slot.State, taken & ~UserfaultSlot.Taken);
            return true;
        }

        return false;
    }

    /// <summary>The next message of an address space that nobody received yet (a read that does not block).</summary>
    public bool TryReceive(uint space, out UserfaultMessage message)
    {
        foreach (ref UserfaultSlot slot in Slots)
        {
            ulong seen = Atomic<TModel>.Load(ref slot.State);
            message = new UserfaultMessage(slot.Space, slot.Address, (UserfaultKind)(slot.Kind >> 1), (slot.Kind & 1) != 0);
            bool unread = (seen & (UserfaultSlot.Waiting | UserfaultSlot.Delivered)) == UserfaultSlot.Waiting && message.Space == space;
            if (unread && Atomic<TModel>.CompareExchange(ref slot.State, seen | UserfaultSlot.Delivered, seen) == seen)
                return true;
        }

        message = default;
        return false;
    }

    /// <summary>Wakes who waits for pages of [start, end) (UFFDIO_WAKE); they try their accesses again.</summary>
    public void Wake(uint space, ulong start, ulong end)
    {
        Atomic<TModel>.Fence(); // what was changed in the page tables comes before the look at the slots
        foreach (ref UserfaultSlot slot in Slots)
        {
            ulong seen = Atomic<TModel>.Load(ref slot.State);
            while ((seen & UserfaultSlot.Waiting) != 0 && slot.Space == space && slot.Address >= start && slot.Address < end)
            {
                ulong was = Atomic<TModel>.CompareExchange(ref slot.State, seen & ~(UserfaultSlot.Waiting | UserfaultSlot.Delivered), seen);
                if (was == seen)
                    break;
                seen = was; // it was received meanwhile, or another thread has the slot
            }
        }
    }

    /// <summary>Whether any thread waits; at rest none does.</summary>
    internal bool HasWaiter
    {
        get
        {
            foreach (ref UserfaultSlot slot in Slots)
            {
                if ((Atomic<TModel>.Load(ref slot.State) & UserfaultSlot.Taken) != 0)
                    return true;
            }

            return false;
        }
    }

    /// <summary>Whether the page still needs what the message asks for (userfaultfd_must_wait).</summary>
    private bool MustWait(in UserfaultMessage message)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(message.Space);
        uint vma = mm.Vmas.Find(message.Space, message.Address);
        UserfaultModes mode = message.Kind switch
        {
            UserfaultKind.WriteProtect => UserfaultModes.WriteProtect,
            UserfaultKind.Minor => UserfaultModes.Minor,
            _ => UserfaultModes.Missing,
        };
        if (vma == 0 || (mm.Vmas.FlagsOf(vma) & UserfaultRules<TArch, TModel>.FlagsOf(mode)) == 0)
            return false;
        uint root = mm.Spaces[message.Space].Root;
        bool wantsProtected = mode == UserfaultModes.WriteProtect;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, message.Address))
        {
            if (guard.Table != 0)
                return wantsProtected ? IsProtected(guard[message.Address].Value, 1) : IsEmpty(guard[message.Address].Value);
        }

        using HugeGuard<TArch, TModel> huge = mm.Huge.Lock(root, message.Address);
        return wantsProtected ? huge.IsLeaf && IsProtected(huge.Value, 2) : !huge.IsLeaf;
    }

    private static bool IsProtected(Pte entry, int level) =>
        !TArch.IsNone(entry, level) && TArch.IsPresent(entry, level) && TArch.IsUffdWp(entry);

    private bool IsEmpty(Pte entry) => TArch.IsNone(entry, 1)
        || (!TArch.IsPresent(entry, 1) && mm.Decode(entry) is { Kind: SoftLeafKind.Marker, Markers: PteMarkers.UffdWp });
}
