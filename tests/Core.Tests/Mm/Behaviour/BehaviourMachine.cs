using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>A small machine with one process that maps some pages, for tests that tell a story.</summary>
internal sealed class BehaviourMachine<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    internal const ulong Start = 1UL << 32;

    private FaultCounters faults;

    internal BehaviourMachine(uint frames = 256, uint pages = 16)
    {
        Machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions
        {
            RamBytes = (ulong)frames << TArch.PageShift,
            SwapSlots = 1024,
            SwapStoreSlots = 1024,
            AddressSpaces = 8,
            Vmas = 256,
            AnonVmas = 256,
            AnonVmaChains = 512,
        });
        FreeAtStart = Machine.Context.Folios.Allocator.FreeCount;
        Process = Machine.CreateAddressSpace();
        Pages = pages;
        if (Process != 0)
            Mapped = Machine.Map(Process, Start, Bytes(pages), VmaFlags.Read | VmaFlags.Write);
    }

    internal Machine<TArch, CheckedModel> Machine { get; }

    internal uint Process { get; }

    internal uint Pages { get; }

    internal MmResult Mapped { get; } = MmResult.NoMemory;

    internal uint FreeAtStart { get; }

    internal uint SwapOn(bool synchronous)
    {
        SwapAreaOptions options = synchronous ? SwapAreaOptions.Zram(1024) : new SwapAreaOptions { Slots = 1024 };
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(options, out uint area));
        return area;
    }

    internal static ulong Bytes(uint pages) => (ulong)pages << TArch.PageShift;

    internal static ulong Address(uint page) => Start + Bytes(page);

    /// <summary>Stores one byte and returns the faults that took.</summary>
    internal (int Minor, int Major) Write(uint process, uint page, byte value, int offset = 0)
    {
        faults = default;
        Assert.Equal(UserAccessResult.Ok, Machine.Write(process, Address(page) + (uint)offset, [value], ref faults));
        return ((int)faults.Minor, (int)faults.Major);
    }

    /// <summary>Loads one byte and returns it with the faults that took.</summary>
    internal (int Value, int Minor, int Major) Read(uint process, uint page, int offset = 0)
    {
        faults = default;
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, Machine.Read(process, Address(page) + (uint)offset, one, ref faults));
        return (one[0], (int)faults.Minor, (int)faults.Major);
    }

    internal MmResult Advise(uint process, uint page, uint count, Advice advice) =>
        Machine.Advise(process, Address(page), Bytes(count), advice, ref faults);

    internal Pte Entry(uint process, uint page)
    {
        uint table = Machine.Context.Tables.LeafTable(Machine.Context.Spaces[process].Root, Address(page));
        return table == 0 ? default : PageTables<TArch, CheckedModel>.Load(ref Machine.Context.Tables.Entry(table, Address(page)));
    }

    internal uint Frame(uint process, uint page) => MmContext<TArch, CheckedModel>.NormalFrame(Entry(process, page));

    internal SoftLeafKind KindOf(uint process, uint page) => Machine.Context.Decode(Entry(process, page)).Kind;

    internal void Sound(IReadOnlyDictionary<uint, uint>? held = null) => Assert.Empty(Machine.Verify(held));

    public void Dispose() => Machine.Dispose();
}
