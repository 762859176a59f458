using PageTableEmu.Paging;

namespace PageTableEmu.Tags;

/// <summary>The shape of an architecture's tags of four bits: what <see cref="FrameSlotTags{TFormat}"/> needs to know. All are constants.</summary>
/// <example>
/// <code>
/// /// Four bits for every 64 bytes; a pointer carries its own in its top bits, and tag 0 of memory matches all.
/// readonly struct MyTags : ITagFormat
/// {
///     public static int PageShift =&gt; 12;
///     public static int BlockShift =&gt; 6;
///     public static uint ProviderId =&gt; 77;
///     public static int BitOf(int block) =&gt; block * 4;
///     public static bool Checks(Pte present) =&gt; (present.Raw &amp; (1UL &lt;&lt; 55)) != 0;
///     public static uint TagOf(ulong pointer) =&gt; (uint)(pointer &gt;&gt; 60);
///     public static ulong Untag(ulong pointer) =&gt; pointer &amp; ((1UL &lt;&lt; 60) - 1);
///     public static bool Matches(uint pointerTag, uint blockTag) =&gt; blockTag == 0 || pointerTag == blockTag;
///
///     public static uint TagOfByte(TagStorage&lt;Mainline&gt; tags, uint frame, int offset) =&gt;
///         BlockTags&lt;MyTags&gt;.Get(tags, frame, offset &gt;&gt; BlockShift);
/// }
/// </code>
/// </example>
public interface ITagFormat
{
    /// <summary>log2 of the page size.</summary>
    static abstract int PageShift { get; }

    /// <summary>log2 of the bytes that one tag belongs to: 6 on SPARC M7, 4 with MTE.</summary>
    static abstract int BlockShift { get; }

    /// <summary>Number of the provider in the image, 1 to 255.</summary>
    static abstract uint ProviderId { get; }

    /// <summary>Position in its 64-bit word, in bits, of the tag of a word's block 0 to 15, as the architecture saves them.</summary>
    static abstract int BitOf(int block);

    /// <summary>Whether accesses through a present entry are checked.</summary>
    static abstract bool Checks(Pte present);

    /// <summary>The tag that a pointer carries.</summary>
    static abstract uint TagOf(ulong pointer);

    /// <summary>A pointer without its tag.</summary>
    static abstract ulong Untag(ulong pointer);

    /// <summary>Whether a pointer of one tag may touch a block of another.</summary>
    static abstract bool Matches(uint pointerTag, uint blockTag);

    /// <summary>Whether pages that have tags of their own may not be merged at all, equal or not (MTE).</summary>
    static virtual bool NeverMergesTagged => false;

    /// <summary>Whether a mapping that checks tags may be mergeable (MTE); else neither can follow the other (ADI).</summary>
    static virtual bool MergesCheckedMappings => false;

    /// <summary>Whether a change of protection cannot end checking (MTE).</summary>
    static virtual bool ChecksForEver => false;
}
