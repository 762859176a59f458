using System.Diagnostics;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// What the seam of tags costs an architecture that has none. The JIT of another process is asked for the machine code of all paths that tags are
/// hooked into, and it may not mention tags.
/// </summary>
public class TagCostTests
{
    private const ulong Start = 0x7000_0000;
    private const int Pages = 32;

    /// <summary>Names that only code has that does something about tags.</summary>
    private static readonly string[] Marks =
        ["PageTags", "LeafTags", "TagStorage", "BlockTags", "FrameSlotTags", "ISlotTagEvents", "TagSaveToken", "TryKeepTags",
            "AreaFreed"];

    /// <summary>Classes whose code must be among what was looked at.</summary>
    private static readonly string[] HotPaths =
        ["FaultHandler", "WriteProtectFault", "SwapInFault", "UserAccess", "ForkCopier", "Zapper", "EntryMover", "ProtectionChanger", "Unmapper",
            "EntryDisplacer", "FolioCopier", "SwapOff", "PageTables"];

    [Fact]
    public void CodeForX64_DoesNotMentionTags()
    {
        Dictionary<string, List<string>> code = CodeOf(nameof(Workload_WithoutTags));
        string[] generic = [.. code.Keys.Where(method => method.Contains("X64FourLevel", StringComparison.Ordinal))];
        Assert.All(HotPaths, path => Assert.Contains(generic, method => method.Contains($".{path}`2[", StringComparison.Ordinal)));
        Assert.DoesNotContain(generic, method => Mentions(code[method]));
    }

    /// <summary>
    /// The swap floor does not know the architecture: it compares with null, where a slot becomes free, where pages are written and where an area
    /// goes, whether somebody listens, and calls nobody.
    /// </summary>
    [Fact]
    public void SwapFloor_AsksInThreePlacesWhetherSomebodyListens()
    {
        Dictionary<string, List<string>> code = CodeOf(nameof(Workload_WithoutTags));
        string[] methods = [.. code.Keys.Where(method => !method.Contains(":.ctor", StringComparison.Ordinal) && Mentions(code[method]))];
        Assert.Equal(
            ["SwapActivation:Finish", "SwapMap:NoteFreed", "SwapTransfer:Write"],
            methods.Select(ShortName).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void CodeForAnArchitectureWithTags_MentionsThem()
    {
        Dictionary<string, List<string>> code = CodeOf(nameof(Workload_WithTags));
        string[] methods = [.. code.Keys.Where(method => method.Contains("AdiFrameSlot", StringComparison.Ordinal) && Mentions(code[method]))];
        Assert.All(
            (string[])["FaultHandler", "WriteProtectFault", "Unmapper", "UserAccess", "FolioCopier"],
            path => Assert.Contains(methods, method => method.Contains($".{path}`2[", StringComparison.Ordinal)));
    }

    /// <summary>What runs in the other process; by itself a test like any other.</summary>
    [Fact]
    public void Workload_WithoutTags() => Work<X64FourLevel>();

    /// <summary>As <see cref="Workload_WithoutTags"/>, to show that a mention would be found.</summary>
    [Fact]
    public void Workload_WithTags() => Work<Sun4vM7<AdiFrameSlot>>();

    private static bool Mentions(List<string> code) =>
        code.Any(line => Marks.Any(mark => line.Contains(mark, StringComparison.Ordinal)));

    /// <summary>Class and method, without namespace, type arguments and signature.</summary>
    private static string ShortName(string method)
    {
        string type = method[..method.IndexOf('`', StringComparison.Ordinal)];
        string member = method[(method.IndexOf("]:", StringComparison.Ordinal) + 2)..];
        return $"{type[(type.LastIndexOf('.') + 1)..]}:{member[..member.IndexOf('(', StringComparison.Ordinal)]}";
    }

    /// <summary>The instructions of every method of ours that a test of this class makes the JIT compile, by name.</summary>
    private static Dictionary<string, List<string>> CodeOf(string test)
    {
        string listing = Path.GetTempFileName();
        string program = Path.Combine(AppContext.BaseDirectory, "Core.Tests" + (OperatingSystem.IsWindows() ? ".exe" : string.Empty));
        var start = new ProcessStartInfo(program, ["-method", $"{typeof(TagCostTests).FullName}.{test}"]) { RedirectStandardOutput = true };
        start.Environment["DOTNET_TieredCompilation"] = "0"; // each method once, and with all optimisations
        start.Environment["DOTNET_JitDisasm"] = "PageTableEmu*:*";
        start.Environment["DOTNET_JitStdOutFile"] = listing;
        using (Process process = Process.Start(start)!)
        {
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, output);
        }

        var code = new Dictionary<string, List<string>>();
        List<string> instructions = [];
        foreach (string line in File.ReadLines(listing))
        {
            const string Begin = "; Assembly listing for method ";
            if (line.StartsWith(Begin, StringComparison.Ordinal))
                code[line[Begin.Length..]] = instructions = [];
            else if (line.StartsWith("       ", StringComparison.Ordinal))
                instructions.Add(line);
        }

        File.Delete(listing);
        return code;
    }

    /// <summary>Two processes: faults, copy-on-write, fork, migration, swap both ways, a move, a pin, mprotect, swapoff, and the end.</summary>
    private static void Work<TArch>()
        where TArch : struct, IArchitecture
    {
        int shift = TArch.PageShift;
        ulong length = (ulong)Pages << shift;
        ulong elsewhere = Start + (1UL << 32);
        using var machine = Machine<TArch, Mainline>.Create(new MachineImageOptions { RamBytes = 16 << 20, SwapSlots = 512 });
        Assert.Equal(SwapResult.Ok, machine.SwapOn(SwapAreaOptions.Zram(256), out uint area));
        var faults = new FaultCounters();
        uint parent = machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, machine.Map(parent, Start, length, VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked));
        for (uint page = 0; page < Pages; page++)
            Assert.Equal(UserAccessResult.Ok, machine.Write(parent, Start + ((ulong)page << shift), [(byte)(page + 1)], ref faults));
        uint child = machine.Fork(parent);
        Assert.Equal(UserAccessResult.Ok, machine.Write(child, Start, [77], ref faults));
        Assert.Equal((uint)Pages, machine.Migrate(parent, Start, length).Moved);
        machine.ReclaimAll();
        Assert.Equal(MmResult.Ok, machine.Move(parent, Start, elsewhere, length));
        byte[] one = new byte[1];
        for (uint page = 0; page < Pages; page++)
        {
            Assert.Equal(UserAccessResult.Ok, machine.Read(child, Start + ((ulong)page << shift), one, ref faults));
            Assert.Equal(page == 0 ? 77u : page + 1, one[0]);
        }

        Assert.Equal(MmResult.Ok, machine.Advise(child, Start, length, Advice.PageOut, ref faults));
        Assert.Equal(MmResult.Ok, machine.Gup.TryTake(child, Start, GupFlags.Pin | GupFlags.Write, out uint frame, ref faults));
        machine.Gup.Put(frame, GupFlags.Pin | GupFlags.Write);
        Assert.Equal(MmResult.Ok, machine.Protect(child, Start, length, AccessRights.Read, ref faults));
        Assert.Equal(SwapResult.Ok, machine.SwapOff(area));
        machine.Exit(child);
        Assert.Equal(MmResult.Ok, machine.Unmap(parent, elsewhere, length));
    }
}
