using PageTableEmu.Atomics;
using PageTableEmu.Explore.Memory;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Explore.Machines;

/// <summary>A small machine with one swap area whose pages are watched, and operations that tell the oracle what they store and load.</summary>
/// <remarks>Pages are named by number from 0 in one VMA of each address space. Only the first byte of a page is used.</remarks>
/// <example>
/// <code>
/// using var small = new ExploredMachine&lt;X64FourLevel, ExploredModel&gt;(slots: 1);
/// uint program = small.CreateSpace(pages: 1);
/// small.Poke(program, 0, 1);
/// small.Watch(program, 0);
/// MachineMemory memory = small.Memory;
/// WatchedPages&lt;X64FourLevel&gt; pages = small.Pages;
/// Explorer.Check(
///     new ExploredProgram(memory, new Actor("Reader", () =&gt; small.Load(program, 0)), new Actor("Writer", () =&gt; small.Store(program, 0, 2)))
///     {
///         Oracle = pages,
///         AtEnd = small.Verify,
///     },
///     new ExplorerOptions { Preemptions = 0 });
/// </code>
/// </example>
public sealed class ExploredMachine<TArch, TModel> : IDisposable
    where TArch : struct, IArchitecture
    where TModel : struct, IExplored
{
    private const ulong Start = 1UL << 32;

    /// <summary>Makes a machine.</summary>
    /// <param name="slots">Usable slots of its swap area.</param>
    /// <param name="synchronous">Whether the area is like zram; else writes complete later and folios stay in the swap cache.</param>
    /// <param name="frames">Frames of RAM.</param>
    public ExploredMachine(uint slots, bool synchronous = true, uint frames = 32)
        : this(synchronous ? SwapAreaOptions.Zram(slots + 1) : new SwapAreaOptions { Slots = slots + 1 }, frames)
    {
    }

    /// <summary>Makes a machine.</summary>
    /// <param name="area">Its first swap area.</param>
    /// <param name="frames">Frames of RAM.</param>
    /// <param name="areas">How many areas of that size there may be.</param>
    /// <exception cref="InvalidOperationException">The area could not be made.</exception>
    public ExploredMachine(SwapAreaOptions area, uint frames = 32, uint areas = 1)
    {
        ArgumentNullException.ThrowIfNull(area);
        Machine = Machine<TArch, TModel>.Create(new MachineImageOptions
        {
            RamBytes = (ulong)frames << TArch.PageShift,
            SwapSlots = areas * (((area.Slots - 1) / (uint)TArch.SwapClusterSlots) + 1) * (uint)TArch.SwapClusterSlots,
            SwapStoreSlots = areas * area.Slots,
            SwapOverflows = 4,
            AddressSpaces = 4,
            Vmas = 16,
            AnonVmas = 16,
            AnonVmaChains = 32,
            SharedObjects = 2,
            SharedIndexBlocks = 8,
            KsmSlots = 4,
            KsmItems = 8,
            KsmNodes = 4,
            TagBuffers = 16,
            AddressTagBuffers = 16,
        });
        SwapOn(area);
        Memory = new MachineMemory(Machine.Image);
        Pages = new WatchedPages<TArch>(Machine.Image, Memory);
    }

    /// <summary>The machine.</summary>
    public Machine<TArch, TModel> Machine { get; }

    /// <summary>Its images.</summary>
    public MachineMemory Memory { get; }

    /// <summary>The oracle.</summary>
    public WatchedPages<TArch> Pages { get; }

    /// <summary>The address of a page.</summary>
    public static ulong At(int page) => Start + ((ulong)page << TArch.PageShift);

    /// <summary>Makes an address space with so many private writable pages.</summary>
    public uint CreateSpace(int pages) => CreateSpace(pages, shared: false);

    /// <summary>Makes an address space with so many writable pages, private ones or those of a new shared object.</summary>
    /// <param name="pages">How many.</param>
    /// <param name="shared">Whether they are those of a new shared object.</param>
    /// <param name="more">What the VMA has beside.</param>
    public uint CreateSpace(int pages, bool shared, VmaFlags more = VmaFlags.None)
    {
        uint space = Machine.CreateAddressSpace();
        VmaFlags rights = VmaFlags.Read | VmaFlags.Write | more;
        ulong length = (ulong)pages << TArch.PageShift;
        MmResult mapped = shared ? Machine.MapShared(space, Start, length, rights) : Machine.Map(space, Start, length, rights);
        return mapped == MmResult.Ok ? space : throw new InvalidOperationException($"The pages could not be mapped: {mapped}.");
    }

    /// <summary>Adds another area.</summary>
    /// <exception cref="InvalidOperationException">It could not be made.</exception>
    public void SwapOn(SwapAreaOptions area)
    {
        SwapResult on = Machine.SwapOn(area, out _);
        if (on != SwapResult.Ok)
            throw new InvalidOperationException($"No swap area of {area?.Slots} slots could be made: {on}.");
    }

    /// <summary>From now on a page is judged, and <see cref="Store"/> and <see cref="Load"/> may be used on it.</summary>
    public void Watch(uint space, int page)
    {
        Pages.Watch(space, At(page), Peek(space, page));
    }

    /// <summary>As <see cref="Watch(uint, int)"/>, saying what the page holds: for pages of shared objects, which no entry may tell.</summary>
    public void Watch(uint space, int page, byte value) => Pages.Watch(space, At(page), value);

    /// <summary>Stores, before the exploration begins.</summary>
    public void Poke(uint space, int page, byte value)
    {
        var faults = new FaultCounters();
        Require(Machine.Write(space, At(page), [value], ref faults));
    }

    /// <summary>Stores to a watched page.</summary>
    public void Store(uint space, int page, byte value)
    {
        Pages.BeginStore(Self, space, At(page), value);
        var faults = new FaultCounters();
        Require(Machine.Write(space, At(page), [value], ref faults));
    }

    /// <summary>Loads from a watched page.</summary>
    /// <exception cref="FindingException">It was not what was stored last.</exception>
    public byte Load(uint space, int page)
    {
        Span<byte> loaded = stackalloc byte[1];
        Pages.BeginLoad(Self, space, At(page));
        var faults = new FaultCounters();
        Require(Machine.Read(space, At(page), loaded, ref faults));
        return Pages.EndLoad(Self, loaded[0]) is { } finding ? throw new FindingException(finding) : loaded[0];
    }

    /// <summary>Stores to the last byte of a page, which nobody watches.</summary>
    public void StoreBeside(uint space, int page, byte value)
    {
        var faults = new FaultCounters();
        Require(Machine.Write(space, At(page + 1) - 1, [value], ref faults));
    }

    /// <summary>Loads without judging.</summary>
    public byte Read(uint space, int page)
    {
        Span<byte> loaded = stackalloc byte[1];
        var faults = new FaultCounters();
        Require(Machine.Read(space, At(page), loaded, ref faults));
        return loaded[0];
    }

    /// <summary>Swaps a page out (MADV_PAGEOUT).</summary>
    public void PageOut(uint space, int page) => Advise(space, page, Advice.PageOut);

    /// <summary>Gives an advice (madvise) for some pages.</summary>
    public void Advise(uint space, int page, Advice advice, int pages = 1)
    {
        var faults = new FaultCounters();
        Machine.Advise(space, At(page), (ulong)pages << TArch.PageShift, advice, ref faults);
    }

    /// <summary>Takes hold of a page for a device, without locks where that is possible.</summary>
    /// <returns>The frame, to be given to <see cref="Put"/>.</returns>
    public uint Take(uint space, int page, GupFlags flags) => TryTakeFast(space, page, flags, out uint frame) ? frame : TakeSlow(space, page, flags);

    /// <summary>Takes hold of a page without locks; false when that is not possible.</summary>
    public bool TryTakeFast(uint space, int page, GupFlags flags, out uint frame) =>
        new GupFast<TArch, TModel>(Machine.Context).TryTake(space, At(page), flags, out frame);

    /// <summary>Takes hold of a page as a fault would, with the page table locked.</summary>
    public uint TakeSlow(uint space, int page, GupFlags flags)
    {
        var faults = new FaultCounters();
        return Machine.Gup.TryTake(space, At(page), flags, out uint frame, ref faults) == MmResult.Ok
            ? frame
            : throw new FindingException(new Finding("ACCESS", "the page could not be taken"));
    }

    /// <summary>A device writes the first byte of a frame it has got for a watched page: the page must hold that from now on.</summary>
    public void DeviceWrite(uint space, int page, uint frame, byte value)
    {
        Pages.BeginStore(Self, space, At(page), value);
        DeviceWrite(frame, value);
    }

    /// <summary>A device writes the first byte of a frame, whatever page it belongs to.</summary>
    public void DeviceWrite(uint frame, byte value)
    {
        Span<byte> sector = stackalloc byte[1];
        sector[0] = value;
        SharedBytes<TModel>.Copy(sector, Machine.Context.Frames.Bytes(frame)[..1]);
    }

    /// <summary>A device reads the first byte of a frame it has got.</summary>
    public byte DeviceRead(uint frame)
    {
        Span<byte> found = stackalloc byte[1];
        SharedBytes<TModel>.Copy(Machine.Context.Frames.Bytes(frame)[..1], found);
        return found[0];
    }

    /// <summary>Gives a taken page back.</summary>
    public void Put(uint frame, GupFlags flags) => Machine.Gup.Put(frame, flags);

    /// <summary>What is wrong with the machine at rest; null when nothing is. Every watched page is read once more.</summary>
    public Finding? Verify() =>
        Pages.Check(0)
        ?? Machine.Verify().Select(violation => new Finding(violation.Invariant, violation.ToString())).FirstOrDefault();

    /// <inheritdoc/>
    public void Dispose() => Machine.Dispose();

    private static int Self => (int)Owner.Thread - 1;

    private static void Require(UserAccessResult result)
    {
        if (result != UserAccessResult.Ok)
            throw new FindingException(new Finding("ACCESS", $"an access to mapped memory failed: {result}"));
    }

    private byte Peek(uint space, int page)
    {
        Span<byte> found = stackalloc byte[1];
        var copy = new byte[Machine.Image.PageSize];
        uint table = Machine.Context.Tables.LeafTable(Machine.Context.Spaces[space].Root, At(page));
        Pte entry = table == 0 ? default : PageTables<TArch, TModel>.Load(ref Machine.Context.Tables.Entry(table, At(page)));
        if (TArch.IsNone(entry, 1))
            return 0;
        if (TArch.IsPresent(entry, 1))
            return Machine.Context.Frames.Bytes((uint)TArch.FrameOf(entry, 1))[0];
        SoftLeaf soft = Machine.Context.Decode(entry);
        var slot = new SwapEntry(soft.Type, soft.Offset);
        uint cached = Machine.Context.Swap.Lookup(slot);
        if (cached == 0)
            Machine.Context.Swap.Peek(slot, copy);
        else
            copy[0] = Machine.Context.Frames.Bytes(cached)[0];
        if (cached != 0)
            Machine.Context.Folios.Put(cached);
        found[0] = copy[0];
        return found[0];
    }
}
