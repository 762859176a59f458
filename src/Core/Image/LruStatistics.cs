using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>Lengths of lists in pages, as of the last time somebody summed them up.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LruStatistics
{
    internal ulong InactiveAnon;
    internal ulong ActiveAnon;
    internal ulong InactiveFile;
    internal ulong ActiveFile;
}
