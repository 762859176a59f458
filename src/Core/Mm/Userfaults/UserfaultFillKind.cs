namespace PageTableEmu.Mm.Userfaults;

/// <summary>How a missing page is filled.</summary>
internal enum UserfaultFillKind
{
    /// <summary>With a frame of given content (UFFDIO_COPY).</summary>
    Copy,

    /// <summary>With zeroes (UFFDIO_ZEROPAGE).</summary>
    Zero,

    /// <summary>With the page that the shared object has (UFFDIO_CONTINUE).</summary>
    Continue,

    /// <summary>With a marker that makes every access a bus error (UFFDIO_POISON).</summary>
    Poison,
}
