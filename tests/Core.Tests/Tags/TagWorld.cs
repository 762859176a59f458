using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;
using PageTableEmu.Tags;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// A machine with tags whose every frame begins with leftovers of another life, and the ghost of what each process put: data and tags of its
/// pages by page number. Every access goes through a pointer with the ghost's tag.
/// </summary>
internal class TagWorld<TArch, TFormat, TModel> : IDisposable
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
    where TModel : struct, IModel
{
    internal const uint Stale = 9;

    private static readonly int Shift = TArch.PageShift;


    private readonly Dictionary<(uint Process, uint Page), Ghost> ghosts = [];
    private readonly TagInstructions<TArch, TModel, TFormat> instructions;
    private readonly Backing backing;
    private readonly uint slots;
    private FaultCounters counters;

    internal TagWorld(Backing backing = Backing.Zram, uint blocks = 0, uint pages = 16, uint tagBuffers = 4096)
    {
        this.backing = backing;
        slots = blocks == 0 ? 256u : 4096;
        Machine = Machine<TArch, TModel>.Create(new MachineImageOptions
        {
            RamBytes = blocks == 0 ? 512UL << Shift : (ulong)blocks << TArch.HugePageShift,
            SwapSlots = 8192,
            SwapStoreSlots = 8192,
            TagBuffers = tagBuffers,
            AddressSpaces = 16,
        });
        Spoil();
        instructions = new TagInstructions<TArch, TModel, TFormat>(Mm);
        SwapOn();
        Process = Machine.CreateAddressSpace();
        if (pages != 0)
            Map(Process, 0, pages);
    }

    internal Machine<TArch, TModel> Machine { get; }

    internal MmContext<TArch, TModel> Mm => Machine.Context;

    internal TagStorage<TModel> Storage => Mm.Tags.Storage;

    internal uint Process { get; }

    internal uint Area { get; private set; }

    internal static uint Span => HugePages<TArch, TModel>.Pages;

    internal static ulong At(uint page) => (1UL << 33) + ((ulong)page << Shift);

    /// <summary>Tags of a page.</summary>
    internal static int Blocks => BlockTags<TFormat>.PerPage;

    /// <summary>A pointer that carries a tag.</summary>
    internal static ulong Tagged(ulong address, uint tag) => BlockTags<TFormat>.Tagged(address, tag);

    private static ulong Block(uint page, int block) => At(page) + ((ulong)block << TFormat.BlockShift);

    /// <summary>Leaves tags in all free frames, so that whoever is not given tags gets those.</summary>
    internal void Spoil()
    {
        for (uint frame = 1; frame < Machine.Image.FrameCount; frame++)
        {
            if (Mm.Frames.References(frame) == 0)
                Storage.OfFrame(frame).Fill((byte)((Stale << 4) | Stale));
        }
    }

    internal void SwapOn()
    {
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area(slots), out uint area));
        Area = area;
    }

    internal void Map(uint process, uint page, uint count, VmaFlags more = VmaFlags.TagChecked) =>
        Assert.Equal(MmResult.Ok, Machine.Map(process, At(page), (ulong)count << Shift, VmaFlags.Read | VmaFlags.Write | more));

    internal void MapShared(uint process, uint page, uint count) =>
        Assert.Equal(
            MmResult.Ok,
            Machine.MapShared(process, At(page), (ulong)count << Shift, VmaFlags.Read | VmaFlags.Write | VmaFlags.TagChecked));

    /// <summary>mprotect with or without PROT_ADI; readable and writable in any case.</summary>
    internal MmResult Protect(uint process, uint page, uint count, bool tags, AccessRights rights = AccessRights.Read | AccessRights.Write) =>
        Machine.Protect(process, At(page), (ulong)count << Shift, rights | (tags ? AccessRights.TagChecked : 0), ref counters);

    internal MmResult Advise(uint process, uint page, uint count, Advice advice) =>
        Machine.Advise(process, At(page), (ulong)count << Shift, advice, ref counters);

    internal void Write(uint process, uint page, byte value)
    {
        Ghost ghost = GhostOf(process, page);
        Assert.Equal(UserAccessResult.Ok, Machine.Write(process, Tagged(At(page), ghost.Tags[0]), [value], ref counters));
        ghost.Value = value;
    }

    internal UserAccessResult TryRead(uint process, uint page, uint tag, out byte value, int block = 0)
    {
        byte[] one = new byte[1];
        UserAccessResult result = Machine.Read(process, Tagged(Block(page, block), tag), one, ref counters);
        value = one[0];
        return result;
    }

    internal void Tag(uint process, uint page, int block, uint tag)
    {
        Assert.Equal(TagResult.Ok, TrySetTag(process, page, block, tag));
        GhostOf(process, page).Tags[block] = tag;
    }

    internal TagResult TrySetTag(uint process, uint page, int block, uint tag) =>
        instructions.Set(process, Block(page, block), tag, ref counters);

    /// <summary>Writes a page and gives its first and last block a tag.</summary>
    internal void Fill(uint process, uint page, byte value, uint tag)
    {
        Write(process, page, value);
        Tag(process, page, 0, tag);
        Tag(process, page, Blocks - 1, tag ^ 1);
    }

    /// <summary>The tag of a block as the process sees it, with the faults that takes.</summary>
    internal uint TagNow(uint process, uint page, int block = 0)
    {
        Assert.Equal(TagResult.Ok, instructions.Get(process, Block(page, block), out uint tag, ref counters));
        return tag;
    }

    internal TagInstructions<TArch, TModel, TFormat> Instructions => instructions;

    internal uint Fork(uint process)
    {
        uint child = Machine.Fork(process);
        Assert.NotEqual(0u, child);
        foreach ((uint Process, uint Page) key in ghosts.Keys.Where(key => key.Process == process).ToList())
            ghosts[(child, key.Page)] = ghosts[key].Copy();
        return child;
    }

    internal void Exit(uint process)
    {
        Machine.Exit(process);
        foreach ((uint Process, uint Page) key in ghosts.Keys.Where(key => key.Process == process).ToList())
            ghosts.Remove(key);
    }

    internal void Forget(uint process, uint page, uint count)
    {
        for (uint i = page; i < page + count; i++)
            ghosts.Remove((process, i));
    }

    internal void Unmap(uint process, uint page, uint count)
    {
        Assert.Equal(MmResult.Ok, Machine.Unmap(process, At(page), (ulong)count << Shift));
        Forget(process, page, count);
    }

    internal void DontNeed(uint process, uint page, uint count)
    {
        Assert.Equal(MmResult.Ok, Advise(process, page, count, Advice.DontNeed));
        Forget(process, page, count);
    }

    internal void Move(uint process, uint from, uint to, uint count)
    {
        Assert.Equal(MmResult.Ok, Machine.Move(process, At(from), At(to), (ulong)count << Shift));
        for (uint i = 0; i < count; i++)
        {
            ghosts.Remove((process, to + i));
            if (ghosts.Remove((process, from + i), out Ghost? moved))
                ghosts[(process, to + i)] = moved;
        }
    }

    internal MigrationCounts Migrate(uint process, uint page, uint count) => Machine.Migrate(process, At(page), (ulong)count << Shift);

    /// <summary>Begins to move the folio of a page, with one reference of ours: from now on migration entries stand.</summary>
    internal DisplacedFolio BeginMigration(uint process, uint page)
    {
        DisplacedFolio? displaced = TryBeginMigration(process, page);
        Assert.NotNull(displaced);
        Assert.False(Is(process, page, out _));
        return displaced.Value;
    }

    /// <summary>As <see cref="BeginMigration"/>; null when an entry would not go.</summary>
    internal DisplacedFolio? TryBeginMigration(uint process, uint page)
    {
        Assert.True(Is(process, page, out uint frame));
        uint folio = Mm.Frames.HeadOf(frame);
        Mm.Frames.Get(folio);
        if (Machine.Migrator.TryBegin(folio, MigrationMode.Sync, out DisplacedFolio displaced) == MigrationResult.Moved)
            return displaced;
        Mm.Folios.Put(folio);
        return null;
    }

    /// <summary>Ends what <see cref="BeginMigration"/> began.</summary>
    internal void CompleteMigration(DisplacedFolio displaced)
    {
        bool large = Mm.Frames.IsLarge(displaced.Folio);
        uint target = large ? Mm.Folios.TryAllocateLarge() : Mm.Folios.TryAllocate();
        Assert.True(Machine.Migrator.TryComplete(displaced, target));
        Mm.Folios.Put(displaced.Folio);
    }

    internal void UndoMigration(DisplacedFolio displaced)
    {
        Machine.Migrator.Undo(displaced);
        Mm.Folios.Put(displaced.Folio);
    }

    /// <summary>Maps a place that UFFDIO_MOVE can move pages to; nobody may touch what was not moved there.</summary>
    internal void MapForUserfault(uint process, uint page, uint count, VmaFlags more = VmaFlags.TagChecked)
    {
        Map(process, page, count, more);
        Assert.Equal(MmResult.Ok, Machine.Userfaultfd.Open(process, UserfaultFeatures.None));
        Assert.Equal(MmResult.Ok, Machine.Userfaultfd.Register(process, At(page), At(page + count), UserfaultModes.Missing));
    }

    /// <summary>UFFDIO_MOVE.</summary>
    internal MmResult MoveByUserfault(uint process, uint from, uint to, uint count)
    {
        MmResult result = Machine.Userfaultfd.Move(process, At(to), At(from), (ulong)count << Shift, UserfaultMoveFlags.None, out ulong moved);
        for (uint i = 0; i < moved >> Shift; i++)
        {
            if (ghosts.Remove((process, from + i), out Ghost? ghost))
                ghosts[(process, to + i)] = ghost;
        }

        return result;
    }

    internal Pte Entry(uint process, uint page)
    {
        uint table = Mm.Tables.LeafTable(Mm.Spaces[process].Root, At(page));
        return table == 0 ? default : PageTables<TArch, TModel>.Load(ref Mm.Tables.Entry(table, At(page)));
    }

    internal bool IsSwapped(uint process, uint page) => !Is(process, page, out _) && Mm.Decode(Entry(process, page)).Kind == SoftLeafKind.Swap;

    /// <summary>Whether a page is present, and in which frame.</summary>
    internal bool Is(uint process, uint page, out uint frame)
    {
        frame = 0;
        Pte entry = Entry(process, page);
        if (entry.Raw == 0)
        {
            using HugeGuard<TArch, TModel> guard = Mm.Huge.Lock(Mm.Spaces[process].Root, At(page));
            if (!guard.IsLeaf)
                return false;
            frame = (uint)TArch.FrameOf(guard.Value, 2) + HugePages<TArch, TModel>.PageOf(At(page));
            return true;
        }

        if (!TArch.IsPresent(entry, 1))
            return false;
        frame = (uint)TArch.FrameOf(entry, 1);
        return true;
    }

    /// <summary>
    /// The ghosts of all pages against what the machine has, wherever it lies, touching nothing. Only of the frame-and-slot provider.
    /// </summary>
    internal void AssertGhosts(string step)
    {
        foreach (((uint process, uint page), Ghost ghost) in ghosts)
        {
            byte[] expected = ghost.Packed();
            ReadOnlySpan<byte> real = Is(process, page, out uint frame) ? OfFrame(frame) : OfEntry(process, page);
            string found = real.IsEmpty ? "no tags" : Convert.ToHexString(real);
            Assert.True(
                real.IsEmpty ? expected.All(tag => tag == 0) : real.SequenceEqual(expected),
                $"{step}: process {process} page {page}: {found}, ghost {Convert.ToHexString(expected)}");
        }
    }

    /// <summary>Every page by the eyes of its process, data and all tags, through pointers that carry them.</summary>
    internal void AssertSeen(string step)
    {
        byte[] one = new byte[1];
        foreach (((uint process, uint page), Ghost ghost) in ghosts)
        {
            for (int block = 0; block < Blocks; block += Blocks - 1)
            {
                ulong pointer = Tagged(Block(page, block), ghost.Tags[block]);
                UserAccessResult result = Machine.Read(process, pointer, one, ref counters);
                Assert.True(result == UserAccessResult.Ok, $"{step}: process {process} page {page} block {block}: {result}");
                if (block == 0)
                    Assert.Equal((step, page, ghost.Value), (step, page, one[0]));
                if (Storage.Faults.FailAllocation == 0)
                    Assert.Equal((step, page, block, ghost.Tags[block]), (step, page, block, TagNow(process, page, block)));
            }
        }
    }

    /// <summary>Whether every process sees the tags that its pages ought to have.</summary>
    internal bool SeesItsTags()
    {
        bool right = true;
        foreach (((uint process, uint page), Ghost ghost) in ghosts)
            right &= Sees(process, page, 0, ghost.Tags[0]) && Sees(process, page, Blocks - 1, ghost.Tags[Blocks - 1]);
        return right;
    }

    private bool Sees(uint process, uint page, int block, uint ghost) =>
        instructions.Get(process, Block(page, block), out uint tag, ref counters) == TagResult.Ok && tag == ghost;

    internal IReadOnlyList<string> Broken() =>
        [.. Machine.Verify().Select(violation => violation.Invariant).Distinct().Order(StringComparer.Ordinal)];

    internal void AssertSound(string step, uint held = 0)
    {
        List<Violation> found = [.. Machine.Verify(held == 0 ? null : new Dictionary<uint, uint> { [held] = 1 })];
        Assert.True(found.Count == 0, $"{step}: {string.Join("; ", found.Take(5))}");
    }

    /// <summary>
    /// One unmapping by hand, as reclaim does it, with a pin that comes after reclaim looked for pins: whether it went through.
    /// </summary>
    internal bool UnmapByHand(uint process, uint page, bool pinned)
    {
        Assert.True(Is(process, page, out uint frame));
        Mm.Frames.Get(frame);
        Mm.Frames.Lock(frame);
        if (!Mm.Frames.Has(frame, FrameFlags.SwapCache))
            Assert.Equal(SwapResult.Ok, Mm.Swap.TryAllocate(frame, out _));
        var slot = new SwapEntry(Mm.Frames[frame].Swap);
        Mm.Frames.Set(frame, FrameFlags.Dirty);
        bool done;
        using (TableGuard<TArch, TModel> guard = Mm.Leaves.Lock(Mm.Spaces[process].Root, At(page)))
        {
            Unmapping<TArch, TModel> unmapping = Mm.Leaves.BeginUnmap(guard[At(page)]);
            if (pinned)
                Mm.Frames.Get(frame, 1023); // our reference becomes a pin
            done = unmapping.AddSlotReference(slot) == SwapResult.Ok && unmapping.TrySaveAndShare();
            if (done)
                unmapping.CommitSwap();
            else
                unmapping.Rollback();
        }

        if (done)
        {
            uint vma = Mm.Vmas.Find(process, At(page));
            Mm.Spaces.AddToMmList(process);
            Atomic<TModel>.Add(ref Mm.Spaces[process].SwapEntries, 1);
            Atomic<TModel>.Add(ref Mm.Spaces[process].AnonPages, -1);
            Mm.Rmap.Remove(frame, vma);
            Mm.Folios.Put(frame);
        }
        else if (!Mm.Frames.Has(frame, FrameFlags.Writeback) && Mm.Swap.Count(slot) == 0)
        {
            Mm.Swap.TryFreeSlot(frame);
        }

        Mm.Frames.Unlock(frame);
        Mm.Folios.Put(frame, pinned ? 1024 : 1);
        return done;
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    private ReadOnlySpan<byte> OfFrame(uint frame) => Storage.IsValid(frame) ? Storage.OfFrame(frame) : default;

    private ReadOnlySpan<byte> OfEntry(uint process, uint page)
    {
        Pte entry = Entry(process, page);
        if (entry.Raw == 0)
            return IsHugeMigration(process, page, out uint frame) ? OfFrame(frame) : OfSharedPage(process, page);
        SoftLeaf soft = Mm.Decode(entry);
        if (soft.IsMigration)
            return OfFrame((uint)soft.Frame);
        return soft.Kind == SoftLeafKind.Swap ? OfSlot(new SwapEntry(soft.Type, soft.Offset)) : default;
    }

    private bool IsHugeMigration(uint process, uint page, out uint frame)
    {
        using HugeGuard<TArch, TModel> guard = Mm.Huge.Lock(Mm.Spaces[process].Root, At(page));
        frame = guard.IsMigration ? (uint)SoftLeaf.Decode<TArch>(guard.Value, Mm.SwapTypes, 2).Frame + HugePages<TArch, TModel>.PageOf(At(page)) : 0;
        return frame != 0;
    }

    private ReadOnlySpan<byte> OfSharedPage(uint process, uint page)
    {
        ref Vma vma = ref Mm.Vmas[Mm.Vmas.Find(process, At(page))];
        if (vma.SharedObject == 0)
            return default;
        var place = Mm.Vmas.Objects.Index.Load(vma.SharedObject, vma.PageOffset + ((At(page) - vma.Start) >> Shift));
        if (place.IsFrame)
            return OfFrame(place.Frame);
        return place.IsSwap ? OfSlot(place.Entry) : default;
    }

    private ReadOnlySpan<byte> OfSlot(SwapEntry slot)
    {
        SwapSlotWord word = Mm.Swap.Map[slot];
        return word.IsCached && Storage.IsValid(word.Payload) ? Storage.OfFrame(word.Payload) : Storage.OfSlot(slot);
    }

    private Ghost GhostOf(uint process, uint page)
    {
        if (!ghosts.TryGetValue((process, page), out Ghost? ghost))
            ghosts[(process, page)] = ghost = new Ghost();
        return ghost;
    }

    protected virtual void Dispose(bool disposing) => Machine.Dispose();

    private sealed class Ghost
    {
        internal byte Value { get; set; }

        internal uint[] Tags { get; private init; } = new uint[Blocks];

        internal Ghost Copy() => new() { Value = Value, Tags = (uint[])Tags.Clone() };

        internal byte[] Packed()
        {
            byte[] packed = new byte[Blocks / 2];
            for (int block = 0; block < Blocks; block++)
            {
                int bit = (block / 16 * 64) + TFormat.BitOf(block % 16);
                packed[bit / 8] |= (byte)(Tags[block] << (bit % 8));
            }

            return packed;
        }
    }
}

/// <summary>Such a machine of SPARC M7 with a provider.</summary>
internal sealed class TagWorld<TTags, TModel>(Backing backing = Backing.Zram, uint blocks = 0, uint pages = 16, uint tagBuffers = 4096)
    : TagWorld<Sun4vM7<TTags>, AdiFormat, TModel>(backing, blocks, pages, tagBuffers)
    where TTags : struct, IPageTagProvider
    where TModel : struct, IModel;
