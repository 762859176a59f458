using System.Net;
using System.Text;

namespace PageTableEmu.Cli.Encodings;

/// <summary>The laboratory's results as one self-contained page: a table of facts, bars for each figure, the transcoding matrix.</summary>
internal static class EncodingPage
{
    private const int BarWidth = 420;
    private const int RowHeight = 20;
    private const int LabelWidth = 300;
    private const string OurColour = "#4477aa";
    private const string OwnColour = "#dd7722";

    internal static string Write(IReadOnlyList<EncodingResult> results)
    {
        var page = new StringBuilder();
        page.AppendLine("<!DOCTYPE html>");
        page.AppendLine("<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>Encodings of swap entries</title>");
        page.AppendLine("<style>body{font:14px/1.4 system-ui,sans-serif;max-width:90em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
            + "div{overflow-x:auto}table{border-collapse:collapse}td,th{padding:.2em .6em;text-align:right;border-bottom:1px solid #ddd}"
            + "td{white-space:nowrap}th{vertical-align:bottom}"
            + "td:first-child,th:first-child{text-align:left}svg text{font:12px system-ui,sans-serif;fill:#222}"
            + "h2{margin-top:2em}p{max-width:50em}.no{color:#a00}</style></head><body>");
        page.AppendLine("<h1>Encodings of swap entries</h1>");
        page.AppendLine($"<p>Median of rounds in which every format takes its turn, in processor time. The number behind a bar is its ratio to "
            + $"{Text(results[0].Subject.Name)} within the same round. Formats called trial vary one choice and nothing else."
            + $"{(results.Any(result => result.Subject.IsOwn) ? " Orange bars are your own formats." : "")}"
            + $"{(results[0].BranchMisses is null ? $" {EncodingOutput.NoBranchMisses}" : "")}</p>");
        AppendFacts(page, results);
        foreach (string figure in EncodingOutput.Figures.Where(figure => results.Any(result => result.Figures.ContainsKey(figure))))
            AppendBars(page, figure, results);
        AppendMatrix(page, results);
        return page.AppendLine("</body></html>").ToString();
    }

    private static void AppendFacts(StringBuilder page, IReadOnlyList<EncodingResult> results)
    {
        bool counted = results[0].BranchMisses is not null;
        page.AppendLine("<div><table><tr><th>format</th><th>type bits</th><th>offset bits</th><th>frame number bits</th><th>marks</th>"
            + "<th>other bits</th><th>complemented</th><th>order from the top</th><th>largest file</th>"
            + (counted ? "<th>branch misses</th></tr>" : "</tr>"));
        foreach (EncodingResult result in results)
        {
            EncodingSubject subject = result.Subject;
            page.AppendLine($"<tr><td>{Text(subject.Name)}</td><td>{subject.TypeBits} at {subject.TypeShift}</td>"
                + $"<td>{subject.OffsetBits} at {subject.OffsetShift}</td><td>{subject.FrameNumberBits}</td>"
                + $"<td>{Text(string.Join(", ", subject.Marks))}</td><td>{subject.OtherBits}</td><td>{(subject.IsComplemented ? "yes" : "no")}</td>"
                + $"<td>{EncodingOutput.Order(subject)}</td><td>{EncodingOutput.Largest(subject)}</td>"
                + (counted ? $"<td>{result.BranchMisses:0.000}</td></tr>" : "</tr>"));
        }

        page.AppendLine("</table></div>");
    }

    private static void AppendBars(StringBuilder page, string figure, IReadOnlyList<EncodingResult> results)
    {
        EncodingResult[] shown = [.. results.Where(result => result.Figures.ContainsKey(figure))];
        double most = shown.Max(result => result.Figures[figure].Value);
        int height = shown.Length * RowHeight;
        page.AppendLine($"<h2>{Text(figure)}</h2>");
        page.AppendLine($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{LabelWidth + BarWidth + 160}\" height=\"{height}\" role=\"img\">");
        for (int row = 0; row < shown.Length; row++)
        {
            EncodingFigure value = shown[row].Figures[figure];
            int top = row * RowHeight;
            double width = Math.Max(1, value.Value / most * BarWidth);
            page.AppendLine($"<text x=\"0\" y=\"{top + 14}\">{Text(shown[row].Subject.Name)}</text>"
                + $"<rect x=\"{LabelWidth}\" y=\"{top + 3}\" width=\"{width:0.0}\" height=\"{RowHeight - 6}\" "
                + $"fill=\"{(shown[row].Subject.IsOwn ? OwnColour : OurColour)}\"/>"
                + $"<text x=\"{LabelWidth + width + 6:0.0}\" y=\"{top + 14}\">{value.Value:0.00} ({value.Ratio:0.00})</text>");
        }

        page.AppendLine("</svg>");
    }

    private static void AppendMatrix(StringBuilder page, IReadOnlyList<EncodingResult> results)
    {
        page.AppendLine("<h2>Transcoding 256 KiB, GB/s</h2><p>Red where some of the entries do not fit the new format.</p>");
        page.AppendLine("<div><table><tr><th>from</th>");
        foreach (EncodingResult result in results)
            page.Append($"<th>{Text(result.Subject.Name)}</th>");
        page.AppendLine("</tr>");
        foreach (EncodingResult from in results)
        {
            page.Append($"<tr><td>{Text(from.Subject.Name)}</td>");
            foreach (EncodingResult to in results)
            {
                double speed = from.Transcoding[to.Subject.Name];
                page.Append($"<td{(speed < 0 ? " class=\"no\"" : "")}>{Math.Abs(speed):0.0}</td>");
            }

            page.AppendLine("</tr>");
        }

        page.AppendLine("</table></div>");
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
