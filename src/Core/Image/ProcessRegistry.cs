using PageTableEmu.Atomics;
using PageTableEmu.Platform;

namespace PageTableEmu.Image;

/// <summary>
/// Which processes have an image attached. A record is claimed by compare-exchange when a process attaches and cleared when it detaches;
/// the records of processes that died stay, for whoever repairs the image, until all records are in use.
/// </summary>
internal static class ProcessRegistry
{
    /// <summary>
    /// Whether a lock word names an owner that may still run. Threads are numbered from 1, so a word with no thread or no process was
    /// written by nobody.
    /// </summary>
    internal static bool MayBeAlive(ulong owner)
    {
        uint process = (uint)(owner >> 32);
        return process != 0 && (uint)owner != 0 && HostPlatform.IsAlive(process);
    }

    /// <summary>Enters the calling process; returns the number of its record.</summary>
    /// <exception cref="InvalidOperationException">As many processes as the registry has records are attached.</exception>
    internal static ulong Enter(MachineImage image)
    {
        ulong self = ((ulong)Owner.Process << 32) | (HostPlatform.Current.ProcessStart(Owner.Process) ?? 1);
        ulong capacity = image.Capacity(MetadataRegion.Processes);
        for (ulong index = 0; index < capacity; index++)
        {
            if (Atomic<Mainline>.CompareExchange(ref Word(image, index), self, 0) == 0)
                return index;
        }

        for (ulong index = 0; index < capacity; index++)
        {
            ulong seen = Atomic<Mainline>.Load(ref Word(image, index));
            if (!IsAlive(seen) && Atomic<Mainline>.CompareExchange(ref Word(image, index), self, seen) == seen)
                return index;
        }

        throw new InvalidOperationException($"{capacity} processes are attached, which is the most an image allows.");
    }

    internal static void Leave(MachineImage image, ulong index) => Atomic<Mainline>.Store(ref Word(image, index), 0);

    internal static List<AttachedProcess> List(MachineImage image)
    {
        var processes = new List<AttachedProcess>();
        for (ulong index = 0; index < image.Capacity(MetadataRegion.Processes); index++)
        {
            ulong identity = Atomic<Mainline>.Load(ref Word(image, index));
            if (identity != 0)
                processes.Add(new AttachedProcess((uint)(identity >> 32), (uint)identity, IsAlive(identity)));
        }

        return processes;
    }

    private static bool IsAlive(ulong identity) => HostPlatform.Current.ProcessStart((uint)(identity >> 32)) is { } start && start == (uint)identity;

    private static ref ulong Word(MachineImage image, ulong index) => ref image.Record<ProcessRecord>(MetadataRegion.Processes, index).Identity;
}
