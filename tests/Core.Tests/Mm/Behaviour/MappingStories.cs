using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>Mapping, growing, shrinking and moving; a swap file that is a real file.</summary>
public class MappingStories
{
    private const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    [Fact]
    public void MapAnywhere_FindsGaps()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        Assert.Equal(MmResult.Ok, m.Machine.MapAnywhere(m.Process, 0x3000, ReadWrite, out ulong first));
        Assert.Equal(MmResult.Ok, m.Machine.MapAnywhere(m.Process, 0x2000, ReadWrite, out ulong second));
        Assert.Equal(first + 0x3000, second);
        m.Machine.Unmap(m.Process, first, 0x2000);
        Assert.Equal(MmResult.Ok, m.Machine.MapAnywhere(m.Process, 0x2000, ReadWrite, out ulong third));
        Assert.Equal(first, third);
        Assert.Equal(MmResult.Exists, m.Machine.Map(m.Process, first, 0x1000, ReadWrite));
        Assert.Equal(MmResult.Invalid, m.Machine.Map(m.Process, first + 1, 0x1000, ReadWrite));
        Assert.Equal(MmResult.Invalid, m.Machine.Map(m.Process, 1UL << 47, 0x1000, ReadWrite));
        Assert.Equal(MmResult.Invalid, m.Machine.Map(m.Process, first, 0, ReadWrite));
        m.Sound();
    }

    [Fact]
    public void Resize_GrowsInPlace_OrMoves_AndShrinks()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.Write(m.Process, 15, 7);
        ulong start = BehaviourMachine<X64FourLevel>.Start;
        Assert.Equal(MmResult.Ok, m.Machine.Resize(m.Process, start, 0x10000, 0x14000, mayMove: false, out ulong same));
        Assert.Equal(start, same);
        m.Write(m.Process, 19, 8);
        m.Machine.Map(m.Process, start + 0x14000, 0x1000, VmaFlags.Read);
        Assert.Equal(MmResult.NoMemory, m.Machine.Resize(m.Process, start, 0x14000, 0x18000, mayMove: false, out _));
        Assert.Equal(MmResult.Ok, m.Machine.Resize(m.Process, start, 0x14000, 0x18000, mayMove: true, out ulong moved));
        Assert.NotEqual(start, moved);
        var faults = new FaultCounters();
        byte[] two = new byte[2];
        m.Machine.Read(m.Process, moved + 0xf000, two.AsSpan(0, 1), ref faults);
        m.Machine.Read(m.Process, moved + 0x13000, two.AsSpan(1, 1), ref faults);
        Assert.Equal([7, 8], two);
        Assert.Equal(UserAccessResult.Ok, m.Machine.Write(m.Process, moved + 0x17000, two, ref faults));
        Assert.Equal(MmResult.Ok, m.Machine.Resize(m.Process, moved, 0x18000, 0x1000, mayMove: false, out _));
        Assert.Equal(UserAccessResult.SegmentationFault, m.Machine.Read(m.Process, moved + 0x1000, two, ref faults));
        Assert.Equal(MmResult.Fault, m.Machine.Resize(m.Process, moved + 0x100000, 0x1000, 0x2000, mayMove: true, out _));
        m.Sound();
    }

    [Fact]
    public void TheSwapFile_HoldsWhatWasWritten_AndIsGoneAfterSwapOff()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ptemu-{Guid.NewGuid():n}.swap");
        try
        {
            using var m = new BehaviourMachine<X64FourLevel>();
            Assert.Equal(SwapResult.Ok, m.Machine.SwapOn(SwapAreaOptions.File(path, 64), out uint area));
            for (uint page = 0; page < 8; page++)
                m.Write(m.Process, page, (byte)(0x80 + page), offset: 4095);
            m.Machine.ReclaimAll();
            SoftLeaf leaf = m.Machine.Context.Decode(m.Entry(m.Process, 3));
            Assert.Equal(SoftLeafKind.Swap, leaf.Kind);
            byte[] file = File.ReadAllBytes(path);
            Assert.Equal(0x83, file[(leaf.Offset * 4096) + 4095]);
            Assert.Equal((0x83, 0, 1), m.Read(m.Process, 3, 4095));
            m.Sound();
            Assert.Equal(SwapResult.Ok, m.Machine.SwapOff(area));
            Assert.Equal(0x87, m.Read(m.Process, 7, 4095).Value);
            m.Sound();
            Assert.False(File.Exists(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void LockedPages_StayInMemory()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.SwapOn(synchronous: true);
        var faults = new FaultCounters();
        ulong start = BehaviourMachine<X64FourLevel>.Start;
        Assert.Equal(MmResult.Ok, m.Machine.Lock(m.Process, start, 0x4000, ref faults));
        Assert.Equal(4, faults.Minor);
        m.Machine.ReclaimAll();
        for (uint page = 0; page < 4; page++)
            Assert.NotEqual(0u, m.Frame(m.Process, page));
        Assert.Equal(MmResult.Invalid, m.Advise(m.Process, 0, 4, Advice.DontNeed));
        Assert.Equal(MmResult.Ok, m.Machine.Unlock(m.Process, start, 0x4000));
        m.Machine.ReclaimAll();
        Assert.Equal(SoftLeafKind.Swap, m.KindOf(m.Process, 0));
        m.Sound();
    }

    /// <summary>Pages that are locked when they are touched: mlock makes that "at once" and counts none twice, munlock and moves end both.</summary>
    [Fact]
    public void PagesLockedOnFault_AreLockedAndUnlockedLikeOthers()
    {
        const VmaFlags OnFault = VmaFlags.Locked | VmaFlags.LockOnFault;
        using var m = new BehaviourMachine<X64FourLevel>();
        ulong start = BehaviourMachine<X64FourLevel>.Address(64);
        Assert.Equal(MmResult.Ok, m.Machine.Map(m.Process, start, 0x4000, VmaFlags.Read | VmaFlags.Write | OnFault));
        VmaFlags Flags() => m.Machine.Context.Vmas.FlagsOf(m.Machine.Context.Vmas.Find(m.Process, start)) & OnFault;
        m.Write(m.Process, 64, 1);
        uint frame = m.Frame(m.Process, 64);
        Assert.True(m.Machine.Context.Frames.Has(frame, FrameFlags.Mlocked));
        var faults = new FaultCounters();
        Assert.Equal(MmResult.Ok, m.Machine.Lock(m.Process, start, 0x4000, ref faults));
        Assert.Equal((VmaFlags.Locked, 3L), (Flags(), faults.Minor));
        Assert.Equal(MmResult.Ok, m.Machine.Unlock(m.Process, start, 0x4000));
        Assert.Equal(VmaFlags.None, Flags());
        Assert.False(m.Machine.Context.Frames.Has(frame, FrameFlags.Mlocked)); // one count, not two
        m.Sound();
    }

    [Fact]
    public void WriteProtectedPages_TellWhichWereWritten()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.SwapOn(synchronous: true);
        ulong start = BehaviourMachine<X64FourLevel>.Start;
        Assert.Equal(MmResult.BadDescriptor, m.Machine.Userfaultfd.WriteProtect(m.Process, start, start + 0x4000, protect: true));
        m.Write(m.Process, 0, 1);
        m.Write(m.Process, 1, 1);
        Assert.Equal(MmResult.Ok, m.Machine.Userfaultfd.Register(m.Process, start, start + 0x4000));
        Assert.Equal(MmResult.Ok, m.Machine.Userfaultfd.WriteProtect(m.Process, start, start + 0x4000, protect: true));
        m.Machine.ReclaimAll();
        m.Write(m.Process, 1, 2);
        m.Write(m.Process, 3, 2);
        m.Read(m.Process, 0);
        bool[] written = [.. Enumerable.Range(0, 4).Select(page => !IsProtected(m.Entry(m.Process, (uint)page), m))];
        Assert.Equal([false, true, false, true], written);
        m.Sound();
    }

    private static bool IsProtected(Pte entry, BehaviourMachine<X64FourLevel> m) => X64Leaf.IsPresent(entry, 1)
        ? X64Leaf.IsUffdWp(entry)
        : (m.Machine.Context.Decode(entry).Markers & PteMarkers.UffdWp) != 0;
}
