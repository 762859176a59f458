using System.Buffers.Binary;

namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>What sun4v's hypervisor is told of a translation storage buffer (struct hv_tsb_descr): 32 bytes, big-endian.</summary>
/// <param name="Kind">Which buffer.</param>
/// <param name="Size">Its size.</param>
/// <param name="PhysicalAddress">Where it lies.</param>
/// <seealso cref="TranslationStorageBuffer{TModel}"/>
public readonly record struct TsbDescriptor(TsbKind Kind, TsbSize Size, ulong PhysicalAddress)
{
    /// <summary>Bytes of a descriptor.</summary>
    public const int Bytes = 32;

    private const ushort Associativity = 1;
    private const int BasePageCode = 0;
    private const int HugePageCode = 3;

    /// <summary>The hypervisor's number of the smallest page size in the buffer: 0 is 8 KiB, 3 is 4 MiB.</summary>
    public int PageSizeCode => Kind == TsbKind.Base ? BasePageCode : HugePageCode;

    /// <summary>Writes the descriptor: page size, associativity, entries, context index, mask of page sizes, address, reserved.</summary>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public void WriteTo(Span<byte> destination)
    {
        if (destination.Length < Bytes)
            throw new ArgumentException($"A descriptor has {Bytes} bytes, the destination {destination.Length}.", nameof(destination));
        destination[..Bytes].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)PageSizeCode);
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], Associativity);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], (uint)Size.Entries);
        BinaryPrimitives.WriteUInt32BigEndian(destination[12..], 1u << PageSizeCode);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], PhysicalAddress);
    }
}
