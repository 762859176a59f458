using System.CommandLine;
using System.Reflection;
using System.Text.Json;
using System.Xml.Linq;
using PageTableEmu.Cli.Commands;
using PageTableEmu.Cli.Encodings;
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

    [Fact]
    public void Formats_of_one_name_are_told_apart()
    {
        string own = typeof(EncodingLabTests).Assembly.Location;
        EncodingSubject alone = Assert.Single(EncodingSubjects.Of([own, own], []));
        Assert.Equal((nameof(OwnFormat), true), (alone.Name, alone.IsOwn));
        EncodingSubject second = Assert.Single(EncodingSubjects.Of([own], [alone]));
        Assert.Equal($"{nameof(OwnFormat)} of {typeof(OwnFormat).FullName}", second.Name);
    }

    [Fact]
    public void A_format_that_loses_what_is_put_into_it_is_not_measured()
    {
        string overlap = Complaint<Mistaken<Overlap>>();
        Assert.StartsWith("mine breaks laws of swap entries", overlap, StringComparison.Ordinal);
        Assert.Contains("swap/fields-are-apart", overlap, StringComparison.Ordinal);
        Assert.Contains("swap/limits", Complaint<Mistaken<Narrow>>(), StringComparison.Ordinal);
        Assert.Contains("InvalidOperationException: no such slot", Complaint<Mistaken<Throws>>(), StringComparison.Ordinal);
        Assert.Empty(EncodingSubjects.Complaints([new EncodingSubject<OwnFormat>("mine", null, false).AsOwn("mine")]));
        Assert.Empty(EncodingSubjects.Complaints(EncodingSubjects.Trials().Select(trial => trial.AsOwn(trial.Name))));
    }

    /// <summary>Else the laboratory charges a choice with calls: decoding took four times what the same format of a user took.</summary>
    [Fact]
    public void Trials_are_inlined_whole()
    {
        Type trial = typeof(TrialFormat<On, Off>);
        MethodInfo[] members = [.. trial.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(method => method.ReturnType == typeof(Pte) || method.GetParameters().Length != 0
                || method.Name.EndsWith("Shift", StringComparison.Ordinal))];
        Assert.Equal(14, members.Length);
        Assert.All(members, method => Assert.True(method.MethodImplementationFlags.HasFlag(MethodImplAttributes.AggressiveInlining), method.Name));
    }

    [Theory]
    [InlineData(-22, "64 MiB")]
    [InlineData(0, "256 TiB")]
    [InlineData(8, "64 PiB")]
    [InlineData(16, "16 EiB")]
    [InlineData(22, "1024 EiB")]
    public void The_largest_file_has_a_unit_that_fits(int pageShift, string expected) =>
        Assert.Equal(expected, EncodingOutput.Largest(new EncodingSubject<OwnFormat>("mine", pageShift, false)));

    [Fact]
    public void A_page_that_cannot_be_written_is_refused_before_anything_is_measured()
    {
        string nowhere = Path.Combine(Path.GetTempPath(), $"no-such-folder-{Environment.ProcessId}", "page.html");
        Assert.Throws<DirectoryNotFoundException>(() => PageFile.Probe(nowhere));
        string page = Path.Combine(Path.GetTempPath(), $"page-{Environment.ProcessId}.html");
        PageFile.Probe(page);
        Assert.False(File.Exists(page)); // asking leaves nothing
    }

    private static string Complaint<TFormat>()
        where TFormat : struct, ISwapFormat =>
        Assert.Single(EncodingSubjects.Complaints([new EncodingSubject<TFormat>("its", null, false).AsOwn("mine")]));

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

    /// <summary>What is wrong with a format.</summary>
    private interface IMistake
    {
        static virtual int TypeBits => 6;

        static virtual int OffsetShift => 8;

        static virtual void Encodes(ulong offset)
        {
        }
    }

    /// <summary>A format with a mistake; generic, so that nobody who looks for the formats of this assembly finds it.</summary>
    private readonly struct Mistaken<TMistake> : ISwapFormat
        where TMistake : struct, IMistake
    {
        private const ulong OffsetMask = (1UL << 48) - 1;

        public static int SwapTypeBits => TMistake.TypeBits;

        public static int SwapOffsetBits => 48;

        public static int FrameNumberBits => 40;

        public static bool HasSwapExclusive => false;

        public static bool HasSwapSoftDirty => false;

        public static bool HasSwapUffdWp => false;

        private static uint TypeMask => (1u << TMistake.TypeBits) - 1;

        public static Pte EncodeSwap(uint type, ulong offset)
        {
            TMistake.Encodes(offset);
            return new(((ulong)(type & TypeMask) << 2) | ((offset & OffsetMask) << TMistake.OffsetShift));
        }

        public static uint SwapType(Pte entry) => (uint)(entry.Raw >> 2) & TypeMask;

        public static ulong SwapOffset(Pte entry) => (entry.Raw >> TMistake.OffsetShift) & OffsetMask;

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

    private readonly struct Overlap : IMistake
    {
        static int IMistake.OffsetShift => 5;
    }

    private readonly struct Narrow : IMistake
    {
        static int IMistake.TypeBits => 2;
    }

    private readonly struct Throws : IMistake
    {
        static void IMistake.Encodes(ulong offset) => throw new InvalidOperationException("no such slot");
    }
}
