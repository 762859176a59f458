using System.Runtime.CompilerServices;
using PageTableEmu.Swap;

namespace PageTableEmu.Paging;

/// <summary>
/// Gives an architecture the tag provider <typeparamref name="TTags"/>: implement this beside the architecture's own interface,
/// as in <c>struct Sun4vM7&lt;TTags&gt; : ISparc&lt;Sun4vM7Bits&gt;, ITagged&lt;TTags&gt;</c>.
/// </summary>
/// <typeparam name="TTags">The provider; <see cref="NoTags"/> for none.</typeparam>
/// <example>
/// <code>
/// int tagged = Bytes&lt;Mine&lt;FrameSlotTags&lt;AdiFormat&gt;&gt;&gt;();
/// Console.WriteLine($"{Mine&lt;NoTags&gt;.Name}: {tagged} bytes of tags for a page, or {Bytes&lt;Mine&lt;NoTags&gt;&gt;()}");
///
/// static int Bytes&lt;TArch&gt;()
///     where TArch : IArchitecture =&gt; TArch.TagBytesPerPage;
///
/// readonly struct Mine&lt;TTags&gt; : ISparc&lt;Sun4vM7Bits&gt;, ITagged&lt;TTags&gt;
///     where TTags : struct, IPageTagProvider
/// {
///     public static string Name =&gt; "mine";
///     public static uint Id =&gt; 1000;
///     public static ulong UserSpaceEnd =&gt; Sun4vM7.UserSpaceEnd;
///     public static bool IsCanonical(ulong virtualAddress) =&gt; Sun4vM7.IsCanonical(virtualAddress);
/// }
/// </code>
/// </example>
public interface ITagged<TTags> : IPageTagProvider
    where TTags : struct, IPageTagProvider
{
    static int IPageTagProvider.TagBytesPerPage => TTags.TagBytesPerPage;

    static uint IPageTagProvider.TagProviderId => TTags.TagProviderId;

    static bool IPageTagProvider.MergesCheckedMappings => TTags.MergesCheckedMappings;

    static bool IPageTagProvider.ChecksForEver => TTags.ChecksForEver;

    static bool IPageTagProvider.KeepsTagsByAddress => TTags.KeepsTagsByAddress;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IPageTagProvider.ChecksTags(Pte present) => TTags.ChecksTags(present);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong IPageTagProvider.Untag(ulong pointer) => TTags.Untag(pointer);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IPageTagProvider.Allows<TModel>(TagStorage<TModel> tags, uint frame, ulong pointer, int offset, int length) =>
        TTags.Allows(tags, frame, pointer, offset, length);

    static void IPageTagProvider.OnFrameCleared<TModel>(TagStorage<TModel> tags, uint frame) => TTags.OnFrameCleared(tags, frame);

    static void IPageTagProvider.CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked) =>
        TTags.CopyFrame(tags, destination, source, forUnchecked);

    static void IPageTagProvider.EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame) => TTags.EnsureDefined(tags, frame);

    static bool IPageTagProvider.Identical<TModel>(TagStorage<TModel> tags, uint frame, uint other) => TTags.Identical(tags, frame, other);

    static bool IPageTagProvider.PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot) =>
        TTags.PrepareToSwap(tags, frame, slot);

    static void IPageTagProvider.RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame) =>
        TTags.RestoreFromSlot(tags, slot, frame);

    static void IPageTagProvider.OnSlotFree<TModel>(TagStorage<TModel> tags, SwapEntry slot) => TTags.OnSlotFree(tags, slot);

    static void IPageTagProvider.OnAreaFree<TModel>(TagStorage<TModel> tags, uint type) => TTags.OnAreaFree(tags, type);

    static void IPageTagProvider.Account<TModel>(TagStorage<TModel> tags, uint space, ITagAccount account) => TTags.Account(tags, space, account);

    static bool IPageTagProvider.Save<TModel>(
        TagStorage<TModel> tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token) =>
        TTags.Save(tags, space, address, old, frame, out token);

    static void IPageTagProvider.Undo<TModel>(TagStorage<TModel> tags, in TagSaveToken token) => TTags.Undo(tags, token);

    static void IPageTagProvider.Adopt<TModel>(TagStorage<TModel> tags, in TagSaveToken token) => TTags.Adopt(tags, token);

    static void IPageTagProvider.Restore<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte now, uint frame) =>
        TTags.Restore(tags, space, address, now, frame);

    static void IPageTagProvider.OnDuplicate<TModel>(TagStorage<TModel> tags, uint from, uint to, ulong address) =>
        TTags.OnDuplicate(tags, from, to, address);

    static void IPageTagProvider.OnMove<TModel>(TagStorage<TModel> tags, uint space, ulong oldAddress, ulong newAddress) =>
        TTags.OnMove(tags, space, oldAddress, newAddress);

    static bool IPageTagProvider.OnMoveRange<TModel>(TagStorage<TModel> tags, uint space, ulong oldAddress, ulong newAddress, ulong bytes) =>
        TTags.OnMoveRange(tags, space, oldAddress, newAddress, bytes);

    static void IPageTagProvider.OnDrop<TModel>(TagStorage<TModel> tags, uint space, ulong address) => TTags.OnDrop(tags, space, address);

    static void IPageTagProvider.OnSpaceExit<TModel>(TagStorage<TModel> tags, uint space) => TTags.OnSpaceExit(tags, space);
}
