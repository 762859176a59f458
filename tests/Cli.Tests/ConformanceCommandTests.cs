using System.CommandLine;
using System.Text.Json.Nodes;
using PageTableEmu.Cli.Commands;

namespace PageTableEmu.Cli.Tests;

/// <summary><c>conformance</c>, called as the program calls it.</summary>
public sealed class ConformanceCommandTests
{
    [Fact]
    public void Laws_of_an_architecture_are_listed_and_summed_up()
    {
        string[] lines = Run("conformance", "arm64").TrimEnd('\n').Split('\n');
        string[] sums = [.. lines.Where(line => !line.StartsWith("pass  ", StringComparison.Ordinal))];
        Assert.Equal(2, sums.Length);
        Assert.Matches(@"^arm64: (\d+) of \1 laws of an architecture hold, \d+ comparisons$", sums[0]);
        Assert.Matches(@"^arm64: (\d+) of \1 laws of a tag provider hold, \d+ comparisons$", sums[1]);
        Assert.Contains(lines, line => line.Contains("swap/fields-are-apart", StringComparison.Ordinal));
    }

    [Fact]
    public void Json_has_an_object_a_law_and_both_levels_of_a_format()
    {
        JsonNode[] laws = [.. Run("conformance", "s390x", "--json").TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(["s390x", "s390x (level 2)"], laws.Select(law => law["architecture"]!.GetValue<string>()).Distinct());
        Assert.All(laws, law => Assert.Equal("passed", law["outcome"]!.GetValue<string>()));
    }

    private static string Run(params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int code = new RootCommand { ConformanceCommand.Create() }.Parse(args).Invoke(new InvocationConfiguration { Output = output, Error = error });
        Assert.Equal((0, ""), (code, error.ToString()));
        return output.ToString();
    }
}
