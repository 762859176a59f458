using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>From an anonymous frame to the VMAs and addresses where it may be mapped (the kernel's rmap walk for anonymous folios).</summary>
/// <remarks>
/// <para>The walk runs under the lock of the anon_vma's root, which everybody takes who links, unlinks, moves or resizes a VMA of the
/// family. Between <see cref="Lock"/> and <see cref="Unlock"/> the set of places stands still; whether a page-table entry at a place maps the
/// frame, only the page-table lock there can tell. Lock order: folio lock → this lock → page-table locks.</para>
/// <para>A frame's <see cref="FrameRecord.Mapping"/> alone proves nothing: the anon_vma may be gone and its number used again. A mapped
/// frame proves that it lives, so <see cref="Lock"/> takes a reference "unless zero", looks whether the frame is still mapped under the
/// same number, waits, and looks again.</para>
/// </remarks>
public sealed class ReverseMap<TModel>
    where TModel : IModel
{
    /// <summary>Each further look needs an unmap and a new mapping between two reads of ours; that many in a row is a damaged image.</summary>
    private const int Looks = 1000;

    private readonly Vmas<TModel> vmas;
    private readonly AnonVmas<TModel> anons;
    private readonly FrameTable<TModel> frames;

    /// <summary>Makes a view of the reverse map of some VMAs.</summary>
    public ReverseMap(Vmas<TModel> vmas)
    {
        ArgumentNullException.ThrowIfNull(vmas);
        this.vmas = vmas;
        anons = vmas.Anons;
        frames = vmas.Spaces.Folios.Table;
    }

    /// <summary>The root of an anon_vma's family. Two frames with different roots can never be mapped by one VMA's anon_vma.</summary>
    public uint AnonVmaRoot(uint anonVma) => anons.Pool[anonVma].Root;

    /// <summary>
    /// Locks the reverse map of a mapped anonymous frame; returns its anon_vma, to be given to <see cref="Unlock"/>. 0: the frame is not
    /// (or no longer) a mapped anonymous one, and nothing is locked.
    /// </summary>
    public uint Lock(uint frame)
    {
        uint anonVma = Get(frame);
        if (anonVma == 0)
            return 0;
        anons.LockRoot(anonVma);
        return Confirm(frame, anonVma);
    }

    /// <summary>As <see cref="Lock"/>, but does not wait: 0 with <paramref name="busy"/> when somebody holds the lock.</summary>
    public uint TryLock(uint frame, out bool busy)
    {
        busy = false;
        uint anonVma = Get(frame);
        if (anonVma == 0)
            return 0;
        if (WordLock<TModel>.TryAcquire(ref anons.Pool[AnonVmaRoot(anonVma)].Lock))
            return Confirm(frame, anonVma);
        busy = true;
        anons.Put(anonVma);
        return 0;
    }

    /// <summary>Locks the family of an anon_vma that the caller knows to live: it holds the mmap_lock of a VMA that is linked to it.</summary>
    public void LockAnonVma(uint anonVma)
    {
        if (!anons.TryGet(anonVma))
            throw new ArgumentException($"Anon_vma {anonVma} is not in use.", nameof(anonVma));
        anons.LockRoot(anonVma);
    }

    /// <summary>
    /// Takes a reference that keeps an anon_vma's record from being reused, unless it is free. For holders of a number without a mapped
    /// frame or a VMA behind it (KSM's rmap items); the number must have been obtained while it was certain to live.
    /// </summary>
    public bool TryGet(uint anonVma) => anons.TryGet(anonVma);

    /// <summary>Drops a reference of <see cref="TryGet"/>. The caller holds no lock of the family.</summary>
    public void Put(uint anonVma) => anons.Put(anonVma);

    /// <summary>Ends <see cref="Lock"/>, <see cref="TryLock"/> or <see cref="LockAnonVma"/>.</summary>
    public void Unlock(uint anonVma)
    {
        anons.UnlockRoot(AnonVmaRoot(anonVma));
        anons.Put(anonVma);
    }

    /// <summary>
    /// The places of a linear page index under an anon_vma: every VMA linked to it that covers the index, in the order in which the kernel
    /// visits them: ascending page offset of the VMA, then age. For each: O(log n). The caller holds the lock.
    /// </summary>
    /// <param name="anonVma">The anon_vma, <see cref="FrameRecord.Mapping"/> of a frame.</param>
    /// <param name="index">First page index, <see cref="FrameRecord.Index"/> of a frame.</param>
    /// <param name="pages">Number of pages; more than one for a large folio, then VMAs are found that cover any part of it.</param>
    public ReverseMapCandidates<TModel> Candidates(uint anonVma, ulong index, ulong pages = 1) => new(vmas, anonVma, index, pages);

    /// <summary>The places of a frame; nothing for 0 as anon_vma. The caller holds the lock for it.</summary>
    public ReverseMapCandidates<TModel> Candidates(uint frame)
    {
        ref FrameRecord record = ref frames[frame];
        return new ReverseMapCandidates<TModel>(vmas, MappingOf(frame), record.Index, 1);
    }

    private uint MappingOf(uint frame)
    {
        ulong mapping = Atomic<TModel>.Load(ref frames.Folio(frame).Mapping);
        return mapping <= uint.MaxValue ? (uint)mapping : throw new CorruptImageException($"Frame {frame}: Mapping", $"{mapping} is no anon_vma");
    }

    private bool IsMappedUnder(uint frame, uint anonVma) => frames.FolioMappings(frame) != 0 && MappingOf(frame) == anonVma;

    private uint Get(uint frame)
    {
        for (int look = 0; look < Looks; look++)
        {
            if (!frames.Has(frame, FrameFlags.Anon) || frames.FolioMappings(frame) == 0)
                return 0;
            uint anonVma = MappingOf(frame);
            if (anonVma == 0)
                return 0;
            if (!anons.TryGet(anonVma))
                continue; // it was unmapped after we looked: the next look ends this, or finds it mapped anew
            if (IsMappedUnder(frame, anonVma))
                return anonVma;
            anons.Put(anonVma); // somebody else's record by now
        }

        throw new CorruptImageException($"Frame {frame}: Mapping", $"anon_vma {MappingOf(frame)} is free although the frame is mapped");
    }

    private uint Confirm(uint frame, uint anonVma)
    {
        if (IsMappedUnder(frame, anonVma))
            return anonVma;
        Unlock(anonVma);
        return 0;
    }
}
