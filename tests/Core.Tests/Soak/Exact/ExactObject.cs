namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>
/// A shared object and all private views of it. Whoever works on its pages or views enters <see cref="Lock"/>; who changes its size, punches
/// holes or forks has it alone. That lock comes before those of regions.
/// </summary>
internal sealed class ExactObject
{
    public ExactObject(uint number, int pages, ulong pageSize)
    {
        Number = number;
        Length = (ulong)pages * pageSize;
        Pages = [.. Enumerable.Range(0, pages).Select(_ => new ExactPage(new SoakPage.Kinship()))];
    }

    public uint Number { get; }

    public ulong Length { get; }

    public ExactPage[] Pages { get; }

    public int Count => Pages.Length;

    public ReaderWriterLockSlim Lock { get; } = new();

    /// <summary>The views of all address spaces that live.</summary>
    public List<ExactRegion> Views { get; } = [];
}
