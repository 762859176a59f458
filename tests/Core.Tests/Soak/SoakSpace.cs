namespace PageTableEmu.Core.Tests.Soak;

/// <summary>
/// An address space with what its pages may contain. Every page has two addresses, far apart, between which mremap moves it; the range of each
/// side crosses the end of a leaf table. The last pages are free for all: nobody keeps others out there.
/// </summary>
internal sealed class SoakSpace
{
    public const int Pages = 112;
    public const int Tracked = 96;

    private readonly ulong origin;
    private readonly ulong distance;
    private readonly ulong pageSize;

    public SoakSpace(uint space, int pageShift, int tableShift)
        : this(space, (1UL << 32) + (1UL << tableShift) - (60UL << pageShift), 2UL << tableShift, 1UL << pageShift)
    {
        TrackedPages = [.. Enumerable.Range(0, Tracked).Select(i => new SoakPage((uint)i + 1))];
    }

    private SoakSpace(uint space, ulong origin, ulong distance, ulong pageSize)
    {
        Space = space;
        this.origin = origin;
        this.distance = distance;
        this.pageSize = pageSize;
        TrackedPages = [];
    }

    public uint Space { get; }

    public SoakPage[] TrackedPages { get; private init; }

    public ulong PageSize => pageSize;

    public ulong Address(int page, int side) => origin + ((ulong)side * distance) + ((ulong)page * pageSize);

    public SoakPage.Bounds[] ReadBounds() => [.. TrackedPages.Select(page => page.Read())];

    /// <summary>
    /// The model of a child that was forked after the bounds were read. A page that was moved meanwhile may be at either place: such forks
    /// are not made, because the caller holds every gate that a mover needs, or finds out by <see cref="SoakPage.WasWritable"/>.
    /// </summary>
    public SoakSpace Forked(uint child, SoakPage.Bounds[] before) => new(child, origin, distance, pageSize)
    {
        TrackedPages = [.. TrackedPages.Select((page, i) => page.Copy(before[i]))],
    };

    /// <summary>Keeps all others from changing [first, first + count); ascending, so that nobody waits in a circle.</summary>
    public void Enter(int first, int count)
    {
        for (int i = first; i < first + count; i++)
            TrackedPages[i].Gate.Enter();
    }

    public void Exit(int first, int count)
    {
        for (int i = first; i < first + count; i++)
            TrackedPages[i].Gate.Exit();
    }
}
