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
    {
        Machine = Machine<TArch, TModel>.Create(new MachineImageOptions
        {
            RamBytes = (ulong)frames << TArch.PageShift,
            SwapSlots = (uint)TArch.SwapClusterSlots,
            SwapStoreSlots = slots + 1,
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
        });
        SwapAreaOptions area = synchronous ? SwapAreaOptions.Zram(slots + 1) : new SwapAreaOptions { Slots = slots + 1 };
        SwapResult on = Machine.SwapOn(area, out _);
        if (on != SwapResult.Ok)
            throw new InvalidOperationException($"No swap area of {slots} slots could be made: {on}.");
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
    public uint CreateSpace(int pages)
    {
        uint space = Machine.CreateAddressSpace();
        MmResult mapped = Machine.Map(space, Start, (ulong)pages << TArch.PageShift, VmaFlags.Read | VmaFlags.Write);
        return mapped == MmResult.Ok ? space : throw new InvalidOperationException($"The pages could not be mapped: {mapped}.");
    }

    /// <summary>From now on a page is judged, and <see cref="Store"/> and <see cref="Load"/> may be used on it.</summary>
    public void Watch(uint space, int page)
    {
        Pages.Watch(space, At(page), Peek(space, page));
    }

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

    /// <summary>Swaps a page out (MADV_PAGEOUT).</summary>
    public void PageOut(uint space, int page)
    {
        var faults = new FaultCounters();
        Machine.Advise(space, At(page), 1UL << TArch.PageShift, Advice.PageOut, ref faults);
    }

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
