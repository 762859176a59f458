using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>Copies huge leaves to a forked child (mm/huge_memory.c copy_huge_pmd).</summary>
/// <remarks>The caller holds both mmap_locks for writing. The child's table is locked before the parent's.</remarks>
internal sealed class HugeCopier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly HugeMigrations<TArch, TModel> migrations;

    internal HugeCopier(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        migrations = new HugeMigrations<TArch, TModel>(mm);
    }

    /// <summary>
    /// Copies the huge leaf that maps an address, if there is one and it can be shared; one that cannot is split. Whether it was copied: if
    /// not, what is below has to be.
    /// </summary>
    /// <param name="parentVma">The VMA that covers all of the leaf.</param>
    /// <param name="childVma">Its copy.</param>
    /// <param name="address">The address.</param>
    /// <param name="failed">Frames for tables ran out.</param>
    internal bool TryCopy(uint parentVma, uint childVma, ulong address, out bool failed)
    {
        failed = false;
        uint parent = mm.Vmas[parentVma].AddressSpace;
        uint child = mm.Vmas[childVma].AddressSpace;
        if (!mm.Huge.IsMapped(mm.Spaces[parent].Root, address))
            return false;
        uint spare = mm.Tables.TryCreateSpare(child);
        uint middle = spare == 0 ? 0 : mm.Tables.TryEnsureMiddleTable(mm.Spaces[child].Root, address);
        bool copied = middle != 0 && TryCopyLeaf(parentVma, childVma, address, middle, spare);
        failed = middle == 0;
        if (!copied && spare != 0)
            mm.Tables.FreeSpare(spare);
        return copied;
    }

    private bool TryCopyLeaf(uint parentVma, uint childVma, ulong address, uint middle, uint spare)
    {
        uint parent = mm.Vmas[parentVma].AddressSpace;
        uint child = mm.Vmas[childVma].AddressSpace;
        using var destination = new HugeGuard<TArch, TModel>(mm.Tables, middle, address);
        using HugeGuard<TArch, TModel> source = mm.Huge.Lock(mm.Spaces[parent].Root, address);
        if (source.IsMigration)
        {
            Install(middle, address, migrations.Duplicate(source, childVma), spare);
            return true;
        }

        if (!source.IsLeaf)
            return false; // reclaim split it meanwhile
        uint head = source.Head;
        if (head != 0)
        {
            if (!mm.Rmap.TryDuplicateLarge(head, Atomic<TModel>.Load(ref mm.Spaces[parent].HasPinned) != 0, childVma))
            {
                mm.Huge.Split(source, parentVma); // an exclusive page that may be pinned is copied, page by page
                return false;
            }

            Atomic<TModel>.Add(ref mm.Spaces[child].AnonPages, HugePages<TArch, TModel>.Pages);
        }

        Pte shared = TArch.WriteProtect(source.Value);
        source.Set(shared);
        Install(middle, address, TArch.MakeOld(TArch.ClearUffdWp(shared)), spare);
        return true;
    }

    private void Install(uint middle, ulong address, Pte entry, uint spare)
    {
        if (!mm.Huge.TryInstall(middle, address, entry, spare))
            throw new Image.CorruptImageException("page-table entry", $"the child of a fork already maps {address:x}");
    }
}
