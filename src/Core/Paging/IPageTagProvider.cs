using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Paging;

/// <summary>
/// What an architecture does about metadata (memory tags) that belongs to each page and must follow its content through copies, swap and
/// migration. Every default is "there is none"; then the JIT removes every call.
/// </summary>
/// <remarks>
/// <para>Only the tags floor calls these members, and it is called by the primitives that change entries, copy pages and free slots:
/// memory management cannot forget one. An architecture gets a provider by <see cref="ITagged{TTags}"/>.</para>
/// <para>Ownership law. Metadata belongs to a frame while the frame's "valid" flag is set
/// (<see cref="TagStorage{TModel}.IsValid"/>), to a slot from the successful writeout until the slot is free; never to an address, an entry or
/// an address space. A frame is handed out with the flag clear, so there is no call for that; it gets the flag by
/// <see cref="EnsureDefined"/>, by <see cref="RestoreFromSlot"/> of a slot that keeps something, and by <see cref="CopyFrame"/> from a frame
/// that has it. The members in the second half serve providers that keep metadata by address nevertheless, as Linux does for SPARC.</para>
/// <list type="table">
/// <listheader><term>member</term><description>called when; may fail; repeatable</description></listheader>
/// <item><term><see cref="OnFrameCleared"/></term><description>frame owned alone; no; yes</description></item>
/// <item><term><see cref="CopyFrame"/></term><description>source has no writer, target is private and may hold leftovers, before any entry shows it;
/// no; yes</description></item>
/// <item><term><see cref="EnsureDefined"/></term><description>table locked, before an entry that checks tags is published, also when mprotect turns
/// checking on; no; yes</description></item>
/// <item><term><see cref="PrepareToSwap"/></term><description>folio locked, unmapped, its slot in use, before content is looked at or
/// written; yes: the folio stays dirty and cached; replaces</description></item>
/// <item><term><see cref="RestoreFromSlot"/></term><description>folio locked, content valid, slot still counted, strictly before the
/// entry or index shows the frame; no; yes</description></item>
/// <item><term><see cref="OnSlotFree"/></term><description>cluster locked, slot unused; also for slots that keep nothing; no;
/// yes</description></item>
/// <item><term><see cref="OnAreaFree"/></term><description>swapoff, no slot in use; no; yes</description></item>
/// </list>
/// </remarks>
/// <example>
/// <code>
/// ConformanceReport report = TagProviderConformance.Run&lt;Arm64FourLevel&lt;Colour&gt;&gt;();
/// if (!report.Conforms)
///     throw new InvalidOperationException(report.ToString());
///
/// /// One colour for each page, which goes where the page goes; a pointer has its colour in bits 59 to 56, as MTE's tags.
/// readonly struct Colour : IPageTagProvider
/// {
///     static int IPageTagProvider.TagBytesPerPage =&gt; 8;
///     static uint IPageTagProvider.TagProviderId =&gt; 200;
///     static bool IPageTagProvider.ChecksTags(Pte present) =&gt; MteFormat.Checks(present);
///     static ulong IPageTagProvider.Untag(ulong pointer) =&gt; MteFormat.Untag(pointer);
///
///     static bool IPageTagProvider.Allows&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, uint frame, ulong pointer, int offset, int length) =&gt;
///         (tags.Word(frame, 0) &amp; 15) == (pointer &gt;&gt; 56 &amp; 15);
///
///     static void IPageTagProvider.CopyFrame&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, uint destination, uint source, bool forUnchecked)
///     {
///         tags.ClearValid(destination);
///         if (!tags.IsValid(source))
///             return;
///         tags.Word(destination, 0) = tags.Word(source, 0);
///         tags.SetValid(destination);
///     }
///
///     static void IPageTagProvider.EnsureDefined&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, uint frame)
///     {
///         if (tags.IsValid(frame))
///             return;
///         tags.Word(frame, 0) = 0;
///         tags.SetValid(frame);
///     }
///
///     static bool IPageTagProvider.Identical&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, uint frame, uint other) =&gt;
///         tags.IsValid(frame) == tags.IsValid(other) &amp;&amp; (!tags.IsValid(frame) || tags.Word(frame, 0) == tags.Word(other, 0));
///
///     static bool IPageTagProvider.PrepareToSwap&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, uint frame, SwapEntry slot) =&gt;
///         !tags.IsValid(frame) || tags.TryKeep(slot, tags.OfFrame(frame));
///
///     static void IPageTagProvider.RestoreFromSlot&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, SwapEntry slot, uint frame)
///     {
///         if (tags.IsValid(frame) || tags.OfSlot(slot).IsEmpty)
///             return;
///         tags.OfSlot(slot).CopyTo(tags.OfFrame(frame));
///         tags.SetValid(frame);
///     }
///
///     static void IPageTagProvider.OnSlotFree&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, SwapEntry slot) =&gt; tags.Forget(slot);
///
///     static void IPageTagProvider.OnAreaFree&lt;TModel&gt;(TagStorage&lt;TModel&gt; tags, uint type)
///     {
///         foreach (SwapEntry slot in tags.SlotsOf(type))
///             tags.Forget(slot);
///     }
///
///     // for providers that keep something by address; this one has nothing to save nor to undo
///     static bool IPageTagProvider.Save&lt;TModel&gt;(
///         TagStorage&lt;TModel&gt; tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token)
///     {
///         token = default;
///         return true;
///     }
/// }
/// </code>
/// </example>
public interface IPageTagProvider
{
    /// <summary>Bytes of metadata of a page: a multiple of 8; 0 when there is none, and then nothing below is ever called.</summary>
    static virtual int TagBytesPerPage => 0;

    /// <summary>Number that tells machines with different providers apart in the image, 1 to 255; 0 for none.</summary>
    static virtual uint TagProviderId => 0;

    /// <summary>Whether a mapping that checks tags may be mergeable. If not, one refuses the other (VM_SPARC_ADI).</summary>
    static virtual bool MergesCheckedMappings => false;

    /// <summary>Whether mprotect cannot end checking (VM_MTE is not among the flags that it clears).</summary>
    static virtual bool ChecksForEver => false;

    /// <summary>Whether accesses through a present entry are checked against tags (the TTE's mcd bit).</summary>
    static virtual bool ChecksTags(Pte present) => false;

    /// <summary>A pointer without the tag that it carries: the address that is translated.</summary>
    static virtual ulong Untag(ulong pointer) => pointer;

    /// <summary>Whether a pointer's tag allows an access to bytes [offset, offset + length) of a frame whose entry checks tags.</summary>
    static virtual bool Allows<TModel>(TagStorage<TModel> tags, uint frame, ulong pointer, int offset, int length)
        where TModel : IModel => true;

    /// <summary>A frame was filled with zeros.</summary>
    static virtual void OnFrameCleared<TModel>(TagStorage<TModel> tags, uint frame)
        where TModel : IModel
    {
    }

    /// <summary>
    /// A frame got the content of another one. A source whose metadata is not valid leaves the target without valid metadata, whatever lay there.
    /// </summary>
    /// <param name="tags">The storage.</param>
    /// <param name="destination">The new frame.</param>
    /// <param name="source">The frame that was copied.</param>
    /// <param name="forUnchecked">Whether the copy was made for a mapping that does not check tags now; no reason to lose them.</param>
    static virtual void CopyFrame<TModel>(TagStorage<TModel> tags, uint destination, uint source, bool forUnchecked)
        where TModel : IModel
    {
    }

    /// <summary>Gives a frame without valid metadata the default.</summary>
    static virtual void EnsureDefined<TModel>(TagStorage<TModel> tags, uint frame)
        where TModel : IModel
    {
    }

    /// <summary>Whether two frames of equal content may stand for each other (same-page merging, zero page).</summary>
    static virtual bool Identical<TModel>(TagStorage<TModel> tags, uint frame, uint other)
        where TModel : IModel => true;

    /// <summary>
    /// Keeps a frame's metadata with a slot, in the place of what it kept. A frame without valid metadata is a success that leaves the slot alone: it
    /// was read ahead and never mapped, and what the slot keeps is still right. False: no room.
    /// </summary>
    static virtual bool PrepareToSwap<TModel>(TagStorage<TModel> tags, uint frame, SwapEntry slot)
        where TModel : IModel => true;

    /// <summary>
    /// Gives a frame what a slot keeps, unless the frame has valid metadata already: that is newer. A slot that keeps nothing leaves the frame
    /// as it is.
    /// </summary>
    static virtual void RestoreFromSlot<TModel>(TagStorage<TModel> tags, SwapEntry slot, uint frame)
        where TModel : IModel
    {
    }

    /// <summary>A slot is free now.</summary>
    static virtual void OnSlotFree<TModel>(TagStorage<TModel> tags, SwapEntry slot)
        where TModel : IModel
    {
    }

    /// <summary>All slots of an area are free, and it goes.</summary>
    static virtual void OnAreaFree<TModel>(TagStorage<TModel> tags, uint type)
        where TModel : IModel
    {
    }

    /// <summary>Tells all that the provider keeps, for verification.</summary>
    static virtual void Account<TModel>(TagStorage<TModel> tags, uint space, ITagAccount account)
        where TModel : IModel
    {
    }

    // ---- metadata kept by address

    /// <summary>Whether the members below are called: metadata is kept by address while a page is not present.</summary>
    static virtual bool KeepsTagsByAddress => false;

    /// <summary>
    /// Saves the metadata of a page that is being unmapped (arch_unmap_one): false when there is no room. The entry is cleared and its table
    /// locked; nothing may block.
    /// </summary>
    static virtual bool Save<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte old, uint frame, out TagSaveToken token)
        where TModel : IModel
    {
        token = default;
        return true;
    }

    /// <summary>
    /// Takes one successful <see cref="Save"/> back, exactly once: the page stays mapped. Must not fail, and writes nothing to the frame.
    /// </summary>
    static virtual void Undo<TModel>(TagStorage<TModel> tags, in TagSaveToken token)
        where TModel : IModel
    {
    }

    /// <summary>The entry of a saved page became a swap or migration entry: what was saved is its now.</summary>
    static virtual void Adopt<TModel>(TagStorage<TModel> tags, in TagSaveToken token)
        where TModel : IModel
    {
    }

    /// <summary>A swap fault has stored a present entry (arch_do_swap_page).</summary>
    static virtual void Restore<TModel>(TagStorage<TModel> tags, uint space, ulong address, Pte now, uint frame)
        where TModel : IModel
    {
    }

    /// <summary>Fork copied a swap or migration entry.</summary>
    static virtual void OnDuplicate<TModel>(TagStorage<TModel> tags, uint from, uint to, ulong address)
        where TModel : IModel
    {
    }

    /// <summary>A non-present entry moved to another address of its address space.</summary>
    static virtual void OnMove<TModel>(TagStorage<TModel> tags, uint space, ulong oldAddress, ulong newAddress)
        where TModel : IModel
    {
    }

    /// <summary>A table with all its entries is about to move; false: the entries have to be moved one by one.</summary>
    static virtual bool OnMoveRange<TModel>(TagStorage<TModel> tags, uint space, ulong oldAddress, ulong newAddress, ulong bytes)
        where TModel : IModel => true;

    /// <summary>A swap or migration entry was forgotten.</summary>
    static virtual void OnDrop<TModel>(TagStorage<TModel> tags, uint space, ulong address)
        where TModel : IModel
    {
    }

    /// <summary>An address space ends; its entries are gone.</summary>
    static virtual void OnSpaceExit<TModel>(TagStorage<TModel> tags, uint space)
        where TModel : IModel
    {
    }
}
