using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>
/// The anon_vmas of a machine and their links to VMAs (the kernel's mm/rmap.c, without the walk): families with one lock, links in list and
/// interval tree, references.
/// </summary>
/// <remarks>
/// <para>All links of one VMA lead into one family, so one lock, the root's, covers every tree that a change of a VMA touches.</para>
/// <para>An anon_vma lives as long as its tree has a link, a walker holds it, or (the root) a member of its family lives. A frame that is
/// mapped points at an anon_vma that the mapping VMA is linked to: a new page gets its VMA's <see cref="Vma.AnonVma"/>, and every way to
/// carry a mapping to another VMA (fork, split, merge, move) carries all links of the old one along. A VMA gives its links up only after
/// its pages are unmapped. So "the frame is mapped" proves "its anon_vma lives", and that is the only proof a walker has.</para>
/// </remarks>
internal sealed class AnonVmas<TModel>
    where TModel : IModel
{
    private readonly RecordPool<TModel, AnonVma> anonVmas;
    private readonly RecordPool<TModel, AnonVmaChain> links;
    private readonly RecordPool<TModel, Vma> vmas;

    internal AnonVmas(MachineImage image, RecordPool<TModel, Vma> vmas)
    {
        this.vmas = vmas;
        anonVmas = new RecordPool<TModel, AnonVma>(image, MetadataRegion.AnonVmas);
        links = new RecordPool<TModel, AnonVmaChain>(image, MetadataRegion.AnonVmaChains);
        Nodes = new AnonVmaChainNodes<TModel>(links, vmas, image.PageShift);
        Tree = new AugmentedTree<AnonVmaChainNodes<TModel>>(Nodes);
    }

    /// <summary>The links as the interval trees see them.</summary>
    internal AnonVmaChainNodes<TModel> Nodes { get; }

    /// <summary>The interval trees.</summary>
    internal AugmentedTree<AnonVmaChainNodes<TModel>> Tree { get; }

    /// <summary>The anon_vma records.</summary>
    internal RecordPool<TModel, AnonVma> Pool => anonVmas;

    /// <summary>The link records.</summary>
    internal RecordPool<TModel, AnonVmaChain> Links => links;

    /// <summary>Takes the lock of the family of an anon_vma that cannot go away; returns the root, for <see cref="UnlockRoot"/>.</summary>
    internal uint LockRoot(uint anonVma)
    {
        uint root = anonVmas[anonVma].Root;
        WordLock<TModel>.Acquire(ref anonVmas[root].Lock);
        return root;
    }

    /// <summary>Gives the lock of a family back; nothing for 0.</summary>
    internal void UnlockRoot(uint root)
    {
        if (root != 0)
            WordLock<TModel>.Release(ref anonVmas[root].Lock);
    }

    /// <summary>Takes a reference unless there is none: the record is free or about to be.</summary>
    internal bool TryGet(uint anonVma) => Atomic<TModel>.TryIncrement(ref anonVmas[anonVma].References);

    /// <summary>Drops a reference; the last one frees the record and drops the one its root counts for it. No lock of the family is held.</summary>
    internal void Put(uint anonVma)
    {
        while (Atomic<TModel>.Add(ref anonVmas[anonVma].References, -1) == 0)
        {
            uint root = anonVmas[anonVma].Root;
            anonVmas.Free(anonVma);
            if (root == anonVma)
                return;
            anonVma = root;
        }
    }

    /// <summary>A new family: its root, with the reference for its tree. 0 when there are no more records.</summary>
    internal uint TryCreateRoot()
    {
        uint number = anonVmas.TryAllocate();
        if (number == 0)
            return 0;
        ref AnonVma anonVma = ref anonVmas[number];
        anonVma.Root = anonVma.Parent = number;
        anonVma.Children = 1; // itself: so that a root never looks like one that a child may take over
        Atomic<TModel>.Store(ref anonVma.References, 1);
        return number;
    }

    /// <summary>A new member of a family, below another. Under the family's lock. 0 when there are no more records.</summary>
    internal uint TryCreateChild(uint parent)
    {
        uint number = anonVmas.TryAllocate();
        if (number == 0)
            return 0;
        ref AnonVma anonVma = ref anonVmas[number];
        anonVma.Parent = parent;
        anonVma.Root = anonVmas[parent].Root;
        anonVmas[parent].Children++;
        Atomic<TModel>.Add(ref anonVmas[anonVma.Root].References, 1);
        Atomic<TModel>.Store(ref anonVma.References, 1);
        return number;
    }

    /// <summary>Sets a number of links aside, as a list through <see cref="AnonVmaChain.Next"/>. False: none are left over.</summary>
    internal bool TryReserve(uint count, out uint list)
    {
        list = 0;
        for (; count != 0; count--)
        {
            uint link = links.TryAllocate();
            if (link == 0)
            {
                FreeReserve(list);
                list = 0;
                return false;
            }

            links[link].Next = list;
            list = link;
        }

        return true;
    }

    /// <summary>Gives links that were set aside back.</summary>
    internal void FreeReserve(uint list)
    {
        while (list != 0)
        {
            uint next = links[list].Next;
            links.Free(list);
            list = next;
        }
    }

    /// <summary>Links a VMA to an anon_vma as its youngest, with the first link of a reserve. Under the family's lock.</summary>
    internal void Append(uint vmaNumber, uint anonVma, ref uint reserve)
    {
        ref Vma vma = ref vmas[vmaNumber];
        uint number = reserve;
        ref AnonVmaChain link = ref links[number];
        reserve = link.Next;
        link.Next = 0;
        link.Vma = vmaNumber;
        link.AnonVma = anonVma;
        if (vma.ChainTail == 0)
            vma.Chain = number;
        else
            links[vma.ChainTail].Next = number;
        vma.ChainTail = number;
        vma.ChainLength++;
        Tree.Insert(ref anonVmas[anonVma].Tree, number);
    }

    /// <summary>Links a VMA without links to all that another is linked to, in the same order (anon_vma_clone). Under the family's lock.</summary>
    internal void CloneLinks(uint to, uint from, ref uint reserve)
    {
        for (uint link = vmas[from].Chain; link != 0; link = links[link].Next)
            Append(to, links[link].AnonVma, ref reserve);
    }

    /// <summary>Makes an anon_vma the one that new pages of a VMA get. Under the family's lock.</summary>
    internal void Activate(uint vma, uint anonVma)
    {
        anonVmas[anonVma].ActiveVmas++;

        // Last, as a release: a fault that sees the number without the family's lock also sees the chain length it goes with.
        Atomic<TModel>.Store(ref vmas[vma].AnonVma, anonVma);
    }

    /// <summary>Before the place or age of a VMA changes: takes its links out of the interval trees. Under the family's lock.</summary>
    internal void RemoveFromTrees(uint vma)
    {
        for (uint link = vmas[vma].Chain; link != 0; link = links[link].Next)
            Tree.Remove(ref anonVmas[links[link].AnonVma].Tree, link);
    }

    /// <summary>After the place or age of a VMA changed: puts its links back. Under the family's lock.</summary>
    internal void InsertIntoTrees(uint vma)
    {
        for (uint link = vmas[vma].Chain; link != 0; link = links[link].Next)
            Tree.Insert(ref anonVmas[links[link].AnonVma].Tree, link);
    }

    /// <summary>
    /// Takes all links from a VMA (unlink_anon_vmas, first half). Under the family's lock. Returns the links of anon_vmas that have none
    /// left, for <see cref="Release"/> after the lock is given back: dropping them may free the lock itself.
    /// </summary>
    internal uint Detach(uint vmaNumber)
    {
        ref Vma vma = ref vmas[vmaNumber];
        if (vma.AnonVma != 0)
            anonVmas[vma.AnonVma].ActiveVmas--;
        uint emptied = 0;
        for (uint link = vma.Chain; link != 0;)
        {
            uint next = links[link].Next;
            ref AnonVma anonVma = ref anonVmas[links[link].AnonVma];
            Tree.Remove(ref anonVma.Tree, link);
            if (anonVma.Tree == 0)
            {
                anonVmas[anonVma.Parent].Children--;
                links[link].Next = emptied;
                emptied = link;
            }
            else
            {
                links.Free(link);
            }

            link = next;
        }

        vma.Chain = vma.ChainTail = vma.ChainLength = 0;
        Atomic<TModel>.Store(ref vma.AnonVma, 0);
        return emptied;
    }

    /// <summary>Drops the anon_vmas that <see cref="Detach"/> left without links (second half). Without the family's lock.</summary>
    internal void Release(uint emptied)
    {
        while (emptied != 0)
        {
            uint next = links[emptied].Next;
            Put(links[emptied].AnonVma);
            links.Free(emptied);
            emptied = next;
        }
    }
}
