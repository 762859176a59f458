namespace PageTableEmu.Mm.Userfaults;

/// <summary>Why a userfaultfd is asked (UFFD_PAGEFAULT_FLAG_*).</summary>
/// <seealso cref="UserfaultQueue{TArch, TModel}"/>
public enum UserfaultKind
{
    /// <summary>The page is not there: COPY, ZEROPAGE, MOVE or POISON resolves it.</summary>
    Missing,

    /// <summary>A store to a write-protected page: ending the protection resolves it.</summary>
    WriteProtect,

    /// <summary>The shared object has the page, but it is not mapped: CONTINUE resolves it.</summary>
    Minor,
}
