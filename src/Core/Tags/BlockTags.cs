using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Tags;

/// <summary>
/// Single tags of a frame: what load, store and tag instructions work with. A tag is four bits of a word and changes by compare-exchange.
/// </summary>
/// <typeparam name="TFormat">The shape of the tags.</typeparam>
/// <seealso cref="ITagFormat"/>
public static class BlockTags<TFormat>
    where TFormat : struct, ITagFormat
{
    private const int BlocksPerWord = 16;

    /// <summary>Tags of a page.</summary>
    public static int PerPage => 1 << (TFormat.PageShift - TFormat.BlockShift);

    /// <summary>The bit of a pointer where its tag begins, asked of the format.</summary>
    private static readonly int PointerShift = FindPointerShift();

    /// <summary>A pointer that carries a tag in the place of the one that it has.</summary>
    public static ulong Tagged(ulong pointer, uint tag) => (pointer & ~(15UL << PointerShift)) | ((ulong)(tag & 15) << PointerShift);

    /// <summary>The tag of a block in metadata that lies anywhere, as of a slot.</summary>
    public static uint Get(ReadOnlySpan<byte> metadata, int block)
    {
        int bit = (block / BlocksPerWord * 64) + TFormat.BitOf(block % BlocksPerWord);
        return (uint)(metadata[bit / 8] >> (bit % 8)) & 15;
    }

    /// <summary>The tag of a block of a frame.</summary>
    public static uint Get<TModel>(TagStorage<TModel> tags, uint frame, int block)
        where TModel : IModel =>
        (uint)(Atomic<TModel>.Load(ref tags.Word(frame, block / BlocksPerWord)) >> TFormat.BitOf(block % BlocksPerWord)) & 15;

    /// <summary>Sets the tag of a block of a frame; the neighbours keep theirs whoever else sets one.</summary>
    public static void Set<TModel>(TagStorage<TModel> tags, uint frame, int block, uint tag)
        where TModel : IModel
    {
        ref ulong word = ref tags.Word(frame, block / BlocksPerWord);
        int bit = TFormat.BitOf(block % BlocksPerWord);
        ulong seen = Atomic<TModel>.Load(ref word);
        while (true)
        {
            ulong next = (seen & ~(15UL << bit)) | ((ulong)(tag & 15) << bit);
            ulong was = Atomic<TModel>.CompareExchange(ref word, next, seen);
            if (was == seen)
                return;
            seen = was;
        }
    }

    /// <summary>The first block that bytes [offset, offset + length) touch and that does not match; -1 when all do.</summary>
    public static int FirstMismatch<TModel>(TagStorage<TModel> tags, uint frame, uint pointerTag, int offset, int length)
        where TModel : IModel
    {
        for (int block = offset >> TFormat.BlockShift; block <= (offset + length - 1) >> TFormat.BlockShift; block++)
        {
            if (!TFormat.Matches(pointerTag, Get(tags, frame, block)))
                return block;
        }

        return -1;
    }

    private static int FindPointerShift()
    {
        for (int bit = 0; bit < 64; bit++)
        {
            if (TFormat.TagOf(1UL << bit) == 1)
                return bit;
        }

        throw new NotSupportedException($"{typeof(TFormat).Name} finds no tag in any pointer.");
    }
}
