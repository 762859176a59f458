using System.Text;

namespace PageTableEmu.Bench.Curves;

/// <summary>Curves as a picture (SVG): both axes logarithmic, the number across, nanoseconds of one up.</summary>
internal static class CurveDrawing
{
    private const int Width = 900;
    private const int Height = 560;
    private const int Left = 70;
    private const int Right = 250;
    private const int Top = 20;
    private const int Bottom = 50;

    private static readonly string[] Colours =
        ["#4477aa", "#cc6677", "#228833", "#aa3377", "#ccbb44", "#66ccee", "#222222", "#ee7733", "#999933", "#882255"];

    internal static string Draw(IReadOnlyList<Curve> curves)
    {
        double mostCount = Math.Ceiling(Math.Log10(curves.Max(curve => curve.Points[^1].Count)));
        double leastCount = Math.Floor(Math.Log10(curves.Min(curve => curve.Points[0].Count)));
        double mostTime = Math.Ceiling(Math.Log10(curves.Max(curve => curve.Points.Max(point => point.Nanoseconds))));
        double leastTime = Math.Floor(Math.Log10(curves.Min(curve => curve.Points.Min(point => point.Nanoseconds))));
        double X(double count) => Left + ((Math.Log10(count) - leastCount) / (mostCount - leastCount) * (Width - Left - Right));
        double Y(double time) => Height - Bottom - ((Math.Log10(time) - leastTime) / (mostTime - leastTime) * (Height - Top - Bottom));

        var picture = new StringBuilder();
        picture.AppendLine($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{Height}\" "
            + "font-family=\"sans-serif\" font-size=\"12\">");
        picture.AppendLine($"<rect width=\"{Width}\" height=\"{Height}\" fill=\"#ffffff\"/>");
        for (double power = leastCount; power <= mostCount; power++)
        {
            double x = X(Math.Pow(10, power));
            picture.AppendLine($"<line x1=\"{x:0}\" y1=\"{Top}\" x2=\"{x:0}\" y2=\"{Height - Bottom}\" stroke=\"#dddddd\"/>"
                + $"<text x=\"{x:0}\" y=\"{Height - Bottom + 16}\" text-anchor=\"middle\">10^{power}</text>");
        }

        for (double power = leastTime; power <= mostTime; power++)
        {
            double y = Y(Math.Pow(10, power));
            picture.AppendLine($"<line x1=\"{Left}\" y1=\"{y:0}\" x2=\"{Width - Right}\" y2=\"{y:0}\" stroke=\"#dddddd\"/>"
                + $"<text x=\"{Left - 6}\" y=\"{y + 4:0}\" text-anchor=\"end\">{Math.Pow(10, power):0.###} ns</text>");
        }

        picture.AppendLine($"<text x=\"{Left}\" y=\"{Height - 12}\">how many pages (or areas) there are; up: nanoseconds of one</text>");
        for (int index = 0; index < curves.Count; index++)
        {
            Curve curve = curves[index];
            string colour = Colours[index % Colours.Length];
            string points = string.Join(' ', curve.Points.Select(point => $"{X(point.Count):0.0},{Y(point.Nanoseconds):0.0}"));
            picture.AppendLine($"<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            int y = Top + 16 + (index * 20);
            picture.AppendLine($"<rect x=\"{Width - Right + 14}\" y=\"{y - 9}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>"
                + $"<text x=\"{Width - Right + 30}\" y=\"{y}\">{curve.Name} (n^{curve.Exponent:0.00})</text>");
        }

        return picture.AppendLine("</svg>").ToString();
    }
}
