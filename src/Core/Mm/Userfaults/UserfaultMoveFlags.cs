namespace PageTableEmu.Mm.Userfaults;

/// <summary>How pages are moved (UFFDIO_MOVE_MODE_*).</summary>
/// <example>
/// <code>
/// machine.Userfaultfd.Open(process, UserfaultFeatures.None);
/// machine.Userfaultfd.Register(process, start + 0x1000, end, UserfaultModes.Missing);
/// machine.Userfaultfd.Move(process, start + 0x1000, start, 0x1000, UserfaultMoveFlags.None, out ulong moved);
/// </code>
/// </example>
[Flags]
public enum UserfaultMoveFlags
{
    /// <summary>Every page of the source must be there, and who waits for the destination is woken.</summary>
    None = 0,

    /// <summary>Nobody is woken (UFFDIO_MOVE_MODE_DONTWAKE).</summary>
    DontWake = 1,

    /// <summary>Pages that are not there are passed over (UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES).</summary>
    AllowSourceHoles = 2,
}
