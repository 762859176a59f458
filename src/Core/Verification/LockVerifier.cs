using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>
/// Lists every lock word that is held and every reference that only an operation under way has (I21). Of a machine at rest there is none; of one
/// that hangs the list says who waits for whom, so it may be asked for at any time.
/// </summary>
internal sealed class LockVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly IReadOnlySet<uint> moving;
    private readonly Findings findings = new();

    /// <param name="mm">The machine.</param>
    /// <param name="moving">Folios that are locked because they are under way to other frames.</param>
    internal LockVerifier(MmContext<TArch, TModel> mm, IReadOnlySet<uint>? moving = null)
    {
        this.mm = mm;
        this.moving = moving ?? new HashSet<uint>();
    }

    internal Findings Run()
    {
        new HeldLocks<TArch, TModel>(mm).Visit(Report);
        CheckSpaces();
        CheckAreas();
        return findings;
    }

    private void Report(ref ulong word, string name, uint? number)
    {
        if (name != HeldLocks<TArch, TModel>.Folio || !moving.Contains(number ?? 0))
            Report(Atomic<TModel>.Load(ref word), $"{name} {number}".TrimEnd());
    }

    private void Report(ulong owner, string name)
    {
        if (owner != 0)
            findings.Add("I21", $"{((uint)owner == uint.MaxValue ? "A thread" : $"Thread {(uint)owner}")} of process {owner >> 32} holds {name}.");
    }

    private void CheckSpaces()
    {
        for (uint space = mm.Spaces.NextLive(0); space != 0; space = mm.Spaces.NextLive(space))
        {
            ref AddressSpace record = ref mm.Spaces[space];
            Report(Atomic<TModel>.Load(ref record.MmapWriter), $"the mmap_lock of address space {space} for writing");
            if (record.MmapReaders != 0)
                findings.Add("I21", $"Address space {space}: {record.MmapReaders} readers hold the mmap_lock.");
            if ((record.WriteProtectSequence & 1) != 0)
                findings.Add("I21", $"Address space {space} is being forked: sequence {record.WriteProtectSequence}.");
            if (record.FastWalkers.Even + record.FastWalkers.Odd is not 0 and var walkers)
                findings.Add("I21", $"Address space {space}: {walkers} lock-free walkers of its page tables.");
            if (record.Users != 1)
                findings.Add("I21", $"Address space {space} has {record.Users} users.");
        }

        if (new UserfaultQueue<TArch, TModel>(mm).HasWaiter)
            findings.Add("I21", "A thread waits for a userfaultfd.");
    }

    private void CheckAreas()
    {
        var areas = new SwapAreas<TModel>(mm.Image);
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            ref SwapAreaRecord area = ref areas[type];
            if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Used) && area.Users != SwapAreaRecord.Live)
                findings.Add("I21", $"Swap area {type} has users or is not alive: 0x{area.Users:x}.");
        }
    }
}
