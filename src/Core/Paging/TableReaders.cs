using System.Runtime.InteropServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <summary>
/// Lock-free readers of one tree of page tables, counted so that no table is freed under one (where the kernel's readers keep interrupts off):
/// <code>
///  byte  0 Even: readers of even phases   8 Odd: readers of odd phases   16 Phase
/// </code>
/// </summary>
/// <remarks>
/// <para>A reader counts itself where the phase says, reads, and takes itself off there again. Who unlinked a table waits for those who were
/// there before: first for the counter that the phase does not name, then, after the next phase has begun, for the other one. Readers that
/// begin meanwhile count where nobody waits, so however many come without a pause, nobody starves.</para>
/// <para>Both counters are needed. A reader may have looked at the phase before it changed and count itself after: it reads behind the unlinking
/// and needs no waiting for, but by the time of the next change it may be the one to wait for, and it stands at the other counter.</para>
/// <para>Phases change under what keeps out everybody else who frees tables of the tree: the mmap_lock held for writing.</para>
/// </remarks>
/// <example>
/// <code>
/// var readers = new TableReaders();
/// using (TableReaders.Enter&lt;Mainline&gt;(ref readers))
/// {
///     // ... tables of the tree are read; none of them is freed ...
/// }
///
/// TableReaders.WaitForEarlier&lt;Mainline&gt;(ref readers); // and after this one that was unlinked before may be
/// </code>
/// </example>
[StructLayout(LayoutKind.Sequential, Size = 24)]
public struct TableReaders
{
    /// <summary>Readers that began in an even phase.</summary>
    public ulong Even;

    /// <summary>Readers that began in an odd phase.</summary>
    public ulong Odd;

    /// <summary>Number of the phase.</summary>
    public ulong Phase;

    /// <summary>Counts the caller as a reader until the result is disposed, also when a damaged table throws.</summary>
    public static Reading<TModel> Enter<TModel>(ref TableReaders readers)
        where TModel : IModel => new(ref readers);

    /// <summary>
    /// Waits until everybody who may have read what the caller unlinked before is gone. Only one caller of a tree at a time.
    /// </summary>
    public static void WaitForEarlier<TModel>(ref TableReaders readers)
        where TModel : IModel
    {
        Atomic<TModel>.Fence(); // unlinked first, looked at the counters second
        if (Atomic<TModel>.Load(ref readers.Even) == 0 && Atomic<TModel>.Load(ref readers.Odd) == 0)
            return; // a reader from before would be counted in one of them the whole time
        ulong phase = Atomic<TModel>.Load(ref readers.Phase);
        TModel.WaitUntil(in Counter(ref readers, phase + 1), ulong.MaxValue, 0);
        Atomic<TModel>.Exchange(ref readers.Phase, phase + 1);
        TModel.WaitUntil(in Counter(ref readers, phase), ulong.MaxValue, 0);
    }

    private static ref ulong Counter(ref TableReaders readers, ulong phase)
    {
        if ((phase & 1) == 0)
            return ref readers.Even;
        return ref readers.Odd;
    }

    /// <summary>One reader, from <see cref="Enter"/> to Dispose.</summary>
    public readonly ref struct Reading<TModel>
        where TModel : IModel
    {
        private readonly ref ulong counter;

        internal Reading(ref TableReaders readers)
        {
            counter = ref Counter(ref readers, Atomic<TModel>.Load(ref readers.Phase));
            Atomic<TModel>.Add(ref counter, 1); // a full fence: whatever is read of the tables is read after
        }

        /// <summary>The reader has finished with the tables.</summary>
        public void Dispose() => Atomic<TModel>.Add(ref counter, -1);
    }
}
