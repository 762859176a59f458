using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Selftests;

/// <summary>
/// The six tests of the kernel's selftest mm/mkdirty.c: what may make an entry of a read-only mapping dirty must not make it writable. After each,
/// a store must fail and change nothing.
/// </summary>
public abstract class MkDirtyTests<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const GupFlags Forced = GupFlags.Get | GupFlags.Write | GupFlags.Force;

    private readonly Machine<TArch, CheckedModel> machine =
        Machine<TArch, CheckedModel>.Create(new MachineImageOptions { RamBytes = 8 * HugePages<TArch, CheckedModel>.Span });

    private readonly uint process;
    private FaultCounters counters;

    protected MkDirtyTests()
    {
        process = machine.CreateAddressSpace();
    }

    private static (string Test, Action<MkDirtyTests<TArch>> Prepare)[] Table { get; } =
    [
        ("test_ptrace_write", t => t.ForcedWrite(huge: false)),
        ("test_ptrace_write_thp", t => t.ForcedWrite(huge: true)),
        ("test_page_migration", t => t.MigrateReadOnly(huge: false)),
        ("test_page_migration_thp", t => t.MigrateReadOnly(huge: true)),
        ("test_pte_mapped_thp", t => t.MapHugePageByPages()),
        ("test_uffdio_copy", t => t.CopyIntoMissingPage()),
    ];

    public static TheoryData<int, string> Rows
    {
        get
        {
            var rows = new TheoryData<int, string>();
            for (int i = 0; i < Table.Length; i++)
                rows.Add(i, Table[i].Test);
            return rows;
        }
    }

    private static ulong Start => 1UL << 32;

    private static ulong Span => HugePages<TArch, CheckedModel>.Span;

    [Theory]
    [MemberData(nameof(Rows))]
    public void AStore_ToAReadOnlyMapping_Fails(int row, string test)
    {
        Assert.Equal(test, Table[row].Test);
        Table[row].Prepare(this);
        byte before = Load();
        Assert.Equal(UserAccessResult.SegmentationFault, machine.Write(process, Start, [(byte)(before + 1)], ref counters));
        Assert.Equal(before, Load());
        Assert.Empty(machine.Verify());
    }

    [Fact]
    public void TheTable_HasTheKernelsTests() => Assert.Equal(6, Table.Length);

    public void Dispose()
    {
        machine.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>ptrace may write where the process may not; the page is dirty then, and still read-only.</summary>
    private void ForcedWrite(bool huge)
    {
        Map(VmaFlags.Read, huge);
        Assert.Equal(0, Load());
        Assert.Equal(MmResult.Ok, machine.Gup.TryTake(process, Start, Forced, out uint frame, ref counters));
        machine.Context.Frames.Bytes(frame)[0] = 1;
        machine.Gup.Put(frame, Forced);
        Assert.Equal(1, Load());
        Assert.True(machine.Context.Frames.Has(frame, FrameFlags.Dirty));
    }

    private void MapHugePageByPages()
    {
        Map(VmaFlags.Read | VmaFlags.Write, huge: true);
        Assert.Equal(UserAccessResult.Ok, machine.Write(process, Start, [1], ref counters));
        Assert.True(machine.Context.Huge.IsMapped(machine.Context.Spaces[process].Root, Start));
        ulong last = Start + Span - (1UL << TArch.PageShift);
        Assert.Equal(MmResult.Ok, machine.Protect(process, Start, Span, AccessRights.Read, ref counters));
        Assert.Equal(MmResult.Ok, machine.Protect(process, last, 1UL << TArch.PageShift, AccessRights.Read | AccessRights.Write, ref counters));
        Assert.False(machine.Context.Huge.IsMapped(machine.Context.Spaces[process].Root, Start));
    }

    /// <summary>The entry of a page that moved is made anew from one that was dirty, after the right to write was taken away.</summary>
    private void MigrateReadOnly(bool huge)
    {
        ulong length = huge ? Span : 1UL << TArch.PageShift;
        Map(VmaFlags.Read | VmaFlags.Write, huge);
        Assert.Equal(UserAccessResult.Ok, machine.Write(process, Start, [1], ref counters));
        Assert.Equal(huge, machine.Context.Huge.IsMapped(machine.Context.Spaces[process].Root, Start));
        Assert.Equal(MmResult.Ok, machine.Protect(process, Start, length, AccessRights.Read, ref counters));
        ulong before = machine.PageMap.Look(process, Start).Frame;
        Assert.Equal(0u, machine.Migrate(process, Start, length).Failed);
        Assert.NotEqual(before, (ulong)machine.PageMap.Look(process, Start).Frame);
    }

    /// <summary>UFFDIO_COPY marks the entry as written, because the content is nowhere else, also where the mapping is read-only.</summary>
    private void CopyIntoMissingPage()
    {
        Map(VmaFlags.Read, huge: false);
        byte[] content = new byte[1 << TArch.PageShift];
        content.AsSpan().Fill(1);
        Assert.Equal(MmResult.Ok, machine.Userfaultfd.Open(process, UserfaultFeatures.None));
        Assert.Equal(MmResult.Ok, machine.Userfaultfd.Register(process, Start, Start + Span, UserfaultModes.Missing));
        Assert.Equal(MmResult.Ok, machine.Userfaultfd.Copy(process, Start, content, UserfaultModes.None, out ulong done));
        Assert.Equal((ulong)content.Length, done);
    }

    private void Map(VmaFlags rights, bool huge)
    {
        Assert.Equal(MmResult.Ok, machine.Map(process, Start, Span, rights));
        if (huge)
            Assert.Equal(MmResult.Ok, machine.Advise(process, Start, Span, Advice.HugePage, ref counters));
    }

    private byte Load()
    {
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, machine.Read(process, Start, one, ref counters));
        return one[0];
    }
}

public sealed class X64MkDirtyTests : MkDirtyTests<X64FourLevel>;

public sealed class Sun4vMkDirtyTests : MkDirtyTests<Sun4v>;
