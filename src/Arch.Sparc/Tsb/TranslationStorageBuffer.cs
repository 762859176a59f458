using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>
/// A translation storage buffer: a direct-mapped table in memory of translations that a processor's miss handler looks at before it walks page tables
/// (arch/sparc/mm/tsb.c, arch/sparc/kernel/tsb.S).
/// </summary>
/// <remarks>
/// Protocol. An entry is a tag and a TTE. Who writes sets the tag's lock bit by compare-exchange, then stores the TTE, then the tag without the
/// bit. A processor loads both words at once; here the tag is read before and after the TTE, and a pair counts only if it did not change
/// between: a locked tag matches nobody. Flushing replaces the tag by one that matches nobody, waiting for a writer first. A
/// buffer belongs to one address space, so tags have no context.
/// </remarks>
/// <typeparam name="TModel">The rules.</typeparam>
/// <example>
/// <code>
/// TsbSize size = TsbSize.For(residentPages: 1000);
/// var buffer = new TranslationStorageBuffer&lt;Mainline&gt;(TsbKind.Base, size);
/// Pte entry = SparcLeaf&lt;Sun4vBits&gt;.MakeLeaf(0x1234, SparcLeaf&lt;Sun4vBits&gt;.ProtectionOf(AccessRights.Read), level: 1);
/// buffer.Insert(0x200000000, entry);
/// bool there = buffer.TryLookup(0x200001fff, out Pte found); // the same page
/// bool away = buffer.TryLookup(0x200000000 + (ulong)(size.Entries &lt;&lt; 13), out _); // another page, for which the same place is
///
/// // what the processor compares on a miss, and what the hypervisor is told of the buffer
/// bool same = TsbTag.WithoutContext(TsbTag.Target(0x200000000, context: 5)) == TsbTag.Of(0x200000000);
/// byte[] described = new byte[TsbDescriptor.Bytes];
/// new TsbDescriptor(buffer.Kind, buffer.Size, PhysicalAddress: 0x400000).WriteTo(described);
/// Console.WriteLine($"register {buffer.Register(0x400000):x}, descriptor {Convert.ToHexString(described)}");
/// </code>
/// </example>
public sealed class TranslationStorageBuffer<TModel>
    where TModel : IModel
{
    private const int HugeShift = 22;
    private const ulong AddressBitsOfIndex = (1UL << (HugeShift - SparcBits.PageShift)) - 1;

    private readonly ulong[] words;

    /// <summary>Makes an empty buffer.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The size code is not from 0 to 7.</exception>
    public TranslationStorageBuffer(TsbKind kind, TsbSize size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size.Code, nameof(size));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size.Code, TsbSize.LargestCode, nameof(size));
        Kind = kind;
        Size = size;
        words = new ulong[2 * size.Entries];
        for (int index = 0; index < size.Entries; index++)
            Tag(index) = TsbTag.Invalid;
    }

    /// <summary>What pages it is for.</summary>
    public TsbKind Kind { get; }

    /// <summary>How large it is.</summary>
    public TsbSize Size { get; }

    /// <summary>The entry that an address can be in.</summary>
    public int IndexOf(ulong virtualAddress) =>
        (int)(virtualAddress >> (Kind == TsbKind.Base ? SparcBits.PageShift : HugeShift)) & (Size.Entries - 1);

    /// <summary>The register that names the buffer: its address, aligned to its size, and the size code.</summary>
    /// <exception cref="ArgumentException">The address is not aligned.</exception>
    public ulong Register(ulong address) => (address & (ulong)(Size.Bytes - 1)) == 0
        ? address | (uint)Size.Code
        : throw new ArgumentException($"Address {address:x} is not aligned to {Size.Bytes} bytes.", nameof(address));

    /// <summary>Looks a translation up; false: the entry is another address's, empty, or being written.</summary>
    /// <param name="virtualAddress">The address, without a tag of memory.</param>
    /// <param name="entry">The TTE as it was inserted.</param>
    public bool TryLookup(ulong virtualAddress, out Pte entry)
    {
        int index = IndexOf(virtualAddress);
        ulong tag = TsbTag.Of(virtualAddress);
        entry = default;
        if (Atomic<TModel>.Load(ref Tag(index)) != tag)
            return false;
        var found = new Pte(Atomic<TModel>.Load(ref Tte(index)));
        Atomic<TModel>.Fence();
        if (Atomic<TModel>.Load(ref Tag(index)) != tag)
            return false;
        entry = found;
        return true;
    }

    /// <summary>Puts a translation in the place of what the entry holds.</summary>
    /// <exception cref="ArgumentException">The TTE is not valid: the processor would use it without asking whether it is.</exception>
    public void Insert(ulong virtualAddress, Pte entry)
    {
        if ((entry.Raw & SparcBits.Valid) == 0)
            throw new ArgumentException($"TTE {entry} is not valid.", nameof(entry));
        int index = IndexOf(virtualAddress);
        ref ulong tag = ref Tag(index);
        LockEntry(ref tag);
        Atomic<TModel>.Store(ref Tte(index), entry.Raw);
        Atomic<TModel>.Store(ref tag, TsbTag.Of(virtualAddress));
    }

    /// <summary>Takes the translation of an address out, before or after the page table changes and before the TLB is flushed.</summary>
    public void Flush(ulong virtualAddress)
    {
        ref ulong tag = ref Tag(IndexOf(virtualAddress));
        while (true)
        {
            TModel.WaitUntil(ref tag, TsbTag.Lock, 0);
            ulong seen = Atomic<TModel>.Load(ref tag);
            if ((seen & TsbTag.Lock) != 0)
                continue;
            if (seen != TsbTag.Of(virtualAddress) || Atomic<TModel>.CompareExchange(ref tag, TsbTag.Invalid, seen) == seen)
                return;
        }
    }

    /// <summary>A larger or smaller buffer with all translations of this one, for an address space whose number of resident pages changed.</summary>
    /// <remarks>Nobody writes this buffer meanwhile: the processors that use the address space are told to switch after it.</remarks>
    public TranslationStorageBuffer<TModel> Resized(TsbSize size)
    {
        var other = new TranslationStorageBuffer<TModel>(Kind, size);
        for (int index = 0; index < Size.Entries; index++)
        {
            ulong tag = Atomic<TModel>.Load(ref Tag(index));
            if ((tag & (TsbTag.Lock | TsbTag.Invalid)) != 0)
                continue;
            ulong low = Kind == TsbKind.Base ? ((ulong)index & AddressBitsOfIndex) << SparcBits.PageShift : 0;
            other.Insert((tag << TsbTag.AddressShift) | low, new Pte(Atomic<TModel>.Load(ref Tte(index))));
        }

        return other;
    }

    private static void LockEntry(ref ulong tag)
    {
        while (true)
        {
            TModel.WaitUntil(ref tag, TsbTag.Lock, 0);
            ulong seen = Atomic<TModel>.Load(ref tag);
            if ((seen & TsbTag.Lock) == 0 && Atomic<TModel>.CompareExchange(ref tag, seen | TsbTag.Lock, seen) == seen)
                return;
        }
    }

    private ref ulong Tag(int index) => ref words[2 * index];

    private ref ulong Tte(int index) => ref words[(2 * index) + 1];
}
