using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>A machine that has address spaces and VMAs but no page tables.</summary>
internal sealed class StructureMachine : IDisposable
{
    public const int PageShift = 12;

    public StructureMachine(uint vmas = 4096, uint anonVmas = 4096, uint chains = 16384)
    {
        Image = MachineImage.CreatePrivate(new MachineImageOptions
        {
            RamBytes = 1 << 20,
            AddressSpaces = 64,
            Vmas = vmas,
            AnonVmas = anonVmas,
            AnonVmaChains = chains,
            SwapSlots = 64,
            SwapStoreSlots = 64,
        });
        Folios = new Folios<CheckedModel>(Image);
        Spaces = new AddressSpaces<CheckedModel>(Folios, Image);
        Vmas = new Vmas<CheckedModel>(Spaces, Image);
        ReverseMap = new ReverseMap<CheckedModel>(Vmas);
        Verifier = new VmaVerifier<CheckedModel>(Vmas);
    }

    public MachineImage Image { get; }

    public Folios<CheckedModel> Folios { get; }

    public AddressSpaces<CheckedModel> Spaces { get; }

    public Vmas<CheckedModel> Vmas { get; }

    public ReverseMap<CheckedModel> ReverseMap { get; }

    public VmaVerifier<CheckedModel> Verifier { get; }

    /// <summary>A link record, read straight from the image.</summary>
    public AnonVmaChain Link(uint link) => Image.Record<AnonVmaChain>(MetadataRegion.AnonVmaChains, link - 1);

    /// <summary>An anon_vma record, read straight from the image.</summary>
    public AnonVma AnonVma(uint anonVma) => Image.Record<AnonVma>(MetadataRegion.AnonVmas, anonVma - 1);

    /// <summary>Maps private memory; page numbers.</summary>
    public uint Map(uint mm, ulong start, ulong end, VmaFlags flags = VmaFlags.Read | VmaFlags.Write) =>
        Vmas.TryMap(mm, start << PageShift, end << PageShift, flags, start, 0);

    /// <summary>Maps private memory that has an anon_vma.</summary>
    public uint MapTouched(uint mm, ulong start, ulong end, VmaFlags flags = VmaFlags.Read | VmaFlags.Write)
    {
        uint vma = Map(mm, start, end, flags);
        Assert.True(Vmas.TryPrepareAnonVma(vma));
        return vma;
    }

    /// <summary>A child with copies of all VMAs. The caller holds what locks it needs.</summary>
    public uint Fork(uint parent)
    {
        uint child = Spaces.TryCreate();
        for (uint vma = Vmas.FindFirstEndingAbove(parent, 0); vma != 0; vma = Vmas.Next(vma))
        {
            uint copy = Vmas.TryClone(vma, child);
            Assert.True(Vmas.TryForkAnonVma(copy, vma));
        }

        return child;
    }

    public void RemoveAll(uint mm)
    {
        for (uint vma = Vmas.FindFirstEndingAbove(mm, 0); vma != 0; vma = Vmas.FindFirstEndingAbove(mm, 0))
            Vmas.Remove(vma);
    }

    public void Exit(uint mm)
    {
        RemoveAll(mm);
        Spaces.Destroy(mm);
    }

    public void AssertSound() => Assert.Empty(Verifier.VerifyAll().Concat(Verifier.VerifyFrames()));

    public void AssertNothingLeft()
    {
        AssertSound();
        Assert.Equal((0u, 0u, 0u, 0u), (Spaces.Count, Vmas.InUse, Vmas.AnonVmasInUse, Vmas.AnonVmaChainsInUse));
    }

    public void Dispose() => Image.Dispose();
}
