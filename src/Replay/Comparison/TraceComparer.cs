using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Comparison;

/// <summary>
/// Compares observations with a recording, row by row in order, and finds the first difference.
/// </summary>
/// <remarks>
/// <para>Strict are the outcome and its faults, slots in use, pages swapped in and out; of each page the kind, the identity (frames and
/// slots each by a one-to-one relation that holds for the whole trace, markers literally), both bytes, mapcount, letters of kpageflags and
/// pagemap, and whether the slot is the one it had before; merged, smaps, the VMAs; the set of frames that only the swap cache holds.</para>
/// <para>Three things are not compared. The bytes of swapped pages while the recording has anything in the swap cache: the device may hold
/// stale bytes then. Whether a slot is the old one when the page was last seen swapped before the latest swapoff: the kernel's allocator
/// decides that. And what the recording calls unstable: one field of a line, or all from a line on.</para>
/// </remarks>
/// <param name="unstable">The recording's notes.</param>
/// <param name="minorFaults">Whether minor faults are compared.</param>
public sealed class TraceComparer(IReadOnlyList<UnstableNote> unstable, bool minorFaults = true)
{
    private readonly Bijection frames = new();
    private readonly Bijection slots = new();
    private readonly Dictionary<(int Process, int Region, int Page), int> sighted = [];
    private int epoch;

    /// <summary>Rows with this number and above are not compared.</summary>
    public long StopAt { get; } = unstable.Where(note => !note.IsLoose).Select(note => note.Number).DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>Compares two whole traces.</summary>
    /// <returns>The first difference, or null.</returns>
    public static Difference? Compare(Trace recorded, Trace emitted)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        ArgumentNullException.ThrowIfNull(emitted);
        TraceComparer comparer = new(recorded.Unstable);
        List<TraceRow> expected = [.. recorded.Rows.Where(row => row.Number < comparer.StopAt)];
        IEnumerable<TraceRow> actual = comparer.StopAt == long.MaxValue ? emitted.Rows : emitted.Rows.Take(expected.Count);
        if (CompareCounts(expected.Count, actual.Count()) is { } count)
            return count;
        return expected.Zip(actual, comparer.Compare).FirstOrDefault(difference => difference is not null);
    }

    /// <summary>Compares the number of operations.</summary>
    public static Difference? CompareCounts(int expected, int actual) =>
        expected == actual ? null : new Difference(0, string.Empty, "operations", null, null, $"{expected}", $"{actual}");

    /// <summary>Compares the next row of each side.</summary>
    /// <returns>The first difference, or null; after a difference nothing more may be compared.</returns>
    public Difference? Compare(TraceRow recorded, TraceRow emitted)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        ArgumentNullException.ThrowIfNull(emitted);
        RowComparison row = new(recorded, emitted, frames, slots);
        Difference? difference = row.CompareOutcome(IsLoose, minorFaults) ?? CompareProcesses(row);
        if (recorded.Operation.EndsWith("swapoff", StringComparison.Ordinal))
            epoch++;
        return difference ?? row.CompareCached();
    }

    private bool IsLoose(int number, string what)
    {
        foreach (UnstableNote note in unstable)
        {
            if (note.IsLoose && note.Number == number && note.What == what)
                return true;
        }

        return false;
    }

    private Difference? CompareProcesses(RowComparison row)
    {
        if (row.CompareLiving() is { } living)
            return living;
        bool compareSwappedBytes = row.NothingIsCached();
        bool bytesAreLoose = IsLoose(row.Recorded.Number, "bytes");
        for (int process = 0; process < ScriptOperation.ProcessCount; process++)
        {
            if (row.Recorded.ProcessOf(process) is not { } left || row.Emitted.ProcessOf(process) is not { } right)
                continue;
            Difference? difference = PageComparison.CompareSets(row, process, left, right)
                ?? ComparePages(row, process, left, right, bytesAreLoose ? Bytes.None : compareSwappedBytes ? Bytes.All : Bytes.PresentOnly)
                ?? row.CompareSums(process, left, right);
            if (difference is not null)
                return difference;
        }

        return null;
    }

    private Difference? ComparePages(RowComparison row, int process, TraceProcess left, TraceProcess right, Bytes bytes)
    {
        PageCursor a = new(left.Runs);
        PageCursor b = new(right.Runs);
        while (a.Next() && b.Next())
        {
            bool slotIsComparable = true;
            if (a.Run.Kind == PageKind.Swapped)
            {
                var key = (process, (int)a.Run.Region, a.Page);
                slotIsComparable = sighted.GetValueOrDefault(key) == epoch;
                sighted[key] = epoch;
            }

            if (PageComparison.Compare(row, process, a, b, bytes, slotIsComparable) is { } difference)
                return difference;
        }

        return null;
    }
}
