using System.CommandLine;
using System.Text.Json;
using System.Xml.Linq;
using PageTableEmu.Cli.Commands;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Tests;

/// <summary>The laboratory of encodings: every format is there with its facts and figures, a user's own too, and the page is well-formed.</summary>
public sealed class EncodingLabTests
{
    private static readonly string[] Quick = ["bench", "encodings", "--rounds", "1", "--time", "0.001"];

    [Fact]
    public void Every_format_has_facts_figures_and_a_row_of_the_matrix()
    {
        string page = Path.Combine(Path.GetTempPath(), $"encodings-{Environment.ProcessId}.html");
        string own = typeof(EncodingLabTests).Assembly.Location;
        (int code, string output, string error) = Run([.. Quick, "--json", "--html", page, "--assembly", own]);
        try
        {
            Assert.True(code == 0, error);
            string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            JsonElement[] formats = [.. lines.Select(line => JsonDocument.Parse(line).RootElement)];
            string[] names = [.. formats.Select(format => format.GetProperty("format").GetString()!)];
            Assert.Equal(names.Distinct(), names);
            string[] some = ["x86_64", "sparc64_sun4v", "arm64", "riscv64", "s390x", "loongarch64", nameof(OwnFormat)];
            Assert.Subset(new HashSet<string>(names), new HashSet<string>(some));
            Assert.All(formats, format =>
            {
                Assert.Equal(names.Order(), format.GetProperty("transcodingGigabytesPerSecond").EnumerateObject().Select(pair => pair.Name).Order());
                Assert.All(format.GetProperty("figures").EnumerateObject(), figure => Assert.True(figure.Value.GetProperty("value").GetDouble() > 0));
                int marks = format.GetProperty("marks").GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
                Assert.Equal(9 + marks, format.GetProperty("figures").EnumerateObject().Count());
            });
            JsonElement x64 = formats[0];
            Assert.Equal((5, 59, 50, 9, true, 62), (x64.GetProperty("typeBits").GetInt32(), x64.GetProperty("typeShift").GetInt32(),
                x64.GetProperty("offsetBits").GetInt32(), x64.GetProperty("offsetShift").GetInt32(), x64.GetProperty("complemented").GetBoolean(),
                x64.GetProperty("largestFileBits").GetInt32()));
            string text = File.ReadAllText(page);
            XElement root = XDocument.Parse(text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..]).Root!;
            Assert.Equal(12, root.Descendants().Count(element => element.Name.LocalName == "svg"));
            Assert.DoesNotContain("http", text.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(page);
        }
    }

    [Fact]
    public void A_file_without_formats_is_refused()
    {
        (int code, _, string error) = Run([.. Quick, "--assembly", typeof(Xunit.Assert).Assembly.Location]);
        Assert.Equal(2, code);
        Assert.Contains("no struct that implements ISwapFormat", error, StringComparison.Ordinal);
    }

    private static (int Code, string Output, string Error) Run(string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int code = new RootCommand { BenchCommand.Create() }.Parse(args).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>A format of a user's own, and nothing more: types in the lowest bits but two, offsets above.</summary>
    public readonly struct OwnFormat : ISwapFormat
    {
        public static int SwapTypeBits => 6;

        public static int SwapOffsetBits => 48;

        public static int FrameNumberBits => 40;

        public static bool HasSwapExclusive => false;

        public static bool HasSwapSoftDirty => false;

        public static bool HasSwapUffdWp => false;

        public static Pte EncodeSwap(uint type, ulong offset) => new(((ulong)(type & 63) << 2) | ((offset & ((1UL << 48) - 1)) << 8));

        public static uint SwapType(Pte entry) => (uint)(entry.Raw >> 2) & 63;

        public static ulong SwapOffset(Pte entry) => (entry.Raw >> 8) & ((1UL << 48) - 1);

        public static bool IsSwapExclusive(Pte entry) => false;

        public static Pte MakeSwapExclusive(Pte entry) => entry;

        public static Pte ClearSwapExclusive(Pte entry) => entry;

        public static bool IsSwapSoftDirty(Pte entry) => false;

        public static Pte MakeSwapSoftDirty(Pte entry) => entry;

        public static Pte ClearSwapSoftDirty(Pte entry) => entry;

        public static bool IsSwapUffdWp(Pte entry) => false;

        public static Pte MakeSwapUffdWp(Pte entry) => entry;

        public static Pte ClearSwapUffdWp(Pte entry) => entry;
    }
}
