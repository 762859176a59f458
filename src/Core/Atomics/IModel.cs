namespace PageTableEmu.Atomics;

/// <summary>
/// The rules a machine plays by, as one struct of static switches. Every default is "as Linux 6.18 does it"; a historic rule or a
/// checked build is a struct that overrides one member. The JIT specialises each machine for its model and folds the rest away.
/// </summary>
/// <remarks>
/// <para>Two members are the seam through which an explorer sees every shared access: <see cref="Step"/> comes before each of them and
/// <see cref="WaitUntil"/> replaces every blocking loop. In <see cref="Mainline"/> the first is empty (no instruction is emitted for it)
/// and the second spins and yields.</para>
/// </remarks>
/// <example>
/// <code>
/// /// Rules of long ago, each of which loses something.
/// readonly struct Old : IModel
/// {
///     static DirectSwapIn IModel.DirectSwapIn =&gt; DirectSwapIn.NoPin;
///     static SwapCacheCheck IModel.SwapCacheCheck =&gt; SwapCacheCheck.None;
///     static KsmSwapInCopy IModel.KsmSwapInCopy =&gt; KsmSwapInCopy.Unlocked;
///     static SwapInRelease IModel.SwapInRelease =&gt; SwapInRelease.AfterMapping;
///     static LazyFreeTest IModel.LazyFreeTest =&gt; LazyFreeTest.DirtyOnly;
///     static ReuseRule IModel.ReuseRule =&gt; ReuseRule.MappingsAndSwapCount;
///     static ForcedWrite IModel.ForcedWrite =&gt; ForcedWrite.DropsWrite;
///
///     public static Machine&lt;X64FourLevel, Old&gt; MakeMachine() =&gt;
///         Machine&lt;X64FourLevel, Old&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// }
/// </code>
/// </example>
public partial interface IModel
{
    /// <summary>Called before every access to a shared word.</summary>
    /// <param name="access">What is about to happen.</param>
    /// <param name="address">Address of the word in this process, 0 for a fence.</param>
    static virtual void Step(Access access, nuint address)
    {
    }

    /// <summary>Returns when <c>(word &amp; mask) == value</c> was seen to hold. Nothing is claimed about the time after.</summary>
    /// <param name="word">The shared word to watch.</param>
    /// <param name="mask">The bits of it that matter.</param>
    /// <param name="value">What those bits must become.</param>
    static virtual void WaitUntil(ref readonly ulong word, ulong mask, ulong value) => Spin.Until(in word, mask, value);

    /// <summary>
    /// Whether the machine pays for self-checks: lock owners, legal slot transitions, dropped tickets. Off in <see cref="Mainline"/>.
    /// </summary>
    static virtual bool Checked => false;

    /// <summary>
    /// Largest swap count kept in a slot word; higher counts go to the overflow table. 4094 by default; a test sets 2 or 3 to reach the
    /// overflow code with few references.
    /// </summary>
    static virtual uint SlotCountLimit => 4094;

    /// <summary>
    /// Whether an unmapping that could not save a page's metadata gives its swap reference back. Linux before 322842ea3c72 (5.18) did not.
    /// Matters only where metadata is kept by address.
    /// </summary>
    static virtual bool PutsSlotReferenceWhenSaveFails => true;

    /// <summary>
    /// Whether an unmapping that fails after it saved a page's metadata takes that back (the arch_remap_one that Linux up to 7.3 lacks).
    /// Matters only where metadata is kept by address.
    /// </summary>
    static virtual bool UndoesSavedMetadata => true;

    /// <summary>
    /// Whether an unmapping gives up exclusiveness before it saves metadata: a repair that was proposed for the missing undo, and is wrong.
    /// Matters only where metadata is kept by address.
    /// </summary>
    static virtual bool SharesBeforeSave => false;
}
