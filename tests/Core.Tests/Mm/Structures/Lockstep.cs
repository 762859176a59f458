using System.Text;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>
/// Plays random operations on the machine and on <see cref="NaiveMm"/> and compares everything after each. When the machine says that it
/// has no records left, the naive one is not asked, so that the comparison shows whether anything was half done.
/// </summary>
internal sealed class Lockstep(StructureMachine machine, int seed)
{
    private const int Shift = StructureMachine.PageShift;
    private const int Pages = 20;

    private static readonly VmaFlags[] Kinds =
    [
        VmaFlags.Read | VmaFlags.Write,
        VmaFlags.Read | VmaFlags.Write,
        VmaFlags.Read,
        VmaFlags.Read | VmaFlags.Write | VmaFlags.Locked,
        VmaFlags.Read | VmaFlags.Write | VmaFlags.DontFork,
        VmaFlags.Read | VmaFlags.Write | VmaFlags.WipeOnFork,
        VmaFlags.Read | VmaFlags.Write | VmaFlags.Guard,
        VmaFlags.Read | VmaFlags.Write | VmaFlags.UffdWriteProtect,
    ];

    private readonly Random random = new(seed);
    private readonly NaiveMm naive = new();
    private readonly List<uint> live = [];
    private readonly StringBuilder log = new();

    /// <summary>How often the machine was out of records.</summary>
    public int Refusals { get; private set; }

    public void Run(int operations)
    {
        live.Add(machine.Spaces.TryCreate());
        for (int i = 0; i < operations; i++)
        {
            Step();
            Compare();
        }

        foreach (uint mm in live.ToArray())
            Exit(mm);
        machine.AssertNothingLeft();
    }

    private void Step()
    {
        uint mm = live[random.Next(live.Count)];
        ulong start = (ulong)random.Next(Pages);
        ulong end = start + 1 + (ulong)random.Next(6);
        VmaFlags kind = Kinds[random.Next(Kinds.Length)];
        int what = random.Next(100);
        log.Append('\n').Append(what).Append(" mm ").Append(mm).Append(' ').Append(start).Append("..").Append(end).Append(' ').Append(kind);
        if (what < 22)
            Map(mm, start, end, kind);
        else if (what < 32)
            Unmap(mm, start, end);
        else if (what < 60)
            Modify(mm, start, end, kind);
        else if (what < 75)
            Prepare(mm, start);
        else if (what < 80 && live.Count < 6)
            Fork(mm);
        else if (what < 83 && live.Count > 1)
            Exit(mm);
        else if (what < 86)
            Guard(mm, start);
        else
            Move(mm, start, end, (ulong)random.Next(Pages));
    }

    private bool Done(bool did)
    {
        if (!did)
            Refusals++;
        return did;
    }

    private uint At(uint mm, ulong page) => machine.Vmas.Find(mm, page << Shift);

    private void Map(uint mm, ulong start, ulong end, VmaFlags kind)
    {
        if (machine.Vmas.Overlaps(mm, start << Shift, end << Shift))
            return;
        uint shared = random.Next(5) == 0 ? 1u + (uint)random.Next(2) : 0;
        ulong offset = shared == 0 || random.Next(4) != 0 ? start : start + 1;
        uint vma = machine.Vmas.TryMap(mm, start << Shift, end << Shift, kind, offset, shared);
        if (!Done(vma != 0))
            return;
        naive.Map(mm, start, end, kind, offset, shared);
        Assert.Equal(vma, At(mm, start));
    }

    private bool Split(uint mm, ulong at)
    {
        uint vma = At(mm, at);
        if (vma == 0 || machine.Vmas[vma].Start == at << Shift)
            return true;
        uint high = machine.Vmas.TrySplit(vma, at << Shift);
        if (!Done(high != 0))
            return false;
        naive.Split(naive.At(mm, at), at);
        Assert.Equal(high, At(mm, at));
        return true;
    }

    private bool Unmap(uint mm, ulong start, ulong end)
    {
        if (!Split(mm, start) || !Split(mm, end))
            return false;
        foreach (NaiveVma vma in naive.Of(mm).Where(vma => vma.Start < end && vma.End > start).ToArray())
        {
            machine.Vmas.Remove(At(mm, vma.Start));
            naive.Vmas.Remove(vma);
        }

        return true;
    }

    private void Modify(uint mm, ulong start, ulong end, VmaFlags kind)
    {
        uint uffd = (kind & VmaFlags.UffdWriteProtect) != 0 ? 7u : 0;
        for (ulong page = start; page < end;)
        {
            uint vma = At(mm, page);
            if (vma == 0)
            {
                page++;
                continue;
            }

            ulong stop = Math.Min(end, machine.Vmas[vma].End >> Shift);
            uint covering = machine.Vmas.TryModify(vma, page << Shift, stop << Shift, kind, uffd);
            if (!Done(covering != 0))
                return;
            naive.Modify(naive.At(mm, page), page, stop, kind, uffd);
            Assert.Equal(covering, At(mm, page));
            page = stop;
        }
    }

    private void Prepare(uint mm, ulong page)
    {
        uint vma = At(mm, page);
        if (vma != 0 && Done(machine.Vmas.TryPrepareAnonVma(vma)))
            naive.Prepare(naive.At(mm, page));
    }

    private void Guard(uint mm, ulong page)
    {
        uint vma = At(mm, page);
        if (vma == 0)
            return;
        machine.Vmas.SetFlags(vma, machine.Vmas.FlagsOf(vma) | VmaFlags.Guard);
        naive.At(mm, page).Flags |= VmaFlags.Guard;
    }

    private void Fork(uint parent)
    {
        uint child = machine.Spaces.TryCreate();
        live.Add(child);
        foreach (NaiveVma from in naive.Of(parent).Where(vma => (vma.Flags & VmaFlags.DontFork) == 0).ToArray())
        {
            uint source = At(parent, from.Start);
            uint copy = machine.Vmas.TryClone(source, child);
            if (!Done(copy != 0))
                return;
            NaiveVma to = naive.Clone(from, child);
            if ((from.Flags & VmaFlags.WipeOnFork) != 0)
                continue;
            if (!Done(machine.Vmas.TryForkAnonVma(copy, source)))
                return;
            naive.ForkAnon(to, from);
        }
    }

    private void Exit(uint mm)
    {
        machine.Exit(mm);
        naive.Vmas.RemoveAll(vma => vma.Mm == mm);
        live.Remove(mm);
    }

    private void Move(uint mm, ulong start, ulong end, ulong destination)
    {
        uint vma = At(mm, start);
        if (vma == 0)
            return;
        ulong length = Math.Min(end, machine.Vmas[vma].End >> Shift) - start;
        if ((destination < start + length && start < destination + length) || !Unmap(mm, destination, destination + length))
            return;
        NaiveVma source = naive.At(mm, start);
        vma = At(mm, start);
        bool free = source.Anon == null && source.Shared == 0;
        ulong offset = free ? destination : machine.Vmas.LinearIndex(vma, start << Shift);
        uint moved = machine.Vmas.TryCopyForMove(vma, start << Shift, length << Shift, destination << Shift, offset);
        if (!Done(moved != 0))
            return;
        naive.Move(source, start, length, destination, offset);
        Assert.Equal(moved, At(mm, destination));
        vma = At(mm, start);
        NaiveVma rest = naive.At(mm, start);
        if (random.Next(3) != 0)
        {
            Unmap(mm, start, start + length);
        }
        else if (vma != moved && rest.Start == start && rest.End == start + length)
        {
            machine.Vmas.DropAnonVma(vma);
            rest.Anon = null;
            rest.Chain = [];
        }
    }

    private void Compare()
    {
        machine.AssertSound();
        var numbers = new Dictionary<NaiveAnon, uint>();
        var pairs = new List<(NaiveVma Naive, uint Vma)>();
        foreach (uint mm in live)
        {
            uint vma = machine.Vmas.FindFirstEndingAbove(mm, 0);
            foreach (NaiveVma expected in naive.Of(mm))
            {
                Assert.True(vma != 0 && Same(expected, vma, numbers), $"Seed {seed}, VMA {vma} of address space {mm}: {log}");
                pairs.Add((expected, vma));
                vma = machine.Vmas.Next(vma);
            }

            Assert.True(vma == 0, $"Seed {seed}, VMA {vma} of address space {mm} too many: {log}");
        }

        Assert.Equal(numbers.Count, numbers.Values.Distinct().Count());
        Assert.Equal((uint)numbers.Count, machine.Vmas.AnonVmasInUse);
        IEnumerable<uint> byAge = pairs.OrderBy(pair => machine.Vmas[pair.Vma].Age).Select(pair => pair.Vma);
        Assert.True(byAge.SequenceEqual(pairs.OrderBy(pair => pair.Naive.Age).Select(pair => pair.Vma)), $"Seed {seed}, ages: {log}");
        foreach ((NaiveAnon anon, uint number) in numbers)
            ComparePlaces(anon, number);
    }

    private void ComparePlaces(NaiveAnon anon, uint number)
    {
        machine.ReverseMap.LockAnonVma(number);
        for (ulong index = 0; index < Pages + 6; index++)
        {
            var found = new List<(uint, ulong)>();
            foreach (ReverseMapPlace place in machine.ReverseMap.Candidates(number, index))
                found.Add((machine.Vmas[place.Vma].AddressSpace, place.Address >> Shift));
            Assert.True(found.SequenceEqual(naive.Places(anon, index)), $"Seed {seed}, places of {index} in anon_vma {number}: {log}");
        }

        machine.ReverseMap.Unlock(number);
    }

    private bool Same(NaiveVma expected, uint number, Dictionary<NaiveAnon, uint> numbers)
    {
        Vma vma = machine.Vmas[number];
        var chain = new List<uint>();
        for (uint link = vma.Chain; link != 0; link = machine.Link(link).Next)
            chain.Add(machine.Link(link).AnonVma);
        if (chain.Count != expected.Chain.Count)
            return false;
        for (int i = 0; i < chain.Count; i++)
        {
            if (!numbers.TryAdd(expected.Chain[i], chain[i]) && numbers[expected.Chain[i]] != chain[i])
                return false;
        }

        return vma.Start == expected.Start << Shift && vma.End == expected.End << Shift && vma.PageOffset == expected.Offset
            && vma.Flags == expected.Flags && vma.SharedObject == expected.Shared && vma.Uffd == expected.Uffd
            && vma.AnonVma == (expected.Anon == null ? 0 : numbers[expected.Anon]);
    }
}
