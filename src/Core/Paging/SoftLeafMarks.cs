namespace PageTableEmu.Paging;

/// <summary>Marks of a non-present entry that are kept beside type and offset.</summary>
/// <seealso cref="SoftLeaf"/>
[Flags]
public enum SoftLeafMarks
{
    /// <summary>No mark.</summary>
    None = 0,

    /// <summary>The page belonged to this entry alone (only on swap entries).</summary>
    Exclusive = 1,

    /// <summary>Written since the last clear_refs.</summary>
    SoftDirty = Exclusive << 1,

    /// <summary>Write-protected by userfaultfd.</summary>
    UffdWp = SoftDirty << 1,
}
