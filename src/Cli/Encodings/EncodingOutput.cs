using System.Text;
using PageTableEmu.Cli.Entries;

namespace PageTableEmu.Cli.Encodings;

/// <summary>The laboratory's results as a table and as JSON.</summary>
internal static class EncodingOutput
{
    internal const string NoBranchMisses = "Mispredicted branches were not counted: this machine gives no counter.";

    /// <summary>The figures in the order in which they are shown.</summary>
    internal static IReadOnlyList<string> Figures { get; } =
    [
        EncodingLab.ScalarEncode, EncodingLab.ScalarDecode, EncodingLab.Branching,
        EncodingLab.Mark("exclusive"), EncodingLab.Mark("soft-dirty"), EncodingLab.Mark("uffd-wp"),
        .. EncodingLab.Sizes.Select(EncodingLab.BulkDecode), .. EncodingLab.Sizes.Select(EncodingLab.BulkEncode),
    ];

    internal static void WriteTable(IReadOnlyList<EncodingResult> results, TextWriter output)
    {
        int width = results.Max(result => result.Subject.Name.Length);
        output.WriteLine($"{"format".PadRight(width)}  type    offset   marks  other  compl.  order          largest file");
        foreach (EncodingSubject subject in results.Select(result => result.Subject))
        {
            string fields = $"{subject.TypeBits,2}@{subject.TypeShift,-2}  {subject.OffsetBits,4}@{subject.OffsetShift,-2}";
            string complemented = subject.IsComplemented ? "yes" : "no";
            output.WriteLine($"{subject.Name.PadRight(width)}  {fields}  {subject.Marks.Count,5}  {subject.OtherBits,5}  {complemented,-6}  "
                + $"{Order(subject),-13}  {Largest(subject)}");
        }

        foreach (string figure in Figures.Where(figure => results.Any(result => result.Figures.ContainsKey(figure))))
        {
            output.WriteLine();
            output.WriteLine($"{figure} (ratio to {results[0].Subject.Name}, spread)");
            foreach (EncodingResult result in results)
            {
                if (result.Figures.TryGetValue(figure, out EncodingFigure? value))
                    output.WriteLine($"  {result.Subject.Name.PadRight(width)}  {value.Value,8:0.00}  {value.Ratio,6:0.00}  {value.Spread,5:0%}");
            }
        }

        WriteMatrix(results, output, width);
        output.WriteLine();
        if (results[0].BranchMisses is null)
            output.WriteLine(NoBranchMisses);
        foreach (EncodingResult result in results.Where(result => result.BranchMisses is not null))
            output.WriteLine($"  {result.Subject.Name.PadRight(width)}  {result.BranchMisses:0.000} mispredicted branches an entry");
    }

    internal static string Json(EncodingResult result) => EntryJson.WriteObject(writer =>
    {
        EncodingSubject subject = result.Subject;
        writer.WriteString("format", subject.Name);
        writer.WriteNumber("typeBits", subject.TypeBits);
        writer.WriteNumber("typeShift", subject.TypeShift);
        writer.WriteNumber("offsetBits", subject.OffsetBits);
        writer.WriteNumber("offsetShift", subject.OffsetShift);
        writer.WriteNumber("frameNumberBits", subject.FrameNumberBits);
        writer.WriteNumber("otherBits", subject.OtherBits);
        writer.WriteBoolean("complemented", subject.IsComplemented);
        writer.WriteString("marks", string.Join(' ', subject.Marks));
        if (subject.LargestFileBits is { } largest)
            writer.WriteNumber("largestFileBits", largest);
        writer.WriteStartObject("figures");
        foreach ((string name, EncodingFigure figure) in result.Figures)
        {
            writer.WriteStartObject(name);
            writer.WriteNumber("value", Math.Round(figure.Value, 4));
            writer.WriteNumber("ratio", Math.Round(figure.Ratio, 4));
            writer.WriteNumber("spread", Math.Round(figure.Spread, 4));
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        writer.WriteStartObject("transcodingGigabytesPerSecond");
        foreach ((string name, double speed) in result.Transcoding)
            writer.WriteNumber(name, Math.Round(speed, 2));
        writer.WriteEndObject();
        if (result.BranchMisses is { } misses)
            writer.WriteNumber("branchMissesPerEntry", Math.Round(misses, 4));
    });

    internal static string Order(EncodingSubject subject) => subject.TypeShift > subject.OffsetShift ? "type, offset" : "offset, type";

    internal static string Largest(EncodingSubject subject)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if (subject.LargestFileBits is not { } bits)
            return "unknown";
        int unit = Math.Min(bits / 10, units.Length - 1);
        return $"{1UL << (bits - (unit * 10))} {units[unit]}";
    }

    private static void WriteMatrix(IReadOnlyList<EncodingResult> results, TextWriter output, int width)
    {
        output.WriteLine();
        output.WriteLine("transcoding 256 KiB, GB/s; in brackets where some entries do not fit the new format");
        var line = new StringBuilder($"  {"from".PadRight(width)}");
        for (int column = 0; column < results.Count; column++)
            line.Append($"{$"to {column + 1}",8}");
        output.WriteLine(line);
        for (int row = 0; row < results.Count; row++)
        {
            line.Clear().Append($"{row + 1,2} {results[row].Subject.Name.PadRight(width - 1)}");
            foreach (EncodingResult to in results)
            {
                double speed = results[row].Transcoding[to.Subject.Name];
                line.Append($"{(speed < 0 ? $"({-speed:0.0})" : $"{speed:0.0}"),8}");
            }

            output.WriteLine(line);
        }
    }
}
