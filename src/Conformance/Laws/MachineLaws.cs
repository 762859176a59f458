using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Conformance.Laws;

/// <summary>A whole machine of the architecture: pages keep their content through swap and fork, and every invariant holds.</summary>
internal static class MachineLaws<TArch>
    where TArch : struct, IArchitecture
{
    private const ulong Start = 1UL << 32;
    private const uint Pages = 12;

    internal static IEnumerable<Law> All() =>
    [
        new("machine/swap", "pages written, swapped out and read again have their content, and the machine is sound",
            check => Story(check, fork: false)),
        new("machine/fork", "after a fork and swapping, parent and child write pages of their own, and the machine is sound",
            check => Story(check, fork: true)),
        new("machine/swapoff", "switching the swap area off brings every page back", SwapOff),
    ];

    private static ulong Address(uint page) => Start + ((ulong)page << TArch.PageShift);

    private static void Story(Check check, bool fork)
    {
        using Machine<TArch, CheckedModel> machine = Prepare(check, out uint parent, out _);
        uint child = fork ? machine.Fork(parent) : 0;
        Fill(check, machine, parent, 10);
        machine.ReclaimAll();
        machine.Settle();
        check.That(Swapped(machine, parent) > 0, "no page was swapped out", default, $"after reclaiming all");
        Sound(check, machine, "swapping out");
        Expect(check, machine, parent, 10);
        if (fork)
        {
            Expect(check, machine, child, 1);
            Fill(check, machine, child, 20);
            Expect(check, machine, parent, 10);
            Expect(check, machine, child, 20);
            machine.Exit(child);
        }

        Sound(check, machine, "swapping in");
        machine.Exit(parent);
        Sound(check, machine, "the end");
    }

    private static void SwapOff(Check check)
    {
        using Machine<TArch, CheckedModel> machine = Prepare(check, out uint space, out uint area);
        machine.ReclaimAll();
        machine.Settle();
        SwapResult result = machine.SwapOff(area);
        check.That(result == SwapResult.Ok && Swapped(machine, space) == 0, $"ends with {result}", default, $"switching swap off");
        Sound(check, machine, "switching swap off");
        Expect(check, machine, space, 1);
    }

    private static Machine<TArch, CheckedModel> Prepare(Check check, out uint space, out uint area)
    {
        Machine<TArch, CheckedModel> machine = SmallMachine<TArch>.Create();
        check.That(machine.SwapOn(SwapAreaOptions.Zram(SmallMachine<TArch>.Slots), out area) == SwapResult.Ok, "fails", default,
            $"switching swap on");
        space = machine.CreateAddressSpace();
        MmResult mapped = machine.Map(space, Start, (ulong)Pages << TArch.PageShift, VmaFlags.Read | VmaFlags.Write);
        check.That(mapped == MmResult.Ok, $"ends with {mapped}", default, $"mapping {Pages} pages");
        Fill(check, machine, space, 1);
        return machine;
    }

    private static void Fill(Check check, Machine<TArch, CheckedModel> machine, uint space, byte first)
    {
        var faults = default(FaultCounters);
        for (uint page = 0; page < Pages; page++)
        {
            UserAccessResult result = machine.Write(space, Address(page), [(byte)(first + page)], ref faults);
            check.That(result == UserAccessResult.Ok, $"ends with {result}", Entry(machine, space, page), $"writing page {page} of process {space}");
        }
    }

    private static void Expect(Check check, Machine<TArch, CheckedModel> machine, uint space, byte first)
    {
        var faults = default(FaultCounters);
        byte[] read = new byte[1];
        for (uint page = 0; page < Pages; page++)
        {
            Pte before = Entry(machine, space, page);
            UserAccessResult result = machine.Read(space, Address(page), read, ref faults);
            check.That(result == UserAccessResult.Ok && read[0] == (byte)(first + page), $"ends with {result} and reads {read[0]}", before,
                Entry(machine, space, page), $"reading page {page} of process {space}, written with {first + page}");
        }
    }

    private static uint Swapped(Machine<TArch, CheckedModel> machine, uint space)
    {
        uint count = 0;
        for (uint page = 0; page < Pages; page++)
            count += machine.Context.Decode(Entry(machine, space, page)).Kind == SoftLeafKind.Swap ? 1u : 0;
        return count;
    }

    private static Pte Entry(Machine<TArch, CheckedModel> machine, uint space, uint page)
    {
        uint table = machine.Context.Tables.LeafTable(machine.Context.Spaces[space].Root, Address(page));
        return table == 0 ? default : PageTables<TArch, CheckedModel>.Load(ref machine.Context.Tables.Entry(table, Address(page)));
    }

    private static void Sound(Check check, Machine<TArch, CheckedModel> machine, string moment)
    {
        string? violation = machine.Verify().Select(violation => violation.ToString()).FirstOrDefault();
        check.That(violation is null, violation ?? string.Empty, default, $"verification after {moment}");
    }
}
