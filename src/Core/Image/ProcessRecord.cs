using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>One attached process, in <see cref="MetadataRegion.Processes"/>.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct ProcessRecord
{
    /// <summary>
    /// <c>[ process id : 32 | start : 32 ]</c>, 0 when the record is free. One word, so that claiming it and saying by whom is one step.
    /// </summary>
    public ulong Identity;
}
