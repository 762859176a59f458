using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Verification;

/// <summary>
/// Checks everything that must hold of a machine at rest, when no operation is under way in any thread or process (pending writes may
/// be). It takes no lock and changes nothing.
/// </summary>
/// <remarks>
/// <para>The order is: page tables, allocator, shared objects, frames, LRU list, slots with the swap cache, counters, reverse map, locks.
/// What the floors check of themselves comes last and only when all else is well, because one fault would be told twice. A verifier that
/// meets a number that leads outside the image reports that and ends; the others go on, unless it was the walk of the tables, which they all
/// need.</para>
/// <list type="table">
/// <item><term>PT1, PT2, PT3</term><description>every table is reached once; its record says where it is; entries mean something in
/// RAM</description></item>
/// <item><term>PT4, PT5</term><description>an entry lies in a VMA; it allows no more than the VMA</description></item>
/// <item><term>FR1, FR2</term><description>no frame is lost; the allocator's words, bits, caches and totals agree</description></item>
/// <item><term>F1</term><description>a free frame has no reference, mapping or use</description></item>
/// <item><term>R1, R3</term><description>references are mappings, the swap cache and shared objects; mappings are the entries
/// found</description></item>
/// <item><term>X1, X2, X4, X5, X7</term><description>writable means exclusive; exclusive means one mapping and no swap entry; an exclusive
/// swap entry is the only one of its slot; zero page and KSM pages are read-only</description></item>
/// <item><term>I1 to I5, I20, S2</term><description>slot counts, bindings both ways, no pins, free slots are empty, cached means swap-backed,
/// large counts, no slot in use without a user</description></item>
/// <item><term>H1, H2, H3</term><description>a huge leaf lies in one VMA and maps a large folio; it has a spare table; the records of a large
/// folio agree with each other and with the entries found</description></item>
/// <item><term>I10, I18, S5</term><description>counters of swap areas; of address spaces; who has swap entries is on
/// the swapoff list</description></item>
/// <item><term>I11, I16, I17, L1</term><description>no exclusive KSM page; folios being written are cached, queued and, on stable devices,
/// read-only; a cached anonymous folio is swap-backed</description></item>
/// <item><term>I15</term><description>a clean cached folio equals its slot</description></item>
/// <item><term>I19, VMA</term><description>the reverse map finds every entry; VMAs and anon_vmas are sound</description></item>
/// <item><term>I21, I23</term><description>no lock is held but that of a folio under way; no entry names an area that is gone</description></item>
/// <item><term>M2, M3, X6</term><description>a migration entry names a folio that somebody has locked; and no free frame; an exclusive page under
/// way has one entry and no mapping</description></item>
/// <item><term>MG1</term><description>what is charged to a memory group is owned by it</description></item>
/// <item><term>SH1, SH2, SH3, SH4, SH5</term><description>frames and pages of shared objects name each other; no page lies behind the end; pages
/// in swap are counted and on the swap list; every VMA is in the tree of its object; nothing of objects is lost</description></item>
/// <item><term>SWAP</term><description>lists of clusters, areas and totals of the swap floor are sound</description></item>
/// <item><term>KSM</term><description>slots, items and nodes of same-page merging are sound; merged frame and node name each other; no merged
/// page was written</description></item>
/// <item><term>MK1, MK2, MK3, MK4</term><description>write-protect marks and markers lie in registered VMAs, and such pages are not writable; guard
/// markers lie in VMAs that know of them; where stores are tracked, no page is writable that does not count as written</description></item>
/// <item><term>T1, T4, T5, T6</term><description>what is kept of pages' metadata belongs to slots in use, or to addresses with swap entries; no
/// count of pages fell below 0; a free slot keeps nothing; the metadata of a frame is defined wherever an entry checks it</description></item>
/// <item><term>LRU</term><description>the list is whole, and every mapped frame is on it</description></item>
/// <item><term>IMAGE</term><description>a number leads outside the image</description></item>
/// </list>
/// </remarks>
public sealed class Verifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes a verifier of a machine.</summary>
    public Verifier(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
    }

    /// <summary>What is wrong; nothing when all is well. Of each invariant the first few cases are told.</summary>
    /// <param name="held">References that somebody outside the page tables holds, by frame: pins, pipes, devices. None when not given.</param>
    public IEnumerable<Violation> Verify(IReadOnlyDictionary<uint, uint>? held = null)
    {
        var found = new List<Violation>();
        Survey<TArch, TModel>? survey = null;
        ReverseMapVerifier<TArch, TModel>? reverseMap = null;
        bool walked = TryRun(found, () =>
        {
            survey = new Survey<TArch, TModel>(mm, held);
            reverseMap = new ReverseMapVerifier<TArch, TModel>(mm);
            return new TableVerifier<TArch, TModel>(survey, reverseMap).Run();
        });
        if (walked)
            VerifyBySubject(found, survey!, reverseMap!);
        if (found.Count == 0)
            TryRun(found, () => VerifyFloors(survey!));
        return found;
    }

    /// <summary>
    /// Who holds which lock and what else an operation under way holds (I21). May be asked while others work: then it is a snapshot.
    /// </summary>
    public IEnumerable<Violation> HeldLocks() => new LockVerifier<TArch, TModel>(mm).Run().All;

    private static bool TryRun(List<Violation> found, Func<Findings> verifier)
    {
        try
        {
            found.AddRange(verifier().All);
            return true;
        }
        catch (CorruptImageException error)
        {
            found.Add(new Violation("IMAGE", error.Message));
            return false;
        }
    }

    private void VerifyBySubject(List<Violation> found, Survey<TArch, TModel> survey, ReverseMapVerifier<TArch, TModel> reverseMap)
    {
        TryRun(found, new AllocatorVerifier<TArch, TModel>(survey).Run);
        TryRun(found, new SharedVerifier<TArch, TModel>(survey).Run);
        TryRun(found, new FrameVerifier<TArch, TModel>(survey).Run);
        TryRun(found, new LruVerifier<TArch, TModel>(survey).Run);
        TryRun(found, new SlotVerifier<TArch, TModel>(survey).Run);
        TryRun(found, new AccountingVerifier<TArch, TModel>(survey).Run);
        TryRun(found, () => reverseMap.Findings);
        TryRun(found, new KsmVerifier<TArch, TModel>(survey).Run);
        TryRun(found, new TagVerifier<TArch, TModel>(survey).Run);
        TryRun(found, new LockVerifier<TArch, TModel>(mm, survey.Moving).Run);
    }

    /// <summary>Who moves an anonymous page has a reference to its anon_vma; of a merged page the items have one.</summary>
    private IEnumerable<uint> AnonVmasHeld(Survey<TArch, TModel> survey) =>
        survey.Moving.Where(folio => (mm.Frames.Flags(folio) & (FrameFlags.Anon | FrameFlags.Ksm)) == FrameFlags.Anon)
            .Select(folio => (uint)mm.Frames[folio].Mapping);

    private Findings VerifyFloors(Survey<TArch, TModel> survey)
    {
        var findings = new Findings();
        var vmas = new VmaVerifier<TModel>(mm.Vmas);
        foreach (string problem in vmas.VerifyAll(AnonVmasHeld(survey)))
            findings.Add("VMA", problem);
        foreach (string problem in new SwapVerifier<TModel>(mm.Swap, mm.Folios).Verify())
            findings.Add("SWAP", problem);
        return findings;
    }
}
