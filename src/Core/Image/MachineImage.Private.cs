namespace PageTableEmu.Image;

/// <content>Cheap copies of machines in private memory, for those who bring one back to the same state many times.</content>
public sealed unsafe partial class MachineImage
{
    /// <summary>First byte of RAM in this process.</summary>
    internal nuint RamAddress => (nuint)ram;

    /// <summary>First byte of the metadata image in this process.</summary>
    internal nuint MetadataAddress => (nuint)metadata;

    /// <summary>All of RAM; only after <see cref="CopyTo"/> or <see cref="RestoreFrom"/> committed it.</summary>
    // Safe: the span is as long as the mapping.
    internal Span<byte> RamBytes => new(ram, (int)Options.RamBytes);

    /// <summary>All of the metadata image; only after <see cref="CopyTo"/> or <see cref="RestoreFrom"/> committed it.</summary>
    // Safe: the span is as long as the mapping.
    internal Span<byte> MetadataSpan => new(metadata, (int)layout.MetadataBytes);
}
