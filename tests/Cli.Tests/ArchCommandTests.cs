using System.CommandLine;
using System.Text.Json.Nodes;
using PageTableEmu.Cli.Commands;

namespace PageTableEmu.Cli.Tests;

/// <summary><c>arch list</c> and <c>arch show</c>, called as the program calls them.</summary>
public sealed class ArchCommandTests
{
    private static readonly string[] Modelled = ["x86_64", "x86_64_5level", "sparc64_sun4u", "sparc64_sun4v", "sparc64_sun4v_m7", "arm64"];
    private static readonly string[] SwapOnly = ["riscv64", "s390x", "ppc64_radix", "ppc64_radix_4k", "loongarch64"];

    [Fact]
    public void The_list_names_every_architecture_once_with_its_shape()
    {
        string[] lines = Run("arch", "list", "--json").TrimEnd('\n').Split('\n');
        JsonNode[] objects = [.. lines.Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(Modelled.Concat(SwapOnly), objects.Select(json => json["name"]!.GetValue<string>()));
        JsonNode arm = objects.Single(json => json["name"]!.GetValue<string>() == "arm64");
        Assert.Equal("""{"name":"arm64","page_size":4096,"levels":4,"va_bits":48,"big_endian":false,"entries":"all"}""", arm.ToJsonString());
        Assert.Equal(65536, objects.Single(json => json["name"]!.GetValue<string>() == "ppc64_radix")["page_size"]!.GetValue<int>());
        string[] text = Run("arch", "list").TrimEnd('\n').Split('\n');
        Assert.Equal(objects.Length + 1, text.Length);
        Assert.All(Modelled.Concat(SwapOnly), name => Assert.Contains(text, line => line.Split(' ')[0] == name));
    }

    [Fact]
    public void Every_architecture_shows_fields_that_cover_the_word_and_types_that_fill_the_top()
    {
        foreach (string name in Modelled.Concat(SwapOnly))
        {
            JsonNode json = JsonNode.Parse(Run("arch", "show", name, "--json"))!;
            Assert.Equal(name, json["name"]!.GetValue<string>());
            foreach (JsonNode? format in json["formats"]!.AsArray())
                Assert.Equal(64, format!["fields"]!.AsArray().Sum(field => field!["high"]!.GetValue<int>() - field["low"]!.GetValue<int>() + 1));
            int[] numbers = [.. json["special_types"]!.AsObject().Select(type => type.Value!.GetValue<int>())];
            int first = json["swap_areas"]!.GetValue<int>();
            Assert.Equal(Enumerable.Range(first, 32 - first), numbers);
            Assert.Equal(SwapOnly.Contains(name), json["operations"]!.AsObject().Count == 0);
            string text = Run("arch", "show", name);
            Assert.Contains("exclusive", text, StringComparison.Ordinal);
            Assert.Contains("pte_marker", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_shown_was_asked_of_the_format()
    {
        JsonNode json = JsonNode.Parse(Run("arch", "show", "arm64", "--json"))!;
        Assert.Equal("47..12", Operation("frame"));
        Assert.Equal("10", Operation("accessed"));
        Assert.Equal("55 7", Operation("dirty while writable"));
        Assert.Equal("55", Operation("dirty while read-only"));
        Assert.Equal("51", Operation("write"));
        Assert.Equal("54", Operation("execute"));
        Assert.Equal("58", Operation("uffd_wp"));
        Assert.Null(json["operations"]!["soft_dirty"]);
        Assert.Equal(50, json["swap_offset_bits"]!.GetValue<int>());
        Assert.Equal(36, json["migration_accessed_offset_bit"]!.GetValue<int>());

        string Operation(string name) => json["operations"]![name]!.GetValue<string>();
    }

    [Fact]
    public void Numbering_follows_kernel_and_configuration()
    {
        JsonNode json = JsonNode.Parse(Run("arch", "show", "x86_64", "--json", "--kernel", "6.12", "--without", "memory-failure"))!;
        Assert.Equal(24, json["swap_areas"]!.GetValue<int>());
        Assert.Equal(30, json["special_types"]!["device_exclusive_read"]!.GetValue<int>());
    }

    [Fact]
    public void Formats_of_both_levels_are_shown_where_they_differ()
    {
        Assert.Equal(2, JsonNode.Parse(Run("arch", "show", "s390x", "--json"))!["formats"]!.AsArray().Count);
        Assert.Single(JsonNode.Parse(Run("arch", "show", "riscv64", "--json"))!["formats"]!.AsArray());
    }

    private static string Run(params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int code = new RootCommand { ArchCommand.Create() }.Parse(args).Invoke(new InvocationConfiguration { Output = output, Error = error });
        Assert.Equal((0, ""), (code, error.ToString()));
        return output.ToString();
    }
}
