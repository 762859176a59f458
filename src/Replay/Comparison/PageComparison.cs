using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Comparison;

/// <summary>Compares the pages of one process.</summary>
internal static class PageComparison
{
    /// <summary>Compares which pages hold something.</summary>
    public static Difference? CompareSets(RowComparison row, int process, TraceProcess left, TraceProcess right)
    {
        PageCursor a = new(left.Runs);
        PageCursor b = new(right.Runs);
        while (true)
        {
            bool more = a.Next();
            bool moreOfOther = b.Next();
            if (!more && !moreOfOther)
                return null;
            int order = !more ? 1 : !moreOfOther ? -1 : (a.Run.Region, a.Page).CompareTo((b.Run.Region, b.Page));
            if (order < 0)
                return row.Differ("pages", process, a.Name, Describe(a), "nothing");
            if (order > 0)
                return row.Differ("pages", process, b.Name, "nothing", Describe(b));
        }
    }

    /// <summary>Compares one page of both sides, in the order in which a person would look for the cause.</summary>
    public static Difference? Compare(RowComparison row, int process, in PageCursor a, in PageCursor b, Bytes bytes, bool slotIsComparable)
    {
        PageRun x = a.Run;
        PageRun y = b.Run;
        string? field = x.Kind != y.Kind ? "kind"
            : !row.SameIdentity(x.Kind, a.Identity, b.Identity) ? "identity"
            : BytesDiffer(x, y, bytes) ? "bytes"
            : x.MapCount != y.MapCount ? "mapcount"
            : x.Core != y.Core ? "core"
            : x.Pagemap != y.Pagemap ? "pagemap"
            : x.Kind == PageKind.Swapped && slotIsComparable && x.SameSlot != y.SameSlot ? "same"
            : null;
        return field is null ? null : row.Differ(field, process, a.Name, Describe(a), Describe(b));
    }

    private static bool BytesDiffer(in PageRun x, in PageRun y, Bytes bytes) =>
        (x.Kind == PageKind.Present ? bytes != Bytes.None : x.Kind == PageKind.Swapped && bytes == Bytes.All)
        && (x.FirstByte, x.LastByte) != (y.FirstByte, y.LastByte);

    private static string Describe(in PageCursor cursor)
    {
        PageRun run = cursor.Run;
        string same = run.SameSlot != 0 ? " same slot" : string.Empty;
        return $"{Letters.Of(run.Kind)}{cursor.Identity} bytes {run.FirstByte},{run.LastByte} mapcount {run.MapCount}"
            + $" core '{Letters.Of(run.Core)}' pagemap '{Letters.Of(run.Pagemap)}'{same}";
    }
}
