using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Selftests;

/// <summary>The 21 checks of the kernel's selftest mm/madv_populate.c, under its names: what each call returns and leaves behind.</summary>
public abstract class MadvPopulateTests<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const ulong Start = 1UL << 32;
    private const uint Pages = 512;
    private const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    private readonly Machine<TArch, CheckedModel> machine = Machine<TArch, CheckedModel>.Create(new() { RamBytes = 2048ul << TArch.PageShift });
    private readonly uint process;
    private FaultCounters counters;

    protected MadvPopulateTests()
    {
        process = machine.CreateAddressSpace();
    }

    private delegate bool Check(MadvPopulateTests<TArch> test);

    private static (string Test, string Name, Check Holds)[] Table { get; } =
    [
        ("test_prot_read", "MADV_POPULATE_READ with PROT_READ", t => t.Map(VmaFlags.Read).Populate(Advice.PopulateRead) == MmResult.Ok),
        ("test_prot_read", "MADV_POPULATE_WRITE with PROT_READ", t => t.Map(VmaFlags.Read).Populate(Advice.PopulateWrite) == MmResult.Invalid),
        ("test_prot_write", "MADV_POPULATE_READ with PROT_WRITE", t => t.Map(VmaFlags.Write).Populate(Advice.PopulateRead) == MmResult.Invalid),
        ("test_prot_write", "MADV_POPULATE_WRITE with PROT_WRITE", t => t.Map(VmaFlags.Write).Populate(Advice.PopulateWrite) == MmResult.Ok),
        ("test_holes", "MADV_POPULATE_READ with holes in the middle", t => t.Hole().Populate(Advice.PopulateRead) == MmResult.NoMemory),
        ("test_holes", "MADV_POPULATE_WRITE with holes in the middle", t => t.Hole().Populate(Advice.PopulateWrite) == MmResult.NoMemory),
        ("test_holes", "MADV_POPULATE_READ with holes at the end", t => t.Hole().Populate(Advice.PopulateRead, 0, 2) == MmResult.NoMemory),
        ("test_holes", "MADV_POPULATE_WRITE with holes at the end", t => t.Hole().Populate(Advice.PopulateWrite, 0, 2) == MmResult.NoMemory),
        ("test_holes", "MADV_POPULATE_READ with holes at the beginning",
            t => t.Hole().Populate(Advice.PopulateRead, 1, Pages - 1) == MmResult.NoMemory),
        ("test_holes", "MADV_POPULATE_WRITE with holes at the beginning",
            t => t.Hole().Populate(Advice.PopulateWrite, 1, Pages - 1) == MmResult.NoMemory),
        ("test_populate_read", "read range initially not populated", t => t.Map(ReadWrite).Count(IsPresent) == 0),
        ("test_populate_read", "MADV_POPULATE_READ", t => t.Map(ReadWrite).Populate(Advice.PopulateRead) == MmResult.Ok),
        ("test_populate_read", "read range is populated", t => t.After(Advice.PopulateRead).Count(IsPresent) == Pages),
        ("test_populate_write", "write range initially not populated", t => t.Map(ReadWrite).Count(IsPresent) == 0),
        ("test_populate_write", "MADV_POPULATE_WRITE", t => t.Map(ReadWrite).Populate(Advice.PopulateWrite) == MmResult.Ok),
        ("test_populate_write", "write range is populated", t => t.After(Advice.PopulateWrite).Count(IsPresent) == Pages),
        ("test_softdirty", "cleared range is not softdirty", t => t.Map(ReadWrite).Count(IsSoftDirty) == 0),
        ("test_softdirty", "MADV_POPULATE_READ", t => t.Map(ReadWrite).Populate(Advice.PopulateRead) == MmResult.Ok),
        ("test_softdirty", "range is not softdirty after MADV_POPULATE_READ", t => t.After(Advice.PopulateRead).Count(IsSoftDirty) == 0),
        ("test_softdirty", "MADV_POPULATE_WRITE", t => t.After(Advice.PopulateRead).Populate(Advice.PopulateWrite) == MmResult.Ok),
        ("test_softdirty", "range is softdirty after MADV_POPULATE_WRITE",
            t => t.After(Advice.PopulateRead, Advice.PopulateWrite).Count(IsSoftDirty) == Pages),
    ];

    public static TheoryData<int, string, string> Rows
    {
        get
        {
            var rows = new TheoryData<int, string, string>();
            for (int i = 0; i < Table.Length; i++)
            {
                if (TArch.HasSoftDirty || Table[i].Test != "test_softdirty")
                    rows.Add(i, Table[i].Test, Table[i].Name);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void ARow_HoldsAsInTheKernel(int row, string test, string name)
    {
        Assert.Equal((test, name), (Table[row].Test, Table[row].Name));
        Assert.True(Table[row].Holds(this), name);
        Assert.Empty(machine.Verify());
    }

    [Fact]
    public void TheTable_HasTheKernelsNumberOfChecks() => Assert.Equal((21, TArch.HasSoftDirty ? 21 : 16), (Table.Length, Rows.Count));

    public void Dispose()
    {
        machine.Dispose();
        GC.SuppressFinalize(this);
    }

    private static bool IsPresent(Pte entry) => !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1);

    private static bool IsSoftDirty(Pte entry) => IsPresent(entry) && TArch.IsSoftDirty(entry);

    private MadvPopulateTests<TArch> Map(VmaFlags rights)
    {
        Assert.Equal(MmResult.Ok, machine.Map(process, Start, (ulong)Pages << TArch.PageShift, rights));
        return this;
    }

    private MadvPopulateTests<TArch> Hole()
    {
        Map(ReadWrite);
        Assert.Equal(MmResult.Ok, machine.Unmap(process, Start + (1UL << TArch.PageShift), 1UL << TArch.PageShift));
        return this;
    }

    private MadvPopulateTests<TArch> After(params ReadOnlySpan<Advice> advice)
    {
        Map(ReadWrite);
        foreach (Advice one in advice)
            Assert.Equal(MmResult.Ok, Populate(one));
        return this;
    }

    private MmResult Populate(Advice advice, uint first = 0, uint count = Pages) =>
        machine.Advise(process, Start + ((ulong)first << TArch.PageShift), (ulong)count << TArch.PageShift, advice, ref counters);

    private int Count(Func<Pte, bool> has)
    {
        int found = 0;
        for (uint page = 0; page < Pages; page++)
        {
            ulong address = Start + ((ulong)page << TArch.PageShift);
            uint table = machine.Context.Tables.LeafTable(machine.Context.Spaces[process].Root, address);
            if (table != 0 && has(PageTables<TArch, CheckedModel>.Load(ref machine.Context.Tables.Entry(table, address))))
                found++;
        }

        return found;
    }
}

public sealed class X64MadvPopulateTests : MadvPopulateTests<X64FourLevel>;

public sealed class Sun4vMadvPopulateTests : MadvPopulateTests<Sun4v>;
