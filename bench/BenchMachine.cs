using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench;

/// <summary>A machine with one empty x86-64 tree.</summary>
public sealed class BenchMachine : IDisposable
{
    public BenchMachine(ulong ramBytes, uint swapSlots = 4096)
    {
        Image = MachineImage.CreatePrivate(new MachineImageOptions { RamBytes = ramBytes, SwapSlots = swapSlots, SwapStoreSlots = swapSlots });
        Folios = new Folios<Mainline>(Image);
        Tree = PageTable<X64FourLevel, Mainline>.TryCreate(new PageTables<X64FourLevel, Mainline>(Image, Folios))
            ?? throw new InvalidOperationException("RAM is too small for a root table.");
    }

    public static Protection Writable { get; } = Of<X64FourLevel>(AccessRights.Read | AccessRights.Write | AccessRights.Shared);

    public MachineImage Image { get; }

    public Folios<Mainline> Folios { get; }

    public PageTable<X64FourLevel, Mainline> Tree { get; }

    public void Dispose() => Image.Dispose();

    private static Protection Of<TArch>(AccessRights rights)
        where TArch : struct, IArchitecture => TArch.ProtectionOf(rights);
}
