using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PageTableEmu.Arch.X64;
using PageTableEmu.Cli.Commands;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Paging;
using PageTableEmu.Replay.Tests;
using Spectre.Console;

namespace PageTableEmu.Cli.Tests;

/// <summary><c>pte decode</c>, <c>pte encode</c> and <c>walk</c>, called as the program calls them.</summary>
public sealed class EntryCommandTests
{
    private static readonly string[] JsonKeys = ["raw", "kind", "type", "offset", "exclusive", "soft_dirty", "uffd_wp", "pfn", "flags"];
    private static readonly string[] SparcArchitectures = ["sparc64_sun4u", "sparc64_sun4v", "sparc64_sun4v_m7"];

    /// <summary>A terminal's lines were broken between two words, at 80 columns already.</summary>
    [Fact]
    public void A_drawing_that_is_wider_than_the_terminal_comes_in_strips()
    {
        var entry = new Pte(0x0fff_ffff_ffff_7c0a);
        IReadOnlyList<EntryField> fields = Fields<X64FourLevel>(entry);
        Assert.Equal(BitField.Draw(entry, fields), Markup.Remove(BitField.DrawMarkup(entry, fields, 1000)));
        foreach (int columns in new[] { 80, 60, 40, 25 })
        {
            string[] lines = Markup.Remove(BitField.DrawMarkup(entry, fields, columns)).Split('\n');
            Assert.All(lines, line => Assert.InRange(line.Length, 1, columns - 1));
            Assert.Equal(0, lines.Length % 3);
            Assert.Equal(fields.Count, lines.Where((_, index) => index % 3 == 1).Sum(line => line.Count(c => c == '|') - 1));
        }

        static IReadOnlyList<EntryField> Fields<TArch>(Pte entry)
            where TArch : struct, IEntryNames => TArch.Fields(entry, 1);
    }

    [Theory]
    [InlineData("x86_64", "x86_64.csv", "7.2", 800)]
    [InlineData("x86_64_5level", "x86_64.csv", "7.2", 800)]
    [InlineData("x86_64", "linux-6.12/x86_64.csv", "6.12", 505)]
    [InlineData("sparc64_sun4u", "sparc64.csv", "7.2", 349)]
    [InlineData("sparc64_sun4v", "sparc64.csv", "7.2", 349)]
    [InlineData("sparc64_sun4v_m7", "sparc64.csv", "7.2", 349)]
    [InlineData("sparc64_sun4v", "linux-6.12/sparc64.csv", "6.12", 234)]
    [InlineData("arm64", "arm64.csv", "7.2", 600)]
    [InlineData("arm64", "linux-6.12/arm64.csv", "6.12", 394)]
    [InlineData("riscv64", "riscv64.csv", "7.2", 455)]
    [InlineData("riscv64", "linux-6.12/riscv64.csv", "6.12", 378)]
    [InlineData("s390x", "s390x.csv", "7.2", 375)]
    [InlineData("ppc64_radix", "ppc64_radix.csv", "7.2", 365)]
    [InlineData("ppc64_radix_4k", "ppc64_radix_4k.csv", "7.2", 393)]
    [InlineData("loongarch64", "loongarch64.csv", "7.2", 285)]
    public void Every_swap_vector_is_decoded_and_comes_back(string arch, string file, string kernel, int rows)
    {
        List<Dictionary<string, string>> vectors = Vectors(file, rows);
        JsonNode[] decoded = RoundTrip(vectors, "--arch", arch, "--kernel", kernel);
        for (int index = 0; index < vectors.Count; index++)
        {
            (Dictionary<string, string> row, JsonNode json) = (vectors[index], decoded[index]);
            string line = $"{file}:{index + 2}";
            Assert.Equal((line, row["kind"]), (line, json["kind"]!.GetValue<string>()));
            Assert.Equal((line, row["type"]), (line, json["type"]!.ToJsonString()));
            Assert.Equal((line, row["offset"]), (line, json["offset"]!.ToJsonString()));
            Assert.Equal((line, row["exclusive"] == "1"), (line, json["exclusive"]!.GetValue<bool>()));
            Assert.Equal((line, row["soft_dirty"] == "1"), (line, json["soft_dirty"]!.GetValue<bool>()));
            Assert.Equal((line, row["uffd_wp"] == "1"), (line, json["uffd_wp"]!.GetValue<bool>()));
        }
    }

    [Theory]
    [InlineData("x86_64", "x86_64_migration_ad.csv", "46", 44)]
    [InlineData("x86_64_5level", "x86_64_migration_ad.csv", "52", 45)]
    [InlineData("sparc64_sun4u", "sparc64_migration_ad.csv", "53", 47)]
    [InlineData("sparc64_sun4v", "sparc64_migration_ad.csv", "53", 47)]
    [InlineData("sparc64_sun4v_m7", "sparc64_migration_ad.csv", "53", 47)]
    [InlineData("arm64", "arm64_migration_ad.csv", "48", 50)]
    [InlineData("riscv64", "riscv64_migration_ad.csv", "56", 52)]
    [InlineData("s390x", "s390x_migration_ad.csv", "46", 47)]
    [InlineData("ppc64_radix", "ppc64_radix_migration_ad.csv", "51", 45)]
    [InlineData("ppc64_radix_4k", "ppc64_radix_4k_migration_ad.csv", "46", 48)]
    [InlineData("loongarch64", "loongarch64_migration_ad.csv", "48", 43)]
    public void Every_migration_vector_shows_its_age_and_comes_back(string arch, string file, string bits, int rows)
    {
        List<Dictionary<string, string>> vectors = Vectors(file, rows, row => row["max_physmem_bits"] == bits);
        JsonNode[] decoded = RoundTrip(vectors, "--arch", arch);
        foreach ((Dictionary<string, string> row, JsonNode json) in vectors.Zip(decoded))
        {
            Assert.Equal(row["kind"], json["kind"]!.GetValue<string>());
            Assert.Equal(row["pfn"], json["pfn"]!.ToJsonString());
            Assert.Equal(row["offset"], json["offset"]!.ToJsonString());
            string[] flags = [.. new[] { ("young", "accessed"), ("dirty", "dirty") }
                .Where(flag => row[flag.Item1] == "1").Select(flag => flag.Item2)];
            Assert.Equal(flags, Flags(json));

            // The frame number and the flags say as much as the offset.
            JsonObject shorter = json.AsObject();
            shorter.Remove("offset");
            shorter.Remove("type");
            Assert.Equal(row["raw_hex"], Run("", "pte", "encode", "--arch", arch, shorter.ToJsonString()).Output.Trim());
        }
    }

    [Theory]
    [InlineData("x86_64", "x86_64_present.csv", "x86_64", "pte", 217)]
    [InlineData("x86_64_5level", "x86_64_present.csv", "x86_64", "pte", 217)]
    [InlineData("x86_64", "x86_64_present.csv", "x86_64_pmd", "pmd", 43)]
    [InlineData("x86_64_5level", "x86_64_present.csv", "x86_64_pmd", "pmd", 43)]
    [InlineData("sparc64_sun4u", "sparc64_sun4u_present.csv", "sparc64_sun4u", "pte", 161)]
    [InlineData("sparc64_sun4v", "sparc64_sun4v_present.csv", "sparc64_sun4v", "pte", 174)]
    [InlineData("sparc64_sun4v_m7", "sparc64_sun4v_m7_present.csv", "sparc64_sun4v_m7", "pte", 182)]
    public void Every_present_vector_is_decoded_and_comes_back(string arch, string file, string rowArch, string level, int rows)
    {
        List<Dictionary<string, string>> vectors = Vectors(file, rows, row => row["arch"] == rowArch);
        JsonNode[] decoded = RoundTrip(vectors, "--arch", arch, "--level", level);
        foreach ((Dictionary<string, string> row, JsonNode json) in vectors.Zip(decoded))
        {
            Assert.Equal("present", json["kind"]!.GetValue<string>());
            Assert.Equal(row["pfn"], json["pfn"]!.ToJsonString());
            Assert.Equal(row["flags"], string.Join('+', Flags(json)));
            Assert.Equal(row["flags"].Split('+').Contains("softdirty"), json["soft_dirty"]!.GetValue<bool>());
            Assert.Equal(row["flags"].Split('+').Contains("uffd_wp"), json["uffd_wp"]!.GetValue<bool>());
        }
    }

    [Theory]
    [InlineData("s390x", "s390x_pmd_swap.csv", 27)]
    [InlineData("loongarch64", "loongarch64_pmd_swap.csv", 33)]
    public void Every_swap_vector_of_a_pmd_is_decoded_and_comes_back(string arch, string file, int rows)
    {
        List<Dictionary<string, string>> vectors = Vectors(file, rows);
        foreach ((Dictionary<string, string> row, JsonNode json) in vectors.Zip(RoundTrip(vectors, "--arch", arch, "--level", "pmd")))
        {
            Assert.Equal(row["type"], json["type"]!.ToJsonString());
            Assert.Equal(row["offset"], json["offset"]!.ToJsonString());
        }
    }

    [Fact]
    public void Of_an_architecture_with_swap_entries_only_present_ones_are_recognised_but_not_made()
    {
        Assert.Contains("\"kind\":\"present\"", Run("", "pte", "decode", "--arch", "riscv64", "--json", "1").Output, StringComparison.Ordinal);
        Assert.Contains("\"kind\":\"none\"", Run("", "pte", "decode", "--arch", "s390x", "--json", "400").Output, StringComparison.Ordinal);
        Outcome made = Run("", "pte", "encode", "--arch", "riscv64", "{\"kind\":\"present\",\"pfn\":1}");
        Assert.Equal(ExitCode.Usage, made.Code);
        Assert.Contains("only non-present entries", made.Error, StringComparison.Ordinal);
        Outcome mark = Run("", "pte", "encode", "--arch", "loongarch64", "{\"kind\":\"swap\",\"type\":1,\"offset\":1,\"uffd_wp\":true}");
        Assert.Contains("loongarch64 has no uffd_wp mark", mark.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, Run("", "pte", "decode", "--arch", "riscv64", "--level", "pmd", "1").Code);
    }

    [Fact]
    public void A_drawing_of_a_swap_format_has_the_fields_that_the_format_has()
    {
        string[] lines = Run("", "pte", "decode", "--arch", "ppc64_radix", "400000000001002a").Output.TrimEnd('\n').Split('\n');
        Assert.Equal("400000000001002a  swap  type 10  offset 0x1  exclusive", lines[0]);
        Assert.Equal(["one", "offset", "soft_dirty", "exclusive", "type"], lines[3].Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Random_words_of_every_architecture_and_level_come_back()
    {
        var random = new Random(20240611);
        string[] words = [.. Enumerable.Range(0, 3000).Select(index => $"{Shape((ulong)random.NextInt64(long.MinValue, long.MaxValue), index):x16}")];
        foreach (string arch in SparcArchitectures.Concat(["x86_64", "x86_64_5level", "arm64"]))
        {
            foreach (string level in new[] { "pte", "pmd", "pud" })
                RoundTrip(words, "--arch", arch, "--level", level);
        }

        static ulong Shape(ulong word, int index) => (index % 5) switch
        {
            0 => word,
            1 => word & ~0x1fffUL,
            2 => word & 0x000ffffffffff000 | 0x67,
            3 => word & 0xe7,
            _ => word & ~0x191UL,
        };
    }

    [Fact]
    public void Objects_have_exactly_the_documented_keys()
    {
        JsonNode json = JsonNode.Parse(Run("", "pte", "decode", "--arch", "x86_64", "--json", "0x07fffffdb9753000").Output)!;
        Assert.Equal(JsonKeys, json.AsObject().Select(property => property.Key));
    }

    [Theory]
    [InlineData("7.2", "", 24)]
    [InlineData("7.2", "device-private", 27)]
    [InlineData("7.2", "memory-failure,device-private", 28)]
    [InlineData("6.12", "", 23)]
    [InlineData("6.12", "memory-failure", 24)]
    [InlineData("6.1", "", 22)]
    [InlineData("6.1", "memory-failure,device-private", 27)]
    public void Numbering_follows_kernel_and_configuration(string kernel, string without, int firstSpecial)
    {
        string[] options = without.Length == 0 ? ["--kernel", kernel] : ["--kernel", kernel, "--without", without];
        for (int type = 0; type < 32; type++)
        {
            string word = $"{((ulong)type << 59) | (~1UL & ((1UL << 50) - 1)) << 9:x16}";
            Outcome outcome = Run("", ["pte", "decode", "--arch", "x86_64", "--json", word, .. options]);
            Assert.Equal(0, outcome.Code);
            Assert.Equal(type < firstSpecial, JsonNode.Parse(outcome.Output)!["kind"]!.GetValue<string>() == "swap");
        }
    }

    [Fact]
    public void Bad_inputs_are_reported_on_the_error_stream_and_do_not_stop_the_rest()
    {
        Outcome outcome = Run("07fffffdb9753000\nnonsense\n\n11112222333344445\n27\n", "pte", "decode", "--arch", "x86_64", "--json");
        Assert.Equal(ExitCode.Usage, outcome.Code);
        Assert.Equal(2, outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("'nonsense'", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("'11112222333344445'", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "a JSON object is expected")]
    [InlineData("{", "not JSON")]
    [InlineData("{}", "'kind' is missing")]
    [InlineData("{\"kind\":\"wap\",\"type\":1,\"offset\":1}", "kind 'wap' is not known")]
    [InlineData("{\"kind\":\"swap\",\"offset\":1}", "needs a type")]
    [InlineData("{\"kind\":\"swap\",\"type\":1}", "needs an offset")]
    [InlineData("{\"kind\":\"swap\",\"type\":24,\"offset\":1}", "which is of kind hwpoison")]
    [InlineData("{\"kind\":\"swap\",\"type\":32,\"offset\":1}", "type 32 has more than 5 bits")]
    [InlineData("{\"kind\":\"swap\",\"type\":1,\"offset\":1125899906842624}", "has more than 50 bits")]
    [InlineData("{\"kind\":\"swap\",\"type\":1,\"offset\":-1}", "'offset' is not a number")]
    [InlineData("{\"kind\":\"swap\",\"type\":0,\"offset\":1125899906842623}", "which is of kind none")]
    [InlineData("{\"kind\":\"swap\",\"type\":1,\"offset\":1,\"exclusive\":2}", "'exclusive' is neither true nor false")]
    [InlineData("{\"kind\":\"swap\",\"type\":1,\"offset\":1,\"flags\":\"x\"}", "'flags' is not an array")]
    [InlineData("{\"kind\":\"migration_read\",\"type\":26,\"pfn\":1}", "contradicts kind migration_read")]
    [InlineData("{\"kind\":\"migration_read\",\"pfn\":17179869184,\"offset\":1}", "does not fit")]
    [InlineData("{\"kind\":\"device_exclusive_read\",\"pfn\":1}", "no entry of kind device_exclusive_read")]
    [InlineData("{\"kind\":\"present\",\"flags\":[\"present\"]}", "needs a pfn")]
    [InlineData("{\"kind\":\"present\",\"pfn\":1,\"flags\":[\"presen\"]}", "flag 'presen' is not known")]
    [InlineData("{\"kind\":\"present\",\"pfn\":1,\"flags\":[\"user\"]}", "which is of kind")]
    [InlineData("{\"kind\":\"present\",\"pfn\":1099511627776,\"flags\":[\"present\"]}", "does not fit")]
    public void Descriptions_that_cannot_come_true_are_refused(string description, string reason)
    {
        Outcome outcome = Run("", "pte", "encode", "--arch", "x86_64", description);
        Assert.Equal(ExitCode.Usage, outcome.Code);
        Assert.Empty(outcome.Output);
        Assert.Contains(reason, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mark_that_the_architecture_lacks_is_refused()
    {
        Outcome outcome = Run("", "pte", "encode", "--arch", "sparc64_sun4u", "{\"kind\":\"swap\",\"type\":1,\"offset\":1,\"soft_dirty\":true}");
        Assert.Equal(ExitCode.Usage, outcome.Code);
        Assert.Contains("no soft_dirty mark", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Short_descriptions_of_markers_and_tables_are_enough()
    {
        Assert.Equal("fffffffffffff600", Run("", "pte", "encode", "--arch", "x86_64", "{\"kind\":\"pte_marker_guard\"}").Output.Trim());
        Assert.Equal("0000000000003067",
            Run("", "pte", "encode", "--arch", "x86_64", "--level", "pmd", "{\"kind\":\"table\",\"pfn\":3}").Output.Trim());
    }

    [Fact]
    public void The_drawing_names_every_field_above_its_bits()
    {
        Outcome outcome = Run("", "pte", "decode", "--arch", "x86_64", "0fffffffff7b7a08");
        string[] lines = outcome.Output.TrimEnd('\n').Split('\n');
        Assert.Equal("0fffffffff7b7a08  swap  type 1  offset 0x4242  exclusive", lines[0]);
        Assert.Equal(["63..59", "58..9", "8..4", "3", "2", "1", "0"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["00001", "3ffffffffbdbd", "00000", "1", "0", "0", "0"], lines[2].Split([' ', '|'], StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["type", "~offset", "exclusive", "uffd_wp", "soft_dirty", "present"],
            lines[3].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain('\u001b', outcome.Output);
    }

    [Theory]
    [InlineData("x86_64", "x86_64_pagewalk.csv", "x86_64_4level", 68)]
    [InlineData("x86_64_5level", "x86_64_pagewalk.csv", "x86_64_5level", 65)]
    [InlineData("sparc64_sun4u", "sparc64_pagewalk.csv", "sparc64", 67)]
    [InlineData("sparc64_sun4v", "sparc64_pagewalk.csv", "sparc64", 67)]
    [InlineData("sparc64_sun4v_m7", "sparc64_pagewalk.csv", "sparc64", 67)]
    public void Walk_prints_the_vectors(string arch, string file, string rowArch, int rows)
    {
        List<Dictionary<string, string>> vectors = Vectors(file, rows, row => row["arch"] == rowArch);
        string addresses = string.Join('\n', vectors.Select(row => row["va"]));
        string[] lines = Run(addresses, "walk", "--arch", arch).Output.TrimEnd('\n').Split('\n');
        Assert.Equal(string.Join(',', vectors[0].Keys), lines[0]);
        Assert.Equal(vectors.Select(row => string.Join(',', row.Values.Skip(1).Prepend(arch))), lines.Skip(1));
        string[] objects = Run(addresses, "walk", "--arch", arch, "--json").Output.TrimEnd('\n').Split('\n');
        foreach ((Dictionary<string, string> row, string json) in vectors.Zip(objects))
            Assert.All(row.Skip(2), cell => Assert.Equal(cell.Value, JsonNode.Parse(json)![cell.Key]!.ToJsonString()));
    }

    private static JsonNode[] RoundTrip(List<Dictionary<string, string>> vectors, params string[] options) =>
        RoundTrip([.. vectors.Select(row => row["raw_hex"])], options);

    // Words through decode and what it prints through encode: the same words, without looking at "raw".
    private static JsonNode[] RoundTrip(string[] words, params string[] options)
    {
        Outcome decoded = Run(string.Join('\n', words), ["pte", "decode", "--json", .. options]);
        Assert.Equal((0, ""), (decoded.Code, decoded.Error));
        JsonNode[] objects = [.. decoded.Output.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(words, objects.Select(json => json["raw"]!.GetValue<string>()));
        string blind = string.Join('\n', objects.Select(json =>
        {
            JsonNode copy = json.DeepClone();
            copy["raw"] = "0";
            return copy.ToJsonString();
        }));
        Outcome encoded = Run(blind, ["pte", "encode", .. options]);
        Assert.Equal((0, ""), (encoded.Code, encoded.Error));
        Assert.Equal(words, encoded.Output.TrimEnd('\n').Split('\n'));
        return objects;
    }

    private static string[] Flags(JsonNode json) => [.. json["flags"]!.AsArray().Select(flag => flag!.GetValue<string>())];

    private static List<Dictionary<string, string>> Vectors(string file, int atLeast, Func<Dictionary<string, string>, bool>? filter = null)
    {
        string[] lines = File.ReadAllLines(Path.Combine(TestData.Traces, "..", "vectors", file));
        string[] header = lines[0].Split(',');
        List<Dictionary<string, string>> rows =
        [
            .. lines.Skip(1).Where(line => line.Length > 0)
                .Select(line => header.Zip(line.Split(',')).ToDictionary(cell => cell.First, cell => cell.Second))
                .Where(filter ?? (_ => true)),
        ];
        Assert.True(rows.Count >= atLeast, string.Create(CultureInfo.InvariantCulture, $"{file}: {rows.Count} rows, {atLeast} are expected"));
        return rows;
    }

    private static Outcome Run(string input, params string[] args)
    {
        using var reader = new StringReader(input);
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        RootCommand root = new() { PteCommand.Create(reader), WalkCommand.Create(reader) };
        int code = root.Parse(args).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return new Outcome(code, output.ToString(), error.ToString());
    }

    private sealed record Outcome(int Code, string Output, string Error);
}
