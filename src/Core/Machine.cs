using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu;

/// <summary>
/// A machine's anonymous memory, by Linux 6.18 rules: the front door for whoever embeds the library. <see cref="Machine{TArch, TModel}"/>
/// lets one choose other rules.
/// </summary>
/// <example>
/// <code>
/// using var machine = Machine&lt;X64FourLevel&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// machine.SwapOn(SwapAreaOptions.Zram(4096), out uint area);
/// uint process = machine.CreateAddressSpace();
/// machine.Map(process, 0x10000, 0x4000, VmaFlags.Read | VmaFlags.Write);
/// var faults = new FaultCounters();
/// machine.Write(process, 0x10000, "hello"u8, ref faults);
/// </code>
/// </example>
public sealed class Machine<TArch> : Machine<TArch, Mainline>
    where TArch : struct, IArchitecture
{
    private Machine(MachineImage image, bool isNew)
        : base(image, isNew)
    {
    }

    /// <summary>Creates a machine in private memory of this process.</summary>
    /// <inheritdoc cref="Machine{TArch, TModel}.Create(MachineImageOptions)"/>
    public static new Machine<TArch> Create(MachineImageOptions options) => new(MachineImage.CreatePrivate(ForArchitecture(options)), isNew: true);

    /// <summary>Creates a machine in shared memory.</summary>
    /// <inheritdoc cref="Machine{TArch, TModel}.Create(ImageLocation, MachineImageOptions)"/>
    public static new Machine<TArch> Create(ImageLocation location, MachineImageOptions options) =>
        new(MachineImage.Create(location, ForArchitecture(options)), isNew: true);

    /// <summary>Attaches to a machine in shared memory.</summary>
    /// <inheritdoc cref="Machine{TArch, TModel}.Attach(ImageLocation)"/>
    public static new Machine<TArch> Attach(ImageLocation location) =>
        new(MachineImage.Attach(location, new AttachOptions { ArchitectureId = TArch.Id }), isNew: false);
}
