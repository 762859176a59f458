using System.Runtime.InteropServices;

namespace PageTableEmu.Cli.Encodings;

/// <summary>Counts mispredicted branches of this thread where the machine and the system let it: Linux with a performance counter.</summary>
internal sealed partial class BranchMisses : IDisposable
{
    private const int Size = 128; // of perf_event_attr, as far as it is used here
    private const int HardwareEvents = 0;
    private const ulong Misses = 5; // PERF_COUNT_HW_BRANCH_MISSES
    private const ulong UserOnly = (1UL << 5) | (1UL << 6); // exclude_kernel, exclude_hv
    private readonly int descriptor;

    private BranchMisses(int descriptor) => this.descriptor = descriptor;

    /// <summary>A counter; null where there is none: another system, a virtual machine without one, or no permission.</summary>
    internal static BranchMisses? TryOpen()
    {
        long number = RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => 298, Architecture.Arm64 => 241, _ => 0 };
        if (!OperatingSystem.IsLinux() || number == 0)
            return null;
        byte[] attributes = new byte[Size];
        BitConverter.TryWriteBytes(attributes.AsSpan(0), HardwareEvents);
        BitConverter.TryWriteBytes(attributes.AsSpan(4), Size);
        BitConverter.TryWriteBytes(attributes.AsSpan(8), Misses);
        BitConverter.TryWriteBytes(attributes.AsSpan(40), UserOnly);
        long opened = Call(number, attributes, 0, -1, -1, 0);
        return opened < 0 ? null : new BranchMisses((int)opened);
    }

    /// <summary>Mispredicted branches so far.</summary>
    internal ulong Count
    {
        get
        {
            byte[] value = new byte[8];
            return Read(descriptor, value, value.Length) == value.Length ? BitConverter.ToUInt64(value) : 0;
        }
    }

    public void Dispose() => _ = Close(descriptor); // nothing could be done about a failure

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long Call(long number, byte[] attributes, int process, int processor, int group, ulong flags);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, byte[] buffer, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
