using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>Checks every invariant of VMAs, anon_vmas and their links. The machine stands still meanwhile: no lock is taken.</summary>
public sealed class VmaVerifier<TModel>
    where TModel : IModel
{
    private readonly Vmas<TModel> vmas;
    private readonly AnonVmas<TModel> anons;
    private readonly AddressSpaces<TModel> spaces;

    /// <summary>Makes a verifier of some VMAs.</summary>
    public VmaVerifier(Vmas<TModel> vmas)
    {
        ArgumentNullException.ThrowIfNull(vmas);
        this.vmas = vmas;
        anons = vmas.Anons;
        spaces = vmas.Spaces;
    }

    /// <summary>What is wrong with the VMAs of an address space and the anon_vmas that they are linked to; nothing when all is well.</summary>
    public IEnumerable<string> Verify(uint mm)
    {
        string name = $"Address space {mm}";
        var tree = new TreeCheck<VmaNodes<TModel>>(vmas.Nodes, spaces[mm].VmaRoot, name);
        foreach (string problem in tree.Problems)
            yield return problem;
        if (tree.Nodes.Count != spaces[mm].VmaCount)
            yield return $"{name}: counts {spaces[mm].VmaCount} VMAs, its tree has {tree.Nodes.Count}.";
        var seen = new HashSet<uint>();
        ulong end = 0;
        foreach (uint vma in tree.Nodes)
        {
            foreach (string problem in VerifyVma(mm, vma, end, seen))
                yield return problem;
            end = vmas[vma].End;
        }

        foreach (uint anonVma in seen)
        {
            foreach (string problem in VerifyTree(anonVma))
                yield return problem;
        }
    }

    /// <summary>
    /// What is wrong in any live address space, in the families of anon_vmas, and what was leaked. Reverse-map walkers would count as
    /// leaked references: there must be none, nor holders of <see cref="ReverseMap{TModel}.TryGet"/> but those that are told.
    /// </summary>
    /// <param name="held">The anon_vmas that somebody has a reference to, once for each.</param>
    public IEnumerable<string> VerifyAll(IEnumerable<uint>? held = null)
    {
        uint count = 0;
        for (uint mm = spaces.NextLive(0); mm != 0; mm = spaces.NextLive(mm))
        {
            count += spaces[mm].VmaCount;
            foreach (string problem in Verify(mm))
                yield return problem;
        }

        if (count != vmas.InUse)
            yield return $"VMAs: {vmas.InUse} records in use, {count} in address spaces.";
        foreach (string problem in VerifyFamilies(held ?? []))
            yield return problem;
    }

    /// <summary>
    /// Mapped anonymous frames whose anon_vma is free or cannot lead to all their mappings (each place of the reverse map has one page-table
    /// entry): for those "the frame is mapped" would not prove that its anon_vma lives. KSM frames are found by other means and are left out.
    /// </summary>
    public IEnumerable<string> VerifyFrames()
    {
        FrameTable<TModel> frames = spaces.Folios.Table;
        uint end = frames.CommittedFrames;
        for (uint frame = 1; frame < end; frame++)
        {
            if (!frames.HasStorage(frame))
                continue;
            FrameFlags flags = frames.Flags(frame);
            if ((flags & FrameFlags.Anon) == 0 || (flags & FrameFlags.Ksm) != 0 || frames.Mappings(frame) == 0)
                continue;
            ulong mapping = frames.Folio(frame).Mapping;
            if (!IsLive(mapping))
                yield return $"Frame {frame}: is mapped, its anon_vma {mapping} is not in use.";
            else if (CountPlaces((uint)mapping, frames[frame].Index) is var places && places < frames.Mappings(frame))
                yield return $"Frame {frame}: is mapped {frames.Mappings(frame)} times, anon_vma {mapping} leads to {places} places.";
        }
    }

    private uint CountPlaces(uint anonVma, ulong index)
    {
        uint places = 0;
        foreach (ReverseMapPlace place in new ReverseMapCandidates<TModel>(vmas, anonVma, index, 1))
            places += place.Vma != 0 ? 1u : 0;
        return places;
    }

    private IEnumerable<string> VerifyVma(uint mm, uint number, ulong previousEnd, HashSet<uint> seen)
    {
        Vma vma = vmas[number];
        string name = $"VMA {number}";
        ulong mask = (ulong)vmas.Image.PageSize - 1;
        if (vma.Start >= vma.End || ((vma.Start | vma.End) & mask) != 0)
            yield return $"{name}: range {vma.Start:x}..{vma.End:x} is empty or unaligned.";
        if (vma.Start < previousEnd)
            yield return $"{name}: starts at {vma.Start:x}, inside a VMA that ends at {previousEnd:x}.";
        if (vma.AddressSpace != mm)
            yield return $"{name}: is in the tree of address space {mm} but names {vma.AddressSpace}.";
        if ((vma.AnonVma == 0) != (vma.Chain == 0))
            yield return $"{name}: anon_vma {vma.AnonVma} with first link {vma.Chain}.";

        uint length = 0, last = 0;
        bool own = vma.AnonVma == 0;
        var mine = new HashSet<uint>();
        for (uint link = vma.Chain; link != 0 && length <= vma.ChainLength; link = anons.Links[link].Next)
        {
            uint anonVma = anons.Links[link].AnonVma;
            if (anons.Links[link].Vma != number)
                yield return $"{name}: link {link} names VMA {anons.Links[link].Vma}.";
            if (!mine.Add(anonVma))
                yield return $"{name}: linked to anon_vma {anonVma} twice.";
            if (!IsLive(anonVma))
                yield return $"{name}: linked to anon_vma {anonVma}, which is not in use.";
            else if (vma.AnonVma != 0 && anons.Pool[anonVma].Root != anons.Pool[vma.AnonVma].Root)
                yield return $"{name}: linked to anon_vma {anonVma} of another family.";
            own |= anonVma == vma.AnonVma;
            length++;
            last = link;
        }

        seen.UnionWith(mine.Where(anonVma => IsLive(anonVma)));
        if (length != vma.ChainLength || last != vma.ChainTail)
            yield return $"{name}: counts {vma.ChainLength} links ending in {vma.ChainTail}, has {length} ending in {last}.";
        if (!own)
            yield return $"{name}: has anon_vma {vma.AnonVma} but no link to it.";
    }

    /// <summary>
    /// The interval tree of one anon_vma: shape, links both ways, and VMAs that are active under it (all of which are in the tree).
    /// </summary>
    private IEnumerable<string> VerifyTree(uint anonVma)
    {
        string name = $"Anon_vma {anonVma}";
        AnonVma record = anons.Pool[anonVma];
        var tree = new TreeCheck<AnonVmaChainNodes<TModel>>(anons.Nodes, record.Tree, name);
        foreach (string problem in tree.Problems)
            yield return problem;
        uint active = 0;
        foreach (uint link in tree.Nodes)
        {
            AnonVmaChain chain = anons.Links[link];
            if (chain.AnonVma != anonVma)
                yield return $"{name}: link {link} in its tree names anon_vma {chain.AnonVma}.";
            if (!HasLink(chain.Vma, link))
                yield return $"{name}: link {link} in its tree is not in the list of VMA {chain.Vma}.";
            if (vmas[chain.Vma].AnonVma == anonVma)
                active++;
        }

        if (active != record.ActiveVmas)
            yield return $"{name}: counts {record.ActiveVmas} active VMAs, there are {active}.";
        if (anons.Pool[record.Root].Lock != 0)
            yield return $"{name}: the lock of its root {record.Root} is held by {anons.Pool[record.Root].Lock:x}.";
    }

    private IEnumerable<string> VerifyFamilies(IEnumerable<uint> held)
    {
        uint last = anons.Pool.HighWater;
        var children = new uint[last + 1];
        var references = new uint[last + 1];
        uint live = 0, links = 0;
        for (uint number = 1; number <= last; number++)
        {
            if (!IsLive(number))
                continue;
            live++;
            AnonVma record = anons.Pool[number];

            // One that only KSM's items keep alive has outlived its links, and perhaps its parent.
            bool linked = record.Tree != 0;
            if (!IsLive(record.Root) || (linked && (!IsLive(record.Parent) || anons.Pool[record.Parent].Root != record.Root)))
            {
                yield return $"Anon_vma {number}: parent {record.Parent} or root {record.Root} is not in use or of another family.";
                continue;
            }

            links += (uint)new TreeCheck<AnonVmaChainNodes<TModel>>(anons.Nodes, record.Tree, string.Empty).Nodes.Count;
            if (record.Tree != 0)
            {
                children[record.Parent]++;
                references[number]++;
            }

            if (record.Root != number)
                references[record.Root]++;
        }

        CountItems(references);
        foreach (uint number in held)
            references[number]++;
        for (uint number = 1; number <= last; number++)
        {
            AnonVma record = anons.Pool[number];
            if (!IsLive(number))
                continue;
            if (record.Children != children[number])
                yield return $"Anon_vma {number}: counts {record.Children} children, there are {children[number]}.";
            if (record.References != references[number])
                yield return $"Anon_vma {number}: counts {record.References} references, there are {references[number]}.";
        }

        if (live != anons.Pool.InUse)
            yield return $"Anon_vmas: {anons.Pool.InUse} records in use, {live} alive.";
        if (links != anons.Links.InUse)
            yield return $"Links: {anons.Links.InUse} records in use, {links} in trees.";
    }

    /// <summary>KSM's items that are joined to a merged page have a reference each.</summary>
    private void CountItems(uint[] references)
    {
        var items = new RecordPool<TModel, KsmItem>(vmas.Image, MetadataRegion.KsmItems);
        for (uint number = 1; number <= items.HighWater; number++)
        {
            uint anonVma = items[number].AnonVma;
            if (anonVma < references.Length)
                references[anonVma]++;
        }
    }

    private bool HasLink(uint vma, uint wanted)
    {
        uint left = vmas[vma].ChainLength;
        for (uint link = vmas[vma].Chain; link != 0 && left != 0; link = anons.Links[link].Next, left--)
        {
            if (link == wanted)
                return true;
        }

        return false;
    }

    private bool IsLive(ulong anonVma) =>
        anonVma - 1 < anons.Pool.HighWater && Atomic<TModel>.Load(ref anons.Pool[(uint)anonVma].References) != 0;
}
