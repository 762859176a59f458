namespace PageTableEmu.Image;

/// <summary>What an attacher expects of an image.</summary>
public sealed record AttachOptions
{
    /// <summary>The architecture that the page tables must hold entries of; 0 accepts any.</summary>
    public uint ArchitectureId { get; init; }

    /// <summary>
    /// Accept that the RAM image is another file than the one the metadata was made with (both were copied or restored from a backup), and
    /// write its identity into the metadata. Whoever sets this answers for the pair.
    /// </summary>
    public bool AcceptCopiedRam { get; init; }
}
