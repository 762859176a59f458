using PageTableEmu.Atomics;

namespace PageTableEmu.Mm;

/// <summary>
/// The places of a page index, lazily: <c>foreach (ReverseMapPlace place in reverseMap.Candidates(anonVma, index))</c>. Allocates nothing. It is
/// valid while the family's lock is held.
/// </summary>
public ref struct ReverseMapCandidates<TModel>
    where TModel : IModel
{
    private readonly Vmas<TModel> vmas;
    private readonly uint anonVma;
    private readonly ulong index;
    private readonly ulong end;
    private uint link;

    internal ReverseMapCandidates(Vmas<TModel> vmas, uint anonVma, ulong index, ulong pages)
    {
        this.vmas = vmas;
        this.anonVma = anonVma;
        this.index = index;
        end = index + pages;
    }

    /// <summary>The current place.</summary>
    public readonly ReverseMapPlace Current
    {
        get
        {
            uint number = vmas.Anons.Links[link].Vma;
            ref Vma vma = ref vmas[number];

            // A large folio may begin before the VMA: then its first page there is the VMA's first.
            ulong pages = index > vma.PageOffset ? index - vma.PageOffset : 0;
            return new ReverseMapPlace(number, vma.Start + (pages << vmas.Image.PageShift));
        }
    }

    /// <summary>For foreach.</summary>
    public readonly ReverseMapCandidates<TModel> GetEnumerator() => this;

    /// <summary>Goes to the next place; false when there is none.</summary>
    public bool MoveNext()
    {
        if (anonVma == 0)
            return false;
        AnonVmas<TModel> anons = vmas.Anons;
        link = link == 0 ? anons.Tree.FirstOverlap(anons.Pool[anonVma].Tree, index, end) : anons.Tree.NextOverlap(link, index, end);
        return link != 0;
    }
}
