using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>Whether MADV_DONTNEED frees the tables that it empties is a property of the architecture's kernel.</summary>
public sealed class EmptyTableTests
{
    [Fact]
    public void X64_FreesThem() => Assert.False(KeepsTable<X64FourLevel>());

    [Fact]
    public void Sparc_KeepsThem() => Assert.True(KeepsTable<Sun4v>());

    private static bool KeepsTable<TArch>()
        where TArch : struct, IArchitecture
    {
        ulong span = HugePages<TArch, CheckedModel>.Span;
        using Machine<TArch, CheckedModel> machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions { RamBytes = 4 * span });
        uint space = machine.CreateAddressSpace();
        ulong start = 16 * span;
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, machine.Map(space, start, span, VmaFlags.Read | VmaFlags.Write));
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, start, [1], ref counters));
        Assert.Equal(MmResult.Ok, machine.Advise(space, start, span, Advice.DontNeed, ref counters));
        Assert.Empty(machine.Verify());
        return machine.Context.Tables.LeafTable(machine.Context.Spaces[space].Root, start) != 0;
    }
}
