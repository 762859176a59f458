using PageTableEmu.Atomics;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Machines;

/// <content>
/// The ABA monitor (I25): a thread reads a swap entry without the lock of its table, later finds it unchanged under the lock, and meanwhile the
/// slot was freed and issued again. Whether that does harm is for the other checks to say.
/// </content>
public sealed partial class WatchedPages<TArch>
{
    private readonly Snapshot[] snapshots = new Snapshot[ExploredProgram.MaxActors * Limit];
    private ulong[] entries = []; // where the entries of the pages lie in RAM; all ones without a table
    private string? reused;

    /// <summary>
    /// Whether it is a violation (I25) that an entry compares equal although its slot was issued again since it was read. Rules that read a slot
    /// only after they pinned it, or lock and verify its folio, may see that without harm.
    /// </summary>
    public bool ReportsReuse { get; set; }

    /// <inheritdoc/>
    public override void Access(int actor, Access access, nuint address)
    {
        if (!ReportsReuse || access != Atomics.Access.Load || memory.PageOf(address) <= 0)
            return;
        int index = Array.IndexOf(entries, memory.OffsetOf(address));
        if (index < 0)
            return;
        Page page = pages[index];
        uint table = mm.Tables.LeafTable(page.Root, page.Address);
        Pte entry = PageTables<TArch, Mainline>.Load(ref mm.Tables.Entry(table, page.Address));
        ref Snapshot snapshot = ref snapshots[(actor * Limit) + index];
        if (TArch.IsNone(entry, 1) || TArch.IsPresent(entry, 1) || mm.Decode(entry) is not { Kind: SoftLeafKind.Swap } soft)
        {
            snapshot = default;
            return;
        }

        var slot = new SwapEntry(soft.Type, soft.Offset);
        uint generation = mm.Swap.Map[slot].Generation;
        bool locked = (uint)Atomic<Mainline>.Load(ref mm.Frames[table].Lock) == Owner.Thread;
        if (!locked)
            snapshot = new Snapshot(entry, generation, true);
        else if (snapshot.IsTaken && snapshot.Entry == entry && snapshot.Generation != generation)
            reused = $"{page} compares equal, and slot {slot.Offset} was issued again since it was read";
    }

    private void BeginMonitoring()
    {
        reused = null;
        if (!ReportsReuse)
            return;
        Array.Clear(snapshots);
        entries = [.. pages.Select(PlaceOfEntry)];
    }

    private ulong PlaceOfEntry(Page page)
    {
        uint table = mm.Tables.LeafTable(page.Root, page.Address);
        ulong index = (page.Address >> TArch.PageShift) & ((1UL << TArch.LevelBits(1)) - 1);
        return table == 0 ? ulong.MaxValue : ((ulong)table << TArch.PageShift) + (index * 8);
    }

    private readonly record struct Snapshot(Pte Entry, uint Generation, bool IsTaken);
}
