namespace PageTableEmu.Mm;

/// <summary>Which way a device moves data.</summary>
/// <seealso cref="DmaEngine{TArch, TModel}"/>
public enum DmaDirection
{
    /// <summary>From memory to the device (a write to a file): the pages are pinned for reading.</summary>
    ToDevice,

    /// <summary>From the device into memory (a read of a file): the pages are pinned for writing.</summary>
    FromDevice,
}
