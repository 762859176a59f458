using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>
/// What sun4u's trap handler, and sun4v's after the hypervisor has missed too, do about a TLB miss of user mode (arch/sparc/kernel/tsb.S): the
/// buffer of base pages, the buffer of huge pages, the page tables; what they show goes into a buffer.
/// </summary>
/// <remarks>
/// The walk reads entries as they are and marks nothing: an entry whose VALID bit is clear, because it is old, was never used, is not
/// accessible or is not present, is a fault. A huge page of 8 MiB is two hardware pages of 4 MiB, a larger one many: the bits between come from the
/// address.
/// </remarks>
/// <typeparam name="TArch">A sparc64 architecture.</typeparam>
/// <typeparam name="TModel">The rules.</typeparam>
/// <example>
/// <code>
/// using var guest = Machine&lt;Sun4u&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// uint program = guest.CreateAddressSpace();
/// guest.Map(program, 0x200000000, 0x4000, VmaFlags.Read | VmaFlags.Write);
/// guest.Write(program, 0x200000000, one, ref faults);
/// var table = new PageTable&lt;Sun4u, Mainline&gt;(guest.Context.Tables, guest.Context.Spaces[program].Root);
/// var handler = new TlbMissHandler&lt;Sun4u, Mainline&gt;(table);
/// TlbMissResult first = handler.Miss(0x200000000, context: 5); // from the page table, for 1 &lt;&lt; 13 bytes
/// TlbMissSource then = handler.Miss(0x200001fff, context: 5).Source; // BaseBuffer
/// TlbMissSource beside = handler.Miss(0x200002000, context: 5).Source; // Fault: nobody has touched that page
/// handler.Flush(0x200000000); // whoever changes the entry has to
/// if (handler.Fit(residentPages: 1000, residentHugePages: 0))
///     Console.WriteLine($"{first.Entry} was found; the buffer has grown to {handler.Base.Size.Entries} entries");
/// </code>
/// </example>
public sealed class TlbMissHandler<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const int HardwareHugeShift = 22;

    private readonly PageTable<TArch, TModel> table;

    /// <summary>Makes the handler of an address space with two empty buffers of the smallest size.</summary>
    /// <exception cref="ArgumentException">The architecture has another page size than sparc64.</exception>
    public TlbMissHandler(PageTable<TArch, TModel> table)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (TArch.PageShift != SparcBits.PageShift)
            throw new ArgumentException($"{TArch.Name} has pages of {1 << TArch.PageShift} bytes.", nameof(table));
        this.table = table;
    }

    /// <summary>The buffer of base pages.</summary>
    public TranslationStorageBuffer<TModel> Base { get; private set; } = new(TsbKind.Base, default);

    /// <summary>The buffer of huge pages.</summary>
    public TranslationStorageBuffer<TModel> Huge { get; private set; } = new(TsbKind.Huge, default);

    /// <summary>Handles a miss.</summary>
    /// <param name="virtualAddress">The address, without a tag of memory.</param>
    /// <param name="context">The number of the address space on the processor; 0 is the kernel's.</param>
    /// <exception cref="ArgumentOutOfRangeException">The context has more than 13 bits.</exception>
    public TlbMissResult Miss(ulong virtualAddress, uint context)
    {
        ulong target = TsbTag.Target(virtualAddress, context);
        if (TsbTag.ContextOf(target) == 0)
            return new TlbMissResult(TlbMissSource.Kernel, default, 0);
        if (Base.TryLookup(virtualAddress, out Pte found))
            return new TlbMissResult(TlbMissSource.BaseBuffer, found, SparcBits.PageShift);
        if (Huge.TryLookup(virtualAddress, out found))
            return new TlbMissResult(TlbMissSource.HugeBuffer, found, HardwareHugeShift);
        return Walk(virtualAddress);
    }

    /// <summary>Takes the translation of a page out of the buffers (flush_tsb_user_page).</summary>
    public void Flush(ulong virtualAddress)
    {
        Base.Flush(virtualAddress);
        Huge.Flush(virtualAddress);
    }

    /// <summary>Gives the buffers the sizes that so many resident pages ask for; whether one changed (tsb_grow).</summary>
    /// <param name="residentPages">Base pages.</param>
    /// <param name="residentHugePages">Hardware's huge pages, of 4 MiB.</param>
    public bool Fit(ulong residentPages, ulong residentHugePages)
    {
        TsbSize ofBase = TsbSize.For(residentPages);
        TsbSize ofHuge = TsbSize.For(residentHugePages);
        bool grows = ofBase.Code > Base.Size.Code || ofHuge.Code > Huge.Size.Code;
        if (ofBase.Code > Base.Size.Code)
            Base = Base.Resized(ofBase);
        if (ofHuge.Code > Huge.Size.Code)
            Huge = Huge.Resized(ofHuge);
        return grows;
    }

    private TlbMissResult Walk(ulong virtualAddress)
    {
        PageWalk walk = table.Walk(virtualAddress);
        if (walk.Fault != FaultReason.None || (walk.Last.Raw & SparcBits.Valid) == 0)
            return new TlbMissResult(TlbMissSource.Fault, default, 0);
        if (walk.Level == 1)
        {
            Base.Insert(virtualAddress, walk.Last);
            return new TlbMissResult(TlbMissSource.PageTable, walk.Last, SparcBits.PageShift);
        }

        ulong between = (1UL << TArch.LevelShift(walk.Level)) - (1UL << HardwareHugeShift);
        var half = new Pte((walk.Last.Raw & ~between) | (virtualAddress & between));
        Huge.Insert(virtualAddress, half);
        return new TlbMissResult(TlbMissSource.PageTable, half, HardwareHugeShift);
    }
}
