namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>Which of the two translation storage buffers of an address space.</summary>
/// <seealso cref="TranslationStorageBuffer{TModel}"/>
public enum TsbKind
{
    /// <summary>Of base pages: 8 KiB apiece.</summary>
    Base,

    /// <summary>Of huge pages: 4 MiB apiece, of which two make a huge page of Linux.</summary>
    Huge,
}
