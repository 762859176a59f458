using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>
/// Random operations on processes with few different contents: what is loaded is what was stored, and the machine is sound after each.
/// </summary>
public class KsmRandomTests
{
    private const int Pages = 12;

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64(Backing backing) => Run<X64FourLevel>(backing, seeds: 6);

    [Fact]
    public void Sparc() => Run<Sun4v>(Backing.Zram, seeds: 3);

    private static void Run<TArch>(Backing backing, int seeds)
        where TArch : struct, IArchitecture
    {
        long merged = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            using var rig = new KsmRig<TArch>(backing);
            merged += new Script<TArch>(rig, new Random(seed)).Run(250);
        }

        Assert.True(merged > 100 * seeds, $"{merged} pages seen merged: the operations do not test what they should");
    }

    private sealed class Script<TArch>(KsmRig<TArch> rig, Random random)
        where TArch : struct, IArchitecture
    {
        private readonly Dictionary<uint, byte[]> processes = [];
        private uint held;
        private long merged;

        public long Run(int operations)
        {
            processes.Add(rig.Process(Pages), new byte[Pages]);
            for (int i = 0; i < operations; i++)
            {
                (uint space, byte[] content) = processes.ElementAt(random.Next(processes.Count));
                Do(space, content);
                if (random.Next(4) == 0)
                    rig.Machine.Settle();
                Check();
            }

            Release();
            foreach (uint space in processes.Keys)
                rig.Machine.Exit(space);
            rig.Machine.Ksm.Scan();
            rig.Machine.Settle();
            rig.Machine.ReclaimAll(); // copies of merged pages leave the original in the swap cache behind
            Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll()); // whose node stays: a scan of nobody looks for nothing
            rig.AssertSound();
            Assert.Equal((0u, 0u), (rig.Machine.Context.Ksm.Items.InUse, rig.Machine.Context.Ksm.Nodes.InUse));
            Assert.Equal(0ul, rig.Machine.Context.Swap.TotalInUse);
            return merged;
        }

        private void Do(uint space, byte[] content)
        {
            int first = random.Next(Pages);
            int count = random.Next(1, Pages - first + 1);
            switch (random.Next(16))
            {
                case < 5:
                    content[first] = (byte)random.Next(3);
                    rig.Fill(space, first, content[first]);
                    break;
                case < 8:
                    rig.Machine.Ksm.Scan(random.Next(1, 3));
                    break;
                case 8:
                    rig.Machine.Reclaim(random.Next(1, 20));
                    break;
                case 9:
                    rig.Machine.ReclaimAll();
                    break;
                case 10:
                    rig.Advise(space, first, count, random.Next(3) == 0 ? Advice.Unmergeable : Advice.Mergeable);
                    break;
                case 11:
                    ForkOrExit(space, content);
                    break;
                case 12:
                    Drop(space, content, first, count);
                    break;
                case 13:
                    Move(space, content, first, count);
                    break;
                case 14:
                    Hold(space, first);
                    break;
                default:
                    Rarely();
                    break;
            }
        }

        private void Rarely()
        {
            if (random.Next(2) == 0)
            {
                Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll());
            }
            else
            {
                rig.SwapOff();
                rig.SwapOn();
            }
        }

        private void ForkOrExit(uint space, byte[] content)
        {
            if (processes.Count == 1 || (processes.Count < 4 && random.Next(2) == 0))
            {
                uint child = rig.Machine.Fork(space);
                Assert.NotEqual(0u, child);
                processes.Add(child, [.. content]);
            }
            else
            {
                rig.Machine.Exit(space);
                processes.Remove(space);
            }
        }

        private void Drop(uint space, byte[] content, int first, int count)
        {
            rig.Advise(space, first, count, random.Next(2) == 0 ? Advice.DontNeed : Advice.PageOut);
            for (int page = first; page < first + count; page++)
                content[page] = rig.Value(space, page) == 0 ? (byte)0 : content[page]; // the check below sees any other value
        }

        /// <summary>There and back: the pages keep their numbers.</summary>
        private void Move(uint space, byte[] content, int first, int count)
        {
            ulong length = (ulong)count * rig.PageSize;
            Assert.Equal(MmResult.Ok, rig.Machine.Move(space, rig.Address(first), rig.Address(Pages + 4), length));
            for (int page = 0; page < count; page++)
                Assert.Equal(content[first + page], rig.Value(space, Pages + 4 + page));
            Assert.Equal(MmResult.Ok, rig.Machine.Move(space, rig.Address(Pages + 4), rig.Address(first), length));
        }

        private void Hold(uint space, int page)
        {
            Release();
            var counters = new FaultCounters();
            Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(space, rig.Address(page), GupFlags.Pin, out held, ref counters));
        }

        private void Release()
        {
            if (held != 0)
                rig.Machine.Gup.Put(held, GupFlags.Pin);
            held = 0;
        }

        private void Check()
        {
            Dictionary<uint, uint>? references = held == 0 || held == rig.Machine.Context.Folios.ZeroFrame ? null : new() { [held] = 1024 };
            rig.AssertSound(references);
            foreach ((uint space, byte[] content) in processes)
            {
                for (int page = 0; page < Pages; page++)
                    merged += rig.IsMerged(space, page) ? 1 : 0;
                for (int page = 0; page < Pages; page += random.Next(1, 4))
                    Assert.Equal(content[page], rig.Value(space, page));
            }

            rig.AssertSound(references);
        }
    }
}
