using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Arch.Sparc.Adi;

/// <summary>
/// The tag store of an address space as Linux has it (arch/sparc/kernel/adi_64.c, the same in 5.15 to 7.3): 256 ranges of addresses, each with a
/// buffer for at most 8 MiB of addresses and a count of pages.
/// </summary>
/// <remarks>
/// <para>Looking up, using and releasing a range are three sections of the lock, and bytes of a buffer are touched outside it: that is how the
/// kernel does it, and with counts that are right it is enough, because whoever restores has a count of his own.</para>
/// <para>Kept as it is: a range does not know which of its pages are saved, so one restore too many takes a neighbour's count; range 0 keeps its
/// buffer when its last page goes, as a reserve that is never used, and takes a new one when it is used again, so that the old one is lost for
/// good.</para>
/// </remarks>
internal readonly struct AdiTagStore<TModel>
    where TModel : IModel
{
    internal const int Ranges = 256;

    private const ulong Page = SparcBits.PageOffset + 1;
    private const ulong BytesPerTagByte = 2UL << AdiFormat.BlockShift;
    private const ulong LargeRange = 8 * SmallRange;
    private const ulong SmallRange = Page * BytesPerTagByte;

    private readonly AddressTagStorage<TModel> storage;
    private readonly uint space;

    internal AdiTagStore(AddressTagStorage<TModel> storage, uint space)
    {
        this.storage = storage;
        this.space = space;
    }

    /// <summary>Bytes of a buffer that hold the tags of a page.</summary>
    internal const int TagBytes = (int)(Page / BytesPerTagByte);

    internal bool Exists => storage.TableOf(space) != 0;

    internal Span<TagRange> All => MemoryMarshal.Cast<byte, TagRange>(storage.Table(storage.TableOf(space)));

    /// <summary>The range that takes the tags of a page, counted once more (alloc_tag_store); -1 when all are in use or there is no memory.</summary>
    internal int TryClaim(ulong page)
    {
        storage.Lock(space);
        int claimed = Exists ? TryClaimLocked(page) : TryClaimFirst(page);
        storage.Unlock(space);
        return claimed;
    }

    /// <summary>The range that holds a page, counted or not (find_tag_store); -1 when none does.</summary>
    internal int Find(ulong page)
    {
        if (!Exists)
            return -1;
        storage.Lock(space);
        int found = -1;
        Span<TagRange> ranges = All;
        for (int index = 0; index < Ranges && found < 0; index++)
        {
            if (ranges[index].Covers(page))
                found = index;
        }

        storage.Unlock(space);
        return found;
    }

    /// <summary>The bytes of a page's tags; empty when the range has lost its buffer meanwhile.</summary>
    internal Span<byte> TagsOf(int index, ulong page)
    {
        TagRange range = All[index];
        ulong offset = (page - range.Start) / BytesPerTagByte;
        return range.Buffer == 0 || offset > AddressTagStorage<TModel>.BufferBytes - TagBytes
            ? default
            : storage.Buffer((uint)range.Buffer).Slice((int)offset, TagBytes);
    }

    /// <summary>One page less (del_tag_store). The count of a range that was stolen empty wraps around.</summary>
    internal void Release(int index)
    {
        storage.Lock(space);
        ref TagRange range = ref All[index];
        if (--range.Users == 0)
        {
            range.Start = range.End = 0;
            if (index != 0)
                FreeBuffer(ref range);
        }

        storage.Unlock(space);
    }

    /// <summary>Frees the current buffer of every range, and the table (destroy_context).</summary>
    internal void Destroy()
    {
        if (!Exists)
            return;
        foreach (ref TagRange range in All)
            FreeBuffer(ref range);
        storage.FreeTable(storage.TableOf(space));
        storage.TableOf(space) = 0;
    }

    private int TryClaimFirst(ulong page)
    {
        uint table = storage.TryAllocateTable();
        if (table == 0)
            return -1;
        storage.TableOf(space) = table;
        return TryClaimLocked(page);
    }

    private int TryClaimLocked(ulong page)
    {
        ulong holeStart = 0;
        ulong holeEnd = ulong.MaxValue;
        int open = -1;
        Span<TagRange> ranges = All;
        for (int index = 0; index < Ranges; index++)
        {
            ref TagRange range = ref ranges[index];
            if (range.Users == 0)
            {
                open = open < 0 ? index : open;
                continue;
            }

            if (range.Covers(page))
            {
                range.Users++;
                return index;
            }

            if (range.Start > page + SparcBits.PageOffset && range.Start < holeEnd)
                holeEnd = range.Start;
            if (range.End < page && range.End > holeStart)
                holeStart = range.End;
        }

        if (open < 0)
            return -1;
        (ulong start, ulong end) = Fit(page, holeStart, holeEnd);
        ulong buffer = storage.TryAllocateBuffer();
        if (buffer == 0)
            return -1;
        ranges[open] = new TagRange { Start = start, End = end, Buffer = buffer, Users = 1 };
        return open;
    }

    /// <summary>
    /// 8 MiB upwards from the page; near the end of addresses 1 MiB or what is left. Before a neighbour the range reaches down instead.
    /// </summary>
    private static (ulong Start, ulong End) Fit(ulong page, ulong holeStart, ulong holeEnd)
    {
        ulong length = LargeRange;
        ulong end = unchecked(page + length - 1);
        if (end < page)
        {
            length = SmallRange;
            end = unchecked(page + length - 1);
            if (end < page)
                end = ulong.MaxValue;
        }

        if (holeEnd >= end)
            return (page, end);
        end = holeEnd - 1;
        ulong start = unchecked(end - length + 1);
        if (start > page)
        {
            start = unchecked(end - SmallRange - 1); // the kernel's formula is off by two here
            if (start > page)
                start = 0;
        }

        return (start < holeStart ? holeStart + 1 : start, end);
    }

    private void FreeBuffer(ref TagRange range)
    {
        if (range.Buffer != 0)
            storage.FreeBuffer((uint)range.Buffer);
        range.Buffer = 0;
    }
}
