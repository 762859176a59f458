using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>A machine of a few hundred pages, which checks itself.</summary>
internal static class SmallMachine<TArch>
    where TArch : struct, IArchitecture
{
    internal const uint Frames = 256;
    internal const uint Slots = 512;

    internal static Machine<TArch, CheckedModel> Create() => Machine<TArch, CheckedModel>.Create(new MachineImageOptions
    {
        RamBytes = (ulong)Frames << TArch.PageShift,
        SwapSlots = Slots,
        SwapStoreSlots = Slots,
        AddressSpaces = 8,
        Vmas = 64,
        AnonVmas = 64,
        AnonVmaChains = 256,
        SharedObjects = 16,
        SharedIndexBlocks = 16,
    });
}
