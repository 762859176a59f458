namespace PageTableEmu.Mm.Userfaults;

/// <summary>A fault that waits for a userfaultfd (struct uffd_msg of the event UFFD_EVENT_PAGEFAULT).</summary>
/// <param name="Space">The address space.</param>
/// <param name="Address">First byte of the page.</param>
/// <param name="Kind">Why it is asked.</param>
/// <param name="IsWrite">Whether the access is a store.</param>
/// <seealso cref="IUserfaultHandler"/>
public readonly record struct UserfaultMessage(uint Space, ulong Address, UserfaultKind Kind, bool IsWrite)
{
    /// <summary>The message of a fault that ended in one of the results of <see cref="FaultResult.Userfault"/>.</summary>
    internal static UserfaultMessage Of(uint space, ulong page, FaultResult result, bool isWrite)
    {
        UserfaultKind kind = UserfaultKind.Missing;
        if ((result & FaultResult.UserfaultWriteProtect) != 0)
            kind = UserfaultKind.WriteProtect;
        else if ((result & FaultResult.UserfaultMinor) != 0)
            kind = UserfaultKind.Minor;
        return new UserfaultMessage(space, page, kind, isWrite);
    }
}
