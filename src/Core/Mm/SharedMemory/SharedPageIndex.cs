using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// From the pages of a shared object to where they are (the kernel's xarray of the address_space): a radix tree of blocks of 64 words that
/// grows upwards as larger page numbers come.
/// </summary>
/// <remarks>
/// No lock: a new block is published by compare-exchange of the word that leads to it, and none is freed before the whole object goes, so
/// that a reader never loses the ground. Who calls keeps the object alive. Leaf words change with a locked folio, or are swap values that
/// whoever succeeds in exchanging them owns.
/// </remarks>
public sealed class SharedPageIndex<TModel>
    where TModel : IModel
{
    private const int LevelsShift = 32;
    private const int MostLevels = (64 + SharedIndexBlock.Bits - 1) / SharedIndexBlock.Bits;

    private readonly RecordPool<TModel, SharedObject> objects;
    private readonly RecordPool<TModel, SharedIndexBlock> blocks;

    internal SharedPageIndex(MachineImage image, RecordPool<TModel, SharedObject> objects)
    {
        this.objects = objects;
        blocks = new RecordPool<TModel, SharedIndexBlock>(image, MetadataRegion.SharedIndexBlocks);
    }

    /// <summary>Blocks of all objects.</summary>
    public uint BlocksInUse => blocks.InUse;

    /// <summary>Where a page is now.</summary>
    public SharedPage Load(uint number, ulong page)
    {
        ref ulong word = ref Find(RootOf(number), page);
        return Unsafe.IsNullRef(ref word) ? SharedPage.None : new SharedPage(Atomic<TModel>.Load(ref word));
    }

    /// <summary>
    /// Changes where a page is, if it is where the caller believes (shmem_add_to_page_cache and shmem_replace_entry compare likewise).
    /// </summary>
    public bool TryReplace(uint number, ulong page, SharedPage expected, SharedPage desired)
    {
        ref ulong word = ref Find(RootOf(number), page);
        return !Unsafe.IsNullRef(ref word)
            && Atomic<TModel>.CompareExchange(ref word, desired.Value, expected.Value) == expected.Value;
    }

    /// <summary>
    /// Makes sure that a page has a word, so that <see cref="TryReplace"/> can change it from none. False when there are no more blocks.
    /// </summary>
    public bool TryEnsure(uint number, ulong page)
    {
        ulong root = TryGrow(number, page);
        if (root == 0)
            return false;
        uint block = (uint)root;
        for (int level = LevelsOf(root); level > 1; level--)
        {
            block = TryEnsureChild(ref Word(block, level, page));
            if (block == 0)
                return false;
        }

        return true;
    }

    /// <summary>The first page at or behind a page that is somewhere; pages that come and go meanwhile may be seen or not.</summary>
    /// <param name="number">The object.</param>
    /// <param name="page">Where to start; then the page found.</param>
    /// <param name="place">Where it is.</param>
    /// <returns>False when there is none.</returns>
    public bool TryNext(uint number, ref ulong page, out SharedPage place)
    {
        ulong root = RootOf(number);
        place = SharedPage.None;
        return root != 0 && TryNextBelow((uint)root, LevelsOf(root), 0, ref page, out place);
    }

    /// <summary>Everything in the index of an object, for checks: a block that was seen before, of any object, is an error.</summary>
    internal IEnumerable<(ulong Page, SharedPage Place)> ReadAll(uint number, HashSet<uint> seen)
    {
        ulong root = RootOf(number);
        return root == 0 ? [] : ReadBelow((uint)root, LevelsOf(root), 0, seen);
    }

    /// <summary>Gives all blocks of an object back; nobody looks at it any more.</summary>
    internal void Free(uint number)
    {
        ulong root = RootOf(number);
        if (root == 0)
            return;
        Atomic<TModel>.Store(ref objects[number].Index, 0);
        FreeBelow((uint)root, LevelsOf(root));
    }

    private static bool Covers(int levels, ulong page) => levels >= MostLevels || page >> (SharedIndexBlock.Bits * levels) == 0;

    private ulong RootOf(uint number) => Atomic<TModel>.Load(ref objects[number].Index);

    private static int LevelsOf(ulong root)
    {
        ulong levels = root >> LevelsShift;
        return levels - 1 < MostLevels
            ? (int)levels
            : throw new CorruptImageException(nameof(SharedObject.Index), $"an index of {levels} levels; there can be 1 to {MostLevels}");
    }

    private ref ulong Word(uint block, int level, ulong page) =>
        ref blocks[block][(int)((page >> (SharedIndexBlock.Bits * (level - 1))) & (SharedIndexBlock.Words - 1))];

    /// <summary>The leaf word of a page, a null reference when there is none.</summary>
    private ref ulong Find(ulong root, ulong page)
    {
        if (root == 0 || !Covers(LevelsOf(root), page))
            return ref Unsafe.NullRef<ulong>();
        uint block = (uint)root;
        for (int level = LevelsOf(root); level > 1; level--)
        {
            block = (uint)Atomic<TModel>.Load(ref Word(block, level, page));
            if (block == 0)
                return ref Unsafe.NullRef<ulong>();
        }

        return ref Word(block, 1, page);
    }

    /// <summary>Puts roots on top until the index covers a page; returns the root, 0 without blocks.</summary>
    private ulong TryGrow(uint number, ulong page)
    {
        ref ulong word = ref objects[number].Index;
        ulong root = Atomic<TModel>.Load(ref word);
        while (root == 0 || !Covers(LevelsOf(root), page))
        {
            uint block = blocks.TryAllocate();
            if (block == 0)
                return 0;
            int levels = root == 0 ? LevelsFor(page) : LevelsOf(root) + 1;
            if (root != 0)
                Atomic<TModel>.Store(ref blocks[block][0], (uint)root);
            ulong grown = ((ulong)levels << LevelsShift) | block;
            ulong was = Atomic<TModel>.CompareExchange(ref word, grown, root);
            if (was != root)
                blocks.Free(block); // somebody else changed it: look again
            root = was == root ? grown : was;
        }

        return root;
    }

    private static int LevelsFor(ulong page)
    {
        int levels = 1;
        while (!Covers(levels, page))
            levels++;
        return levels;
    }

    private uint TryEnsureChild(ref ulong word)
    {
        uint child = (uint)Atomic<TModel>.Load(ref word);
        if (child != 0)
            return child;
        uint block = blocks.TryAllocate();
        if (block == 0)
            return 0;
        ulong was = Atomic<TModel>.CompareExchange(ref word, block, 0);
        if (was == 0)
            return block;
        blocks.Free(block); // somebody else put one there first
        return (uint)was;
    }

    private bool TryNextBelow(uint block, int level, ulong first, ref ulong page, out SharedPage place)
    {
        int shift = SharedIndexBlock.Bits * (level - 1);
        place = SharedPage.None;
        for (ulong slot = page > first ? (page - first) >> shift : 0; slot < SharedIndexBlock.Words; slot++)
        {
            ulong value = Atomic<TModel>.Load(ref blocks[block][(int)slot]);
            if (value == 0)
                continue;
            ulong start = first + (slot << shift);
            if (level > 1)
            {
                if (TryNextBelow((uint)value, level - 1, start, ref page, out place))
                    return true;
                continue;
            }

            page = start;
            place = new SharedPage(value);
            return true;
        }

        return false;
    }

    private IEnumerable<(ulong Page, SharedPage Place)> ReadBelow(uint block, int level, ulong first, HashSet<uint> seen)
    {
        if (!seen.Add(block))
            throw new CorruptImageException(nameof(MetadataRegion.SharedIndexBlocks), $"block {block} is in two places");
        for (int slot = 0; slot < SharedIndexBlock.Words; slot++)
        {
            ulong value = Atomic<TModel>.Load(ref blocks[block][slot]);
            ulong page = first + ((ulong)slot << (SharedIndexBlock.Bits * (level - 1)));
            if (value == 0)
                continue;
            if (level == 1)
            {
                yield return (page, new SharedPage(value));
                continue;
            }

            foreach ((ulong, SharedPage) below in ReadBelow((uint)value, level - 1, page, seen))
                yield return below;
        }
    }

    private void FreeBelow(uint block, int level)
    {
        for (int slot = 0; slot < SharedIndexBlock.Words && level > 1; slot++)
        {
            uint child = (uint)Atomic<TModel>.Load(ref blocks[block][slot]);
            if (child != 0)
                FreeBelow(child, level - 1);
        }

        blocks.Free(block);
    }
}
