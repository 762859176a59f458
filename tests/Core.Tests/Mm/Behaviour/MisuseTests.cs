using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>What a caller gets wrong is refused at the door, before anything was changed.</summary>
public sealed class MisuseTests
{
    private const ulong Start = BehaviourMachine<X64FourLevel>.Start;
    private const ulong Page = 4096;

    private FaultCounters faults;

    public enum Operation
    {
        Read,
        Write,
        Map,
        Unmap,
        Protect,
        Lock,
        Unlock,
        Move,
        Resize,
        Advise,
        Fork,
        Exit,
        Take,
        Dma,
        Register,
        WriteProtect,
    }

    public static TheoryData<Operation> Operations => [.. Enum.GetValues<Operation>()];

    [Theory]
    [MemberData(nameof(Operations))]
    public void Operation_OnAnAddressSpaceThatDoesNotLive_IsRefusedAndHarmsNobody(Operation operation)
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        uint first = m.Machine.CreateAddressSpace();
        uint second = m.Machine.CreateAddressSpace();
        m.Machine.Exit(first);
        m.Machine.Exit(second); // its record names the first one's in the free list
        foreach (uint gone in (uint[])[0, second, 8, uint.MaxValue])
            Assert.Throws<ArgumentException>(() => Do(m, operation, gone));
        m.Write(m.Process, 0, 1);
        m.Sound();
        Assert.NotEqual(0u, m.Machine.CreateAddressSpace());
        Assert.NotEqual(0u, m.Machine.CreateAddressSpace());
        m.Sound();
    }

    [Theory]
    [InlineData(16ul, Page)]
    [InlineData(0ul, 16ul)]
    [InlineData(Page, 0xFFFF_FFFF_FFFF_F000)]
    public void Range_ThatIsUnalignedOrWrapsAround_IsInvalid(ulong offset, ulong length)
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        Assert.Equal(MmResult.Invalid, m.Machine.Lock(m.Process, Start + offset, length, ref faults));
        Assert.Equal(MmResult.Invalid, m.Machine.Unlock(m.Process, Start + offset, length));
        Assert.Equal(MmResult.Invalid, m.Machine.Userfaultfd.Register(m.Process, Start + offset, Start + offset + length));
        Assert.Equal(MmResult.Ok, m.Machine.Userfaultfd.Register(m.Process, Start, Start + Page));
        Assert.Equal(MmResult.Invalid, m.Machine.Userfaultfd.WriteProtect(m.Process, Start + offset, Start + offset + length, protect: true));
        m.Sound();
    }

    [Theory]
    [InlineData(1ul << 48)]
    [InlineData(1ul << 63)]
    public void Transfer_WithBitsThatNoTableLooksAt_TouchesNoOtherAddressesPage(ulong bits)
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.Write(m.Process, 0, 1);
        MmResult result = m.Machine.Dma.TryBegin(
            m.Process, bits | Start, 8, DmaDirection.FromDevice, longTerm: false, out DmaTransfer? transfer, ref faults);
        Assert.Equal((MmResult.Fault, null), (result, transfer));
        m.Sound();
    }

    [Fact]
    public void Transfer_AroundTheEndOfAllAddresses_IsAFault()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        MmResult result = m.Machine.Dma.TryBegin(
            m.Process, ulong.MaxValue - 7, 16, DmaDirection.ToDevice, longTerm: false, out DmaTransfer? transfer, ref faults);
        Assert.Equal((MmResult.Fault, null), (result, transfer));
    }

    [Fact]
    public void Map_SharedMemoryWithoutAnObject_IsRefused()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        VmaFlags flags = VmaFlags.Read | VmaFlags.Write | VmaFlags.Shared;
        Assert.Throws<ArgumentException>(() => m.Machine.Map(m.Process, Start << 1, Page, flags));
        Assert.Throws<ArgumentException>(() => m.Machine.MapAnywhere(m.Process, Page, flags, out _));
        m.Sound();
    }

    [Theory]
    [InlineData(GupFlags.None)]
    [InlineData(GupFlags.Write | GupFlags.Force)]
    public void Taking_NeitherAReferenceNorAPin_IsRefused(GupFlags flags)
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.Write(m.Process, 0, 1);
        Assert.Throws<ArgumentException>(() => m.Machine.Gup.TryTake(m.Process, Start, flags, out _, ref faults));
        Assert.Throws<ArgumentException>(() => m.Machine.Gup.Put(m.Frame(m.Process, 0), flags));
        m.Sound();
    }

    private void Do(BehaviourMachine<X64FourLevel> m, Operation operation, uint space)
    {
        var machine = m.Machine;
        byte[] one = [1];
        _ = operation switch
        {
            Operation.Read => (int)machine.Read(space, Start, one, ref faults),
            Operation.Write => (int)machine.Write(space, Start, one, ref faults),
            Operation.Map => (int)machine.Map(space, Start + (1 << 30), Page, VmaFlags.Read | VmaFlags.Write),
            Operation.Unmap => (int)machine.Unmap(space, Start, Page),
            Operation.Protect => (int)machine.Protect(space, Start, Page, AccessRights.Read, ref faults),
            Operation.Lock => (int)machine.Lock(space, Start, Page, ref faults),
            Operation.Unlock => (int)machine.Unlock(space, Start, Page),
            Operation.Move => (int)machine.Move(space, Start, Start + (1 << 30), Page),
            Operation.Resize => (int)machine.Resize(space, Start, Page, 2 * Page, mayMove: true, out _),
            Operation.Advise => (int)machine.Advise(space, Start, Page, Advice.DontNeed, ref faults),
            Operation.Fork => (int)machine.Fork(space),
            Operation.Take => (int)machine.Gup.TryTake(space, Start, GupFlags.Get, out _, ref faults),
            Operation.Dma => (int)machine.Dma.TryBegin(space, Start, 1, DmaDirection.ToDevice, longTerm: false, out _, ref faults),
            Operation.Register => (int)machine.Userfaultfd.Register(space, Start, Start + Page),
            Operation.WriteProtect => (int)machine.Userfaultfd.WriteProtect(space, Start, Start + Page, protect: true),
            _ => Exit(machine, space),
        };
    }

    private static int Exit(Machine<X64FourLevel, Atomics.CheckedModel> machine, uint space)
    {
        machine.Exit(space);
        return 0;
    }

    /// <summary>A table entry that leads outside RAM is an error for whoever meets it, and no lock stays behind.</summary>
    [Fact]
    public async Task ADamagedTable_IsAnError_AndHoldsUpNobody()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.Write(m.Process, 0, 1);
        ulong sound = SetTopEntry(m, 0x000f_ffff_ffff_f067);
        MeetTheDamage(m);
        SetTopEntry(m, sound);
        ulong address = BehaviourMachine<X64FourLevel>.Address(0) << 4;
        Task<MmResult> writer = Task.Run(() => m.Machine.Map(m.Process, address, 4096, VmaFlags.Read));
        Assert.Same(writer, await Task.WhenAny(writer, Task.Delay(30_000, TestContext.Current.CancellationToken)));
    }

    private static ulong SetTopEntry(BehaviourMachine<X64FourLevel> m, ulong value)
    {
        uint root = m.Machine.Context.Spaces[m.Process].Root;
        ref ulong entry = ref m.Machine.Context.Tables.Entry(root, BehaviourMachine<X64FourLevel>.Start, 4);
        (ulong before, entry) = (entry, value);
        return before;
    }

    private static void MeetTheDamage(BehaviourMachine<X64FourLevel> m)
    {
        var faults = new FaultCounters();
        byte[] one = [1];
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        Assert.Throws<CorruptImageException>(() => m.Machine.Write(m.Process, address, one, ref faults));
        Assert.Throws<CorruptImageException>(() => m.Machine.Advise(m.Process, address, 4096, Advice.DontNeed, ref faults));
        Assert.Throws<CorruptImageException>(() => m.Machine.Lock(m.Process, address, 4096, ref faults));
        Assert.Throws<CorruptImageException>(() => m.Machine.Protect(m.Process, address, 4096, AccessRights.Read, ref faults));
    }
}
