using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>
/// The first 512 bytes of the metadata image: 64-bit fields, each followed by its complement, so that a damaged bit is attributed to the
/// field it is in. The rest is zero. Little-endian whatever the guest's byte order.
/// </summary>
internal sealed class ImageHeader
{
    internal const ulong Magic = 0x554D_4545_4C42_5450; // "PTBLEEMU" as bytes
    internal const ulong Version = 1;

    private enum Field
    {
        Magic,
        Version,
        MetadataBytes,
        RamIdentity,
        RamBytes,
        PageShift,
        HugeShift,
        ArchitectureId,
        ReservedFrames,
        SwapSlots,
        SwapStoreSlots,
        SwapClusterSlots,
        SwapOverflows,
        AddressSpaces,
        Vmas,
        AnonVmas,
        AnonVmaChains,
        SharedObjects,
        SharedIndexBlocks,
        KsmSlots,
        KsmItems,
        KsmNodes,
        TagBytesPerPage,
        TagBuffers,
        AddressTagBuffers,
        Count,
    }

    internal required MachineImageOptions Options { get; init; }

    /// <summary>Inode number or the like of the RAM image this metadata belongs to; 0 when the platform has none.</summary>
    internal required ulong RamIdentity { get; init; }

    internal static ImageHeader Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < ImageLayout.HeaderBytes)
            throw new CorruptImageException(nameof(Field.MetadataBytes), $"the metadata image is truncated to {bytes.Length} bytes");
        // copied, so that nobody changes it while it is checked
        ulong[] words = MemoryMarshal.Cast<byte, ulong>(bytes[..ImageLayout.HeaderBytes]).ToArray();
        CheckMagicAndVersion(words);
        for (Field field = 0; field < Field.Count; field++)
            CheckPair(words, field);
        for (int index = 2 * (int)Field.Count; index < words.Length; index++)
        {
            if (words[index] != 0)
                throw new CorruptImageException("Reserved", $"header word {index} is 0x{words[index]:x} and must be 0");
        }

        MachineImageOptions options = ReadOptions(words);
        ulong bytesNeeded = new ImageLayout(options).MetadataBytes;
        if (words[2 * (int)Field.MetadataBytes] != bytesNeeded)
            throw new CorruptImageException(nameof(Field.MetadataBytes),
                $"{words[2 * (int)Field.MetadataBytes]} bytes, but the capacities make {bytesNeeded}");
        return new ImageHeader { Options = options, RamIdentity = words[2 * (int)Field.RamIdentity] };
    }

    /// <summary>Writes all fields; the magic goes last, so that a half-written header is a foreign one.</summary>
    internal void Write(Span<byte> bytes)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes[..ImageLayout.HeaderBytes]);
        for (Field field = Field.Count - 1; field >= 0; field--)
        {
            ulong value = Value(field);
            words[(2 * (int)field) + 1] = ~value;
            words[2 * (int)field] = value;
        }
    }

    private static void CheckMagicAndVersion(ulong[] words)
    {
        // With the complement right, the value is what somebody meant to write: then the image is foreign or of another version. Else it is damaged.
        if (words[0] != Magic)
            throw new CorruptImageException(nameof(Field.Magic), $"0x{words[0]:x16} is not 0x{Magic:x16}: not a metadata image");
        CheckPair(words, Field.Magic);
        CheckPair(words, Field.Version);
        if (words[2] != Version)
            throw new CorruptImageException(nameof(Field.Version), $"version {words[2]}, this library reads {Version}");
    }

    private static void CheckPair(ulong[] words, Field field)
    {
        ulong value = words[2 * (int)field];
        ulong complement = words[(2 * (int)field) + 1];
        if (value != ~complement)
            throw new CorruptImageException(field.ToString(), $"0x{value:x} and its complement 0x{complement:x} do not belong together");
    }

    private static MachineImageOptions ReadOptions(ulong[] words)
    {
        uint Narrow(Field field)
        {
            ulong value = words[2 * (int)field];
            return value <= uint.MaxValue ? (uint)value : throw new CorruptImageException(field.ToString(), $"{value} is above {uint.MaxValue}");
        }

        int Signed(Field field) => Narrow(field) is var value && value <= 1024
            ? (int)value
            : throw new CorruptImageException(field.ToString(), $"{value} is above 1024");

        var options = new MachineImageOptions
        {
            RamBytes = words[2 * (int)Field.RamBytes],
            PageShift = Signed(Field.PageShift),
            HugeShift = Signed(Field.HugeShift),
            ArchitectureId = Narrow(Field.ArchitectureId),
            ReservedFrames = Narrow(Field.ReservedFrames),
            SwapSlots = Narrow(Field.SwapSlots),
            SwapStoreSlots = Narrow(Field.SwapStoreSlots),
            SwapClusterSlots = Signed(Field.SwapClusterSlots),
            SwapOverflows = Narrow(Field.SwapOverflows),
            AddressSpaces = Narrow(Field.AddressSpaces),
            Vmas = Narrow(Field.Vmas),
            AnonVmas = Narrow(Field.AnonVmas),
            AnonVmaChains = Narrow(Field.AnonVmaChains),
            SharedObjects = Narrow(Field.SharedObjects),
            SharedIndexBlocks = Narrow(Field.SharedIndexBlocks),
            KsmSlots = Narrow(Field.KsmSlots),
            KsmItems = Narrow(Field.KsmItems),
            KsmNodes = Narrow(Field.KsmNodes),
            TagBytesPerPage = Narrow(Field.TagBytesPerPage) is var tagBytes && tagBytes <= 4096
                ? (int)tagBytes
                : throw new CorruptImageException(nameof(Field.TagBytesPerPage), $"{tagBytes} is above 4096"),
            TagBuffers = Narrow(Field.TagBuffers),
            AddressTagBuffers = Narrow(Field.AddressTagBuffers),
        };
        try
        {
            options.Validate();
        }
        catch (ArgumentOutOfRangeException wrong)
        {
            throw new CorruptImageException(wrong.ParamName ?? "Options", wrong.Message);
        }

        return options;
    }

    private ulong Value(Field field) => field switch
    {
        Field.Magic => Magic,
        Field.Version => Version,
        Field.MetadataBytes => new ImageLayout(Options).MetadataBytes,
        Field.RamIdentity => RamIdentity,
        Field.RamBytes => Options.RamBytes,
        Field.PageShift => (ulong)Options.PageShift,
        Field.HugeShift => (ulong)Options.HugeShift,
        Field.ArchitectureId => Options.ArchitectureId,
        Field.ReservedFrames => Options.ReservedFrames,
        Field.SwapSlots => Options.SwapSlots,
        Field.SwapStoreSlots => Options.SwapStoreSlots,
        Field.SwapClusterSlots => (ulong)Options.SwapClusterSlots,
        Field.SwapOverflows => Options.SwapOverflows,
        Field.AddressSpaces => Options.AddressSpaces,
        Field.Vmas => Options.Vmas,
        Field.AnonVmas => Options.AnonVmas,
        Field.AnonVmaChains => Options.AnonVmaChains,
        Field.SharedObjects => Options.SharedObjects,
        Field.SharedIndexBlocks => Options.SharedIndexBlocks,
        Field.KsmSlots => Options.KsmSlots,
        Field.KsmItems => Options.KsmItems,
        Field.KsmNodes => Options.KsmNodes,
        Field.TagBytesPerPage => (ulong)Options.TagBytesPerPage,
        Field.TagBuffers => Options.TagBuffers,
        Field.AddressTagBuffers => Options.AddressTagBuffers,
        _ => throw new ArgumentOutOfRangeException(nameof(field), field, "not a header field"),
    };
}
