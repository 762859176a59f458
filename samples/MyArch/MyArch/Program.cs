using System.Diagnostics;
using System.Runtime.CompilerServices;
using MyArch;
using PageTableEmu;
using PageTableEmu.Conformance;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

// First the laws, then a small life.
ConformanceReport[] reports = [ArchitectureConformance.Run<Architecture>(), TagProviderConformance.Run<Architecture>()];
foreach (ConformanceReport report in reports)
    Console.WriteLine(report);
if (!reports.All(report => report.Conforms))
    return 1;

const ulong Start = 1UL << 32;
const int Pages = 16;
const uint Tag = 5;
const ulong Pointer = Start | ((ulong)Tag << 60);
ulong page = 1UL << Architecture.PageShift;

using var machine = Machine<Architecture>.Create(new MachineImageOptions { RamBytes = 512 * page, SwapSlots = 1024, SwapStoreSlots = 1024 });
Require(machine.SwapOn(SwapAreaOptions.Zram(1024), out uint area) == SwapResult.Ok, "swap is on");
uint parent = machine.CreateAddressSpace();
VmaFlags flags = VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked;
Require(machine.Map(parent, Start, Pages * page, flags) == MmResult.Ok, "memory is mapped");

var faults = default(FaultCounters);
for (ulong i = 0; i < Pages; i++)
    Require(machine.Write(parent, Start + (i * page), [(byte)(i + 1)], ref faults) == UserAccessResult.Ok, "a page is written");
BlockTags<MyTags>.Set(machine.Context.Tags.Storage, FrameOf(parent, Start), 0, Tag);
Require(machine.Read(parent, Start, new byte[1], ref faults) == UserAccessResult.TagMismatch, "a pointer without the tag is refused");

machine.ReclaimAll();
machine.Settle();
Require(machine.Swap(parent) == Pages, "every page is swapped out");
Require(machine.Reads(parent, Pointer) == 1, "a page comes back with its content, for a pointer of its tag");
Require(BlockTags<MyTags>.Get(machine.Context.Tags.Storage, FrameOf(parent, Start), 0) == Tag, "and with its tag");

uint child = machine.Fork(parent);
Require(machine.Write(child, Pointer, [200], ref faults) == UserAccessResult.Ok, "the child writes a page of its own");
Require(machine.Reads(parent, Pointer) == 1 && machine.Reads(child, Pointer) == 200, "parent and child see their own");
Require(machine.Reads(child, Start + page) == 2, "the child reads a page that both have in swap");
machine.Exit(child);
Require(machine.SwapOff(area) == SwapResult.Ok && machine.Swap(parent) == 0, "swapoff brings all back");
Require(!machine.Verify().Any(), "every invariant holds");
machine.Exit(parent);

Console.WriteLine($"encode, mark and decode a swap entry: {Cost.OfSwapEntry(20_000_000, out ulong sum):f2} ns (sum {sum})");
return 0;

uint FrameOf(uint space, ulong address)
{
    uint table = machine.Context.Tables.LeafTable(machine.Context.Spaces[space].Root, address);
    Pte entry = PageTables<Architecture, PageTableEmu.Atomics.Mainline>.Load(ref machine.Context.Tables.Entry(table, address));
    return (uint)Architecture.FrameOf(entry, 1);
}

static void Require(bool holds, string what)
{
    Console.WriteLine($"{(holds ? "yes" : "NO ")}  {what}");
    if (!holds)
        Environment.Exit(1);
}

/// <summary>Questions that the story asks again and again.</summary>
internal static class Questions
{
    internal static int Reads(this Machine<Architecture> machine, uint space, ulong pointer)
    {
        byte[] read = new byte[1];
        var faults = default(FaultCounters);
        return machine.Read(space, pointer, read, ref faults) == UserAccessResult.Ok ? read[0] : -1;
    }

    internal static int Swap(this Machine<Architecture> machine, uint space)
    {
        int count = 0;
        for (ulong address = 1UL << 32; address < (1UL << 32) + (16UL << Architecture.PageShift); address += 1UL << Architecture.PageShift)
        {
            uint table = machine.Context.Tables.LeafTable(machine.Context.Spaces[space].Root, address);
            Pte entry = PageTables<Architecture, PageTableEmu.Atomics.Mainline>.Load(ref machine.Context.Tables.Entry(table, address));
            count += machine.Context.Decode(entry).Kind == SoftLeafKind.Swap ? 1 : 0;
        }

        return count;
    }
}

/// <summary>What the formats cost: all members fold into shifts and masks.</summary>
internal static class Cost
{
    /// <summary>Compiled for good at once: a loop that is compiled while it runs would be measured in both forms.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static double OfSwapEntry(uint rounds, out ulong sum)
    {
        long begun = Stopwatch.GetTimestamp();
        sum = 0;
        for (uint i = 0; i < rounds; i++)
            sum += Architecture.SwapOffset(Architecture.MakeSwapExclusive(Architecture.EncodeSwap(i & 31, i)));
        return Stopwatch.GetElapsedTime(begun).TotalNanoseconds / rounds;
    }
}
