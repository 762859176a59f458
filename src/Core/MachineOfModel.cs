using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim;
using PageTableEmu.Reclaim.Ksm;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;
using PageTableEmu.Verification;

namespace PageTableEmu;

/// <summary>A machine's anonymous memory under the rules of a model: composes all floors.</summary>
/// <remarks>
/// <para>Any number of threads, and of processes attached to the same images, may call at the same time, unless a member says otherwise. There
/// are no hidden threads: pending writes of asynchronous swap areas complete when somebody waits for them, reclaims, or calls
/// <see cref="Settle"/>.</para>
/// <para>Addresses are virtual addresses of an address space; ranges are multiples of the page size. The number of an address space that does
/// not live, 0 included, is an <see cref="ArgumentException"/>.</para>
/// </remarks>
public class Machine<TArch, TModel> : IDisposable
    where TArch : struct, IArchitecture
    where TModel : struct, IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;
    private readonly UserAccess<TArch, TModel> access;
    private readonly Madvise<TArch, TModel> madvise;
    private readonly Mmap<TArch, TModel> mmap;
    private readonly Mremap<TArch, TModel> mremap;
    private readonly ProcessLife<TArch, TModel> life;
    private readonly LruScanner<TArch, TModel> scanner;
    private readonly PageOut<TArch, TModel> pageOut;
    private readonly SwapOff<TArch, TModel> swapOff;
    private readonly Mlock<TArch, TModel> mlock;
    private readonly RangeMigration<TArch, TModel> migration;
    private readonly Compactor<TArch, TModel> compactor;
    private readonly ClearRefs<TArch, TModel> clearRefs;
    private readonly PageScan<TArch, TModel> scan;
    private readonly MemoryFailure<TArch, TModel> memoryFailure;

    private protected Machine(MachineImage image, bool isNew)
    {
        mm = new MmContext<TArch, TModel>(image, TArch.DefaultSwapTypes);
        faults = new FaultHandler<TArch, TModel>(mm);
        access = new UserAccess<TArch, TModel>(mm, faults);
        Gup = new Gup<TArch, TModel>(mm, faults);
        madvise = new Madvise<TArch, TModel>(mm, faults, Gup);
        mlock = new Mlock<TArch, TModel>(mm, Gup);
        mmap = new Mmap<TArch, TModel>(mm, mlock);
        mremap = new Mremap<TArch, TModel>(mm, mmap, faults);
        life = new ProcessLife<TArch, TModel>(mm);
        var reclaimer = new Reclaimer<TArch, TModel>(mm);
        scanner = new LruScanner<TArch, TModel>(mm, reclaimer);
        pageOut = new PageOut<TArch, TModel>(mm, reclaimer);
        swapOff = new SwapOff<TArch, TModel>(mm, faults, life);
        memoryFailure = new MemoryFailure<TArch, TModel>(mm);
        Dma = new DmaEngine<TArch, TModel>(mm, Gup);
        Userfaultfd = new Userfaultfd<TArch, TModel>(mm, faults.SharedSwapIn);
        clearRefs = new ClearRefs<TArch, TModel>(mm);
        PageMap = new PageMap<TArch, TModel>(mm);
        scan = new PageScan<TArch, TModel>(mm, PageMap);
        Ksm = new KsmScanner<TArch, TModel>(mm, faults, life);
        Migrator = new Migrator<TArch, TModel>(mm);
        migration = new RangeMigration<TArch, TModel>(mm, Migrator);
        compactor = new Compactor<TArch, TModel>(mm, Migrator);
        mm.MemoryPressure = () => scanner.ReclaimSome();
        mm.GroupPressure = scanner.ReclaimSome;
        mm.BlockPressure = compactor.TryMakeBlock;
        MemoryGroups = new MemoryLimits<TArch, TModel>(mm, scanner);
        if (isNew)
            MakeZeroPage();
    }

    /// <summary>The floors below, for those who build on them: simulators that walk tables, observers, verification.</summary>
    public MmContext<TArch, TModel> Context => mm;

    /// <summary>Takes hold of pages for others than the process itself.</summary>
    public Gup<TArch, TModel> Gup { get; }

    /// <summary>A device that reads and writes memory past the page tables.</summary>
    public DmaEngine<TArch, TModel> Dma { get; }

    /// <summary>Faults that somebody else resolves, and write-protection of pages.</summary>
    public Userfaultfd<TArch, TModel> Userfaultfd { get; }

    /// <summary>What the page tables show of each page.</summary>
    public PageMap<TArch, TModel> PageMap { get; }

    /// <summary>Same-page merging.</summary>
    public KsmScanner<TArch, TModel> Ksm { get; }

    /// <summary>Which memory gets large folios of which orders.</summary>
    public FolioOrders<TArch, TModel> FolioOrders => mm.Orders;

    /// <summary>Moves single folios between frames, in two halves if one likes.</summary>
    public Migrator<TArch, TModel> Migrator { get; }

    /// <summary>Groups of address spaces with limits on their memory.</summary>
    public MemoryLimits<TArch, TModel> MemoryGroups { get; }

    /// <summary>The two memories.</summary>
    public MachineImage Image => mm.Image;

    /// <summary>Creates a machine in private memory of this process.</summary>
    /// <param name="options">Sizes; what belongs to the architecture (page sizes, cluster size, id) is filled in.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    public static Machine<TArch, TModel> Create(MachineImageOptions options) =>
        new(MachineImage.CreatePrivate(ForArchitecture(options)), isNew: true);

    /// <summary>Creates a machine in shared memory and attaches to it.</summary>
    /// <param name="location">Where its images go; they must not exist.</param>
    /// <param name="options">Sizes; what belongs to the architecture (page sizes, cluster size, id) is filled in.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    public static Machine<TArch, TModel> Create(ImageLocation location, MachineImageOptions options) =>
        new(MachineImage.Create(location, ForArchitecture(options)), isNew: true);

    /// <summary>Attaches to a machine in shared memory.</summary>
    /// <exception cref="CorruptImageException">The images are damaged, or of another architecture or version.</exception>
    public static Machine<TArch, TModel> Attach(ImageLocation location) =>
        new(MachineImage.Attach(location, new AttachOptions { ArchitectureId = TArch.Id }), isNew: false);

    /// <summary>Makes an empty address space; 0 when records or frames run out.</summary>
    public uint CreateAddressSpace() => life.TryCreate();

    /// <summary>Makes a copy-on-write copy of an address space (fork); 0 when anything runs out.</summary>
    public uint Fork(uint space)
    {
        uint child = life.TryFork(Live(space));
        for (int tries = 0; child == 0 && tries < MmContext<TArch, TModel>.PressureTries && mm.TryFindFrames(); tries++)
            child = life.TryFork(space);
        return child;
    }

    /// <summary>Ends an address space. Nobody may use its number afterwards.</summary>
    public void Exit(uint space)
    {
        mm.Userfaults.Detach(Live(space)); // the next address space with this number is another one
        life.Put(space);
    }

    /// <inheritdoc cref="Mmap{TArch, TModel}.Map"/>
    public MmResult Map(uint space, ulong start, ulong length, VmaFlags flags) => mmap.Map(Live(space), start, length, WithPermissions(flags));

    /// <inheritdoc cref="Mmap{TArch, TModel}.MapAnywhere"/>
    public MmResult MapAnywhere(uint space, ulong length, VmaFlags flags, out ulong start) =>
        mmap.MapAnywhere(Live(space), length, WithPermissions(flags), out start);

    /// <inheritdoc cref="Mmap{TArch, TModel}.MapShared"/>
    public MmResult MapShared(uint space, ulong start, ulong length, VmaFlags flags) =>
        mmap.MapShared(Live(space), start, length, WithPermissions(flags | VmaFlags.Shared));

    /// <summary>
    /// Makes a shared memory object that address spaces without a common ancestor can map; 0 when there are no more records. The caller has a
    /// reference until <see cref="ReleaseSharedObject"/>.
    /// </summary>
    /// <param name="pages">Its size in pages; <see cref="Truncate"/> changes it.</param>
    public uint CreateSharedObject(ulong pages) => mm.Vmas.Objects.TryCreate(pages);

    /// <summary>Gives the reference of <see cref="CreateSharedObject"/> back; the object lives on while a VMA shows it.</summary>
    public void ReleaseSharedObject(uint sharedObject) => mm.SharedCache.Put(sharedObject);

    /// <inheritdoc cref="Mmap{TArch, TModel}.MapObject"/>
    public MmResult MapObject(uint space, ulong start, ulong length, VmaFlags flags, uint sharedObject, ulong pageOffset) =>
        mmap.MapObject(Live(space), start, length, WithPermissions(flags | VmaFlags.Shared), sharedObject, pageOffset);

    /// <summary>
    /// Maps pages of a shared object privately (MAP_PRIVATE): loads see the object until the first store to a page, which makes an anonymous copy
    /// that only this address space, and copy-on-write its children, see.
    /// </summary>
    /// <example><code>
    /// uint image = machine.CreateSharedObject(pages: 16);
    /// machine.MapObject(writer, 0x10_0000_0000, 16 &lt;&lt; 12, VmaFlags.Read | VmaFlags.Write, image, 0);
    /// machine.MapObjectPrivately(reader, 0x10_0000_0000, 16 &lt;&lt; 12, VmaFlags.Read | VmaFlags.Write, image, 0);
    /// </code></example>
    /// <inheritdoc cref="Mmap{TArch, TModel}.MapObject" path="/param|/returns"/>
    /// <exception cref="ArgumentException">The flags say Shared.</exception>
    public MmResult MapObjectPrivately(uint space, ulong start, ulong length, VmaFlags flags, uint sharedObject, ulong pageOffset)
    {
        if ((flags & VmaFlags.Shared) != 0)
            throw new ArgumentException($"The flags are {flags}; {nameof(MapObject)} maps for sharing.", nameof(flags));
        return mmap.MapObject(Live(space), start, length, WithPermissions(flags), sharedObject, pageOffset);
    }

    /// <inheritdoc cref="Mm.SharedMemory.SharedCache{TArch, TModel}.Truncate"/>
    public void Truncate(uint sharedObject, ulong pages) => mm.SharedCache.Truncate(sharedObject, pages);

    /// <inheritdoc cref="Mm.SharedMemory.SharedCache{TArch, TModel}.PunchHole"/>
    public void PunchHole(uint sharedObject, ulong first, ulong count) => mm.SharedCache.PunchHole(sharedObject, first, count);

    /// <inheritdoc cref="Mmap{TArch, TModel}.Unmap"/>
    public MmResult Unmap(uint space, ulong start, ulong length) => mmap.Unmap(Live(space), start, length);

    /// <inheritdoc cref="Mmap{TArch, TModel}.Protect"/>
    public MmResult Protect(uint space, ulong start, ulong length, AccessRights rights, ref FaultCounters counters) =>
        mmap.Protect(Live(space), start, length, rights, ref counters);

    /// <summary>mlock(2) on [start, start + length).</summary>
    /// <inheritdoc cref="Mlock{TArch, TModel}.Lock"/>
    public MmResult Lock(uint space, ulong start, ulong length, ref FaultCounters counters) =>
        IsPageRange(start, length) ? mlock.Lock(Live(space), start, start + length, ref counters) : MmResult.Invalid;

    /// <summary>munlock(2) on [start, start + length).</summary>
    /// <inheritdoc cref="Mlock{TArch, TModel}.Unlock"/>
    public MmResult Unlock(uint space, ulong start, ulong length) =>
        IsPageRange(start, length) ? mlock.Unlock(Live(space), start, start + length) : MmResult.Invalid;

    /// <summary>As the other Move, for callers that do not count faults.</summary>
    /// <inheritdoc cref="Mremap{TArch, TModel}.Move"/>
    public MmResult Move(uint space, ulong oldStart, ulong newStart, ulong length, bool dontUnmap = false)
    {
        var uncounted = new FaultCounters();
        return Move(space, oldStart, newStart, length, dontUnmap, ref uncounted);
    }

    /// <inheritdoc cref="Mremap{TArch, TModel}.Move"/>
    public MmResult Move(uint space, ulong oldStart, ulong newStart, ulong length, bool dontUnmap, ref FaultCounters counters) =>
        mremap.Move(Live(space), oldStart, newStart, length, dontUnmap, ref counters);

    /// <summary>As the other Resize, for callers that do not count faults.</summary>
    /// <inheritdoc cref="Mremap{TArch, TModel}.Resize"/>
    public MmResult Resize(uint space, ulong start, ulong oldLength, ulong newLength, bool mayMove, out ulong newStart)
    {
        var uncounted = new FaultCounters();
        return Resize(space, start, oldLength, newLength, mayMove, out newStart, ref uncounted);
    }

    /// <inheritdoc cref="Mremap{TArch, TModel}.Resize"/>
    public MmResult Resize(
        uint space, ulong start, ulong oldLength, ulong newLength, bool mayMove, out ulong newStart, ref FaultCounters counters) =>
        mremap.Resize(Live(space), start, oldLength, newLength, mayMove, out newStart, ref counters);

    /// <inheritdoc cref="Mremap{TArch, TModel}.MoveAndResize"/>
    public MmResult MoveAndResize(
        uint space, ulong oldStart, ulong oldLength, ulong newStart, ulong newLength, ref FaultCounters counters) =>
        mremap.MoveAndResize(Live(space), oldStart, oldLength, newStart, newLength, ref counters);

    /// <inheritdoc cref="Mm.Marks.ClearRefs{TArch, TModel}.Clear"/>
    public MmResult ClearRefs(uint space, ClearRefsKind kind) => clearRefs.Clear(Live(space), kind);

    /// <inheritdoc cref="PageScan{TArch, TModel}.Scan"/>
    public MmResult ScanPages(uint space, in PageScanRequest request, IList<PageRegion> found, out ulong walkEnd) =>
        scan.Scan(Live(space), request, found, out walkEnd);

    /// <summary>madvise(2) on [start, start + length).</summary>
    /// <inheritdoc cref="Madvise{TArch, TModel}.Apply"/>
    public MmResult Advise(uint space, ulong start, ulong length, Advice advice, ref FaultCounters counters)
    {
        if (!IsPageRange(start, length))
            return MmResult.Invalid;
        return advice == Advice.PageOut
            ? pageOut.Apply(Live(space), start, start + length)
            : madvise.Apply(Live(space), start, start + length, advice, ref counters);
    }

    /// <inheritdoc cref="UserAccess{TArch, TModel}.Read(uint, ulong, Span{byte}, ref FaultCounters)"/>
    public UserAccessResult Read(uint space, ulong virtualAddress, Span<byte> destination, ref FaultCounters counters) =>
        access.Read(Live(space), virtualAddress, destination, ref counters);

    /// <inheritdoc cref="UserAccess{TArch, TModel}.Write(uint, ulong, ReadOnlySpan{byte}, ref FaultCounters)"/>
    public UserAccessResult Write(uint space, ulong virtualAddress, ReadOnlySpan<byte> source, ref FaultCounters counters) =>
        access.Write(Live(space), virtualAddress, source, ref counters);

    /// <summary>As the other Read, and says what a userfaultfd has to resolve when it is pending.</summary>
    public UserAccessResult Read(
        uint space, ulong virtualAddress, Span<byte> destination, ref FaultCounters counters, out UserfaultMessage pending) =>
        access.Read(Live(space), virtualAddress, destination, ref counters, out pending);

    /// <summary>As the other Write, and says what a userfaultfd has to resolve when it is pending.</summary>
    public UserAccessResult Write(
        uint space, ulong virtualAddress, ReadOnlySpan<byte> source, ref FaultCounters counters, out UserfaultMessage pending) =>
        access.Write(Live(space), virtualAddress, source, ref counters, out pending);

    /// <inheritdoc cref="SwapSpace{TModel}.SwapOn"/>
    public SwapResult SwapOn(SwapAreaOptions options, out uint type) => mm.Swap.SwapOn(options, out type);

    /// <inheritdoc cref="SwapOff{TArch, TModel}.Run"/>
    public SwapResult SwapOff(uint type) => swapOff.Run(type);

    /// <inheritdoc cref="LruScanner{TArch, TModel}.Reclaim"/>
    public long Reclaim(long target) => scanner.Reclaim(target);

    /// <inheritdoc cref="LruScanner{TArch, TModel}.ReclaimAll"/>
    public void ReclaimAll() => scanner.ReclaimAll();

    /// <inheritdoc cref="LruScanner{TArch, TModel}.ForceEmpty"/>
    public long ForceEmpty() => scanner.ForceEmpty();

    /// <summary>Moves the pages of [start, start + length) to freshly allocated frames (move_pages).</summary>
    /// <exception cref="ArgumentException">The range is not one of whole pages, or no such address space lives.</exception>
    /// <example>
    /// <code>
    /// MigrationCounts counts = machine.Migrate(process, 0x10000, 0x4000);
    /// Console.WriteLine($"{counts.Moved} pages moved, {counts.Pinned} are pinned");
    /// </code>
    /// </example>
    /// <inheritdoc cref="RangeMigration{TArch, TModel}.Apply"/>
    public MigrationCounts Migrate(uint space, ulong start, ulong length)
    {
        if (!IsPageRange(start, length) || start + length > TArch.UserSpaceEnd)
            throw new ArgumentException($"{length} bytes at {start:x} are no range of pages of {mm.Image.PageSize} bytes.", nameof(length));
        return migration.Apply(Live(space), start, start + length);
    }

    /// <inheritdoc cref="Compactor{TArch, TModel}.Run()"/>
    public CompactionResult Compact() => compactor.Run();

    /// <inheritdoc cref="MemoryFailure{TArch, TModel}.Report"/>
    public MemoryFailureResult MemoryFailure(uint frame) => memoryFailure.Report(frame);

    /// <inheritdoc cref="MemoryFailure{TArch, TModel}.TryTakeBack"/>
    public bool TryUnpoison(uint frame) => memoryFailure.TryTakeBack(frame);

    /// <inheritdoc cref="ClusterReadahead{TModel}.PageCluster"/>
    public int PageCluster
    {
        get => mm.Swap.Readahead.PageCluster;
        set => mm.Swap.Readahead.PageCluster = value;
    }

    /// <summary>
    /// Completes pending writes and ends the allocation epoch, as a kernel does that waits for its I/O and drains its per-processor batches.
    /// </summary>
    public void Settle()
    {
        mm.Swap.CompleteWrites();
        mm.Folios.Lru.Drain();
        mm.Folios.Allocator.AdvanceEpoch();
    }

    /// <inheritdoc cref="Verifier{TArch, TModel}.Verify"/>
    /// <remarks>No operation may be under way in any thread or process.</remarks>
    public IEnumerable<Violation> Verify(IReadOnlyDictionary<uint, uint>? held = null) => new Verifier<TArch, TModel>(mm).Verify(held);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Detaches from the images.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        mm.Swap.Dispose();
        mm.Image.Dispose();
    }

    private protected static MachineImageOptions ForArchitecture(MachineImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with
        {
            PageShift = TArch.PageShift,
            HugeShift = TArch.HugePageShift,
            ArchitectureId = TArch.Id,
            SwapClusterSlots = TArch.SwapClusterSlots,
            TagBytesPerPage = TArch.TagBytesPerPage,
            AddressTagBuffers = !TArch.KeepsTagsByAddress ? 0 : options.AddressTagBuffers == 0 ? 512 : options.AddressTagBuffers,
        };
    }

    /// <summary>Whether a range is page-aligned and does not wrap around; it may be empty, and reach where nothing can be mapped.</summary>
    private static bool IsPageRange(ulong start, ulong length) =>
        ((start | length) & ((1UL << TArch.PageShift) - 1)) == 0 && start + length >= start;

    /// <summary>Anonymous memory may later be given any right, and private writable memory is accounted.</summary>
    private static VmaFlags WithPermissions(VmaFlags flags)
    {
        flags |= VmaFlags.MayRead | VmaFlags.MayWrite | VmaFlags.MayExecute;
        return (flags & (VmaFlags.Write | VmaFlags.Shared)) == VmaFlags.Write ? flags | VmaFlags.Account : flags;
    }

    /// <summary>The number of an address space that is not 0, never handed out, or gone: every operation on one asks here first.</summary>
    private uint Live(uint space)
    {
        mm.Spaces.ThrowIfNotLive(space);
        return space;
    }

    private void MakeZeroPage()
    {
        uint frame = mm.Tags.TryAllocateZeroed();
        if (frame == 0)
            throw new InvalidOperationException("The machine has no frame for the zero page.");
        mm.Frames.Set(frame, FrameFlags.Reserved | FrameFlags.Uptodate);
        mm.Folios.ZeroFrame = frame;
    }
}
