using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Arch.Sparc.Adi;

/// <summary>
/// ADI tags as Linux keeps them: with the memory itself while a page is present, and by address, in the <see cref="AdiTagStore{TModel}"/> of
/// its address space, while it is swapped out. For models of what was wrong; use <see cref="AdiFrameSlot"/> for anything else.
/// </summary>
/// <remarks>
/// <para>Its hooks are where Linux has them and nowhere else: save when an anonymous page is unmapped or any page is migrated, restore after a swap
/// fault. Therefore tags are lost or leaked by swapoff, fork, mremap, zap and migration of what is not present, by shared memory in swap, by
/// zero pages when a huge page is split, and by copies made while a mapping does not check tags; and the restore comes after the entry is
/// visible.</para>
/// <para>Tags of a frame are always those of the memory: there is no "valid". A frame that was cleared has none, one that was filled by a device
/// has what its last user left.</para>
/// </remarks>
/// <example>
/// <code>
/// // Linux's own store, which is kept by address: what it has in use shows what it leaks
/// using var guest = Machine&lt;Sun4vM7&lt;AdiLinux&gt;&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// AddressTagStorage&lt;Mainline&gt; store = guest.Context.Tags.Storage.ByAddress!;
/// Console.WriteLine($"{store.BuffersInUse} buffers of {AddressTagStorage&lt;Mainline&gt;.BufferBytes} bytes");
/// </code>
/// </example>
/// <seealso cref="Swap.AddressTagStorage{TModel}"/>
public readonly struct AdiLinux : IPageTagProvider
{
    static int IPageTagProvider.TagBytesPerPage => BlockTags<AdiFormat>.PerPage / 2;

    static uint IPageTagProvider.TagProviderId => 2;

    static bool IPageTagProvider.KeepsTagsByAddress => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IPageTagProvider.ChecksTags(Pte present) => AdiFormat.Checks(present);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IPageTagProvider.Untag(ulong pointer) => AdiFormat.Untag(pointer);

    static bool IPageTagProvider.Allows<TModel>(TagStorage<TModel> tags, uint frame, ulong pointer, int offset, int length) =>
        BlockTags<AdiFormat>.FirstMismatch(tags, frame, (uint)(pointer >> (64 - AdiFormat.TagBits)), offset, length) < 0;

    /// <summary>The kernel clears pages by block-initialising stores, which clear tags.</summary>
    static void IPageTagProvider.OnFrameCleared<TModel>(TagStorage<TModel> tags, uint frame) => SharedBytes<TModel>.Clear(tags.OfFrame(frame));

    /// <summary>copy_highpage copies tags always, copy_user_highpage only for a mapping that checks them now.</summary>
    static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
    {
        if (!forUnchecked)
            SharedBytes<TModel>.Copy(tags.OfFrame(source), tags.OfFrame(destination));
    }

    /// <summary>arch_unmap_one.</summary>
    static bool IPageTagProvider.Save<TModel>(
        TagStorage<TModel> tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token)
    {
        token = default;
        if (!AdiFormat.Checks(old))
            return true;
        var store = new AdiTagStore<TModel>(tags.ByAddress!, space);
        int range = store.TryClaim(address);
        if (range < 0)
            return false;
        SharedBytes<TModel>.Copy(tags.OfFrame(frame), store.TagsOf(range, address));
        token = new TagSaveToken(space, (uint)range + 1, address);
        return true;
    }

    /// <summary>What Linux lacks (arch_remap_one): releases what one save took.</summary>
    static void IPageTagProvider.Undo<TModel>(TagStorage<TModel> tags, in TagSaveToken token)
    {
        if (token.Place == 0)
            return;
        var store = new AdiTagStore<TModel>(tags.ByAddress!, token.Space);
        int range = (int)token.Place - 1;
        store.TagsOf(range, token.Address).Clear();
        store.Release(range);
    }

    /// <summary>arch_do_swap_page. Asks whether the new entry checks tags, not whether the old one did when they were saved.</summary>
    static void IPageTagProvider.Restore<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte now, uint frame)
    {
        if (!AdiFormat.Checks(now))
            return;
        var store = new AdiTagStore<TModel>(tags.ByAddress!, space);
        int range = store.Find(address);
        if (range < 0)
            return;
        Span<byte> saved = store.TagsOf(range, address);
        if (!saved.IsEmpty)
        {
            SharedBytes<TModel>.Copy(saved, tags.OfFrame(frame));
            SharedBytes<TModel>.Clear(saved);
        }

        store.Release(range);
    }

    /// <summary>There is no move of whole tables on SPARC.</summary>
    static bool IPageTagProvider.OnMoveRange<TModel>(TagStorage<TModel> tags, uint space, ulong oldAddress, ulong newAddress, ulong bytes) => false;

    static void IPageTagProvider.OnSpaceExit<TModel>(TagStorage<TModel> tags, uint space) =>
        new AdiTagStore<TModel>(tags.ByAddress!, space).Destroy();

    static void IPageTagProvider.Account<TModel>(TagStorage<TModel> tags, uint space, ITagAccount account)
    {
        var store = new AdiTagStore<TModel>(tags.ByAddress!, space);
        if (!store.Exists)
            return;
        foreach (ref readonly TagRange range in store.All)
        {
            if (range.Users != 0 || range.Buffer != 0) // an unused first range may still have its reserve
                account.Range(space, range.Start, range.End, range.Users, (uint)range.Buffer);
        }
    }
}
