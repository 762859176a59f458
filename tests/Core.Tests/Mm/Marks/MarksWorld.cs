using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>A machine with one process and one swap area; addresses are given in pages from an aligned start.</summary>
internal sealed class MarksWorld<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    public const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    private FaultCounters faults;

    public MarksWorld(Backing backing = Backing.Zram, uint blocks = 8)
    {
        ulong ram = blocks * HugePages<TArch, CheckedModel>.Span;
        Machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions { RamBytes = ram, SwapSlots = 8192, SwapStoreSlots = 8192 });
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area(4096), out _));
        Process = Machine.CreateAddressSpace();
    }

    public Machine<TArch, CheckedModel> Machine { get; }

    public Userfaultfd<TArch, CheckedModel> Uffd => Machine.Userfaultfd;

    public MmContext<TArch, CheckedModel> Mm => Machine.Context;

    public uint Process { get; }

    /// <summary>Pages of a huge page.</summary>
    public static uint Span => HugePages<TArch, CheckedModel>.Pages;

    public FaultCounters Faults => faults;

    public static ulong At(long page) => (1UL << 32) + ((ulong)page << TArch.PageShift);

    public static ulong Bytes(long pages) => (ulong)pages << TArch.PageShift;

    public static byte[] Page(byte value)
    {
        var bytes = new byte[1 << TArch.PageShift];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    public void Map(long page, long count, VmaFlags flags = ReadWrite) =>
        Assert.Equal(MmResult.Ok, Machine.Map(Process, At(page), Bytes(count), flags));

    public UserAccessResult TryWrite(long page, byte value, uint space = 0) =>
        Machine.Write(space == 0 ? Process : space, At(page), [value], ref faults);

    public void Write(long page, byte value, uint space = 0) => Assert.Equal(UserAccessResult.Ok, TryWrite(page, value, space));

    public UserAccessResult TryRead(long page, uint space = 0) => Machine.Read(space == 0 ? Process : space, At(page), new byte[1], ref faults);

    public byte Read(long page, uint space = 0)
    {
        var one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, Machine.Read(space == 0 ? Process : space, At(page), one, ref faults));
        return one[0];
    }

    public MmResult Advise(long page, long count, Advice advice, uint space = 0) =>
        Machine.Advise(space == 0 ? Process : space, At(page), Bytes(count), advice, ref faults);

    public MmResult Protect(long page, long count, AccessRights rights) => Machine.Protect(Process, At(page), Bytes(count), rights, ref faults);

    public MmResult Lock(long page, long count) => Machine.Lock(Process, At(page), Bytes(count), ref faults);

    public PageInfo Info(long page, uint space = 0) => Machine.PageMap.Look(space == 0 ? Process : space, At(page));

    public bool IsSoftDirty(long page, uint space = 0) => Info(page, space).Has(PageInfoFlags.SoftDirty);

    public bool IsProtected(long page, uint space = 0) => Info(page, space).Has(PageInfoFlags.UffdWp);

    public void ClearSoftDirty() => Assert.Equal(MmResult.Ok, Machine.ClearRefs(Process, ClearRefsKind.SoftDirty));

    public void Open(UserfaultFeatures features = UserfaultFeatures.None) => Assert.Equal(MmResult.Ok, Uffd.Open(Process, features));

    public MmResult Register(long page, long count, UserfaultModes modes) => Uffd.Register(Process, At(page), At(page + count), modes);

    public MmResult WriteProtect(long page, long count, bool protect = true) => Uffd.WriteProtect(Process, At(page), At(page + count), protect);

    public MmResult Move(long destination, long source, long count, UserfaultMoveFlags flags = UserfaultMoveFlags.None) =>
        Uffd.Move(Process, At(destination), At(source), Bytes(count), flags, out _);

    /// <summary>Number of VMAs that have a byte in a range of pages.</summary>
    public int Vmas(long page, long count)
    {
        int found = 0;
        uint vma = Mm.Vmas.FindFirstEndingAbove(Process, At(page));
        for (; vma != 0 && Mm.Vmas[vma].Start < At(page + count); vma = Mm.Vmas.Next(vma))
            found++;
        return found;
    }

    public void PageOut(long page, long count)
    {
        Assert.Equal(MmResult.Ok, Advise(page, count, Advice.PageOut));
        Machine.Settle();
    }

    public void Sound(IReadOnlyDictionary<uint, uint>? held = null)
    {
        Machine.Settle();
        List<Violation> violations = [.. Machine.Verify(held)];
        Assert.True(violations.Count == 0, string.Join(Environment.NewLine, violations.Take(8)));
    }

    public void Dispose() => Machine.Dispose();
}
