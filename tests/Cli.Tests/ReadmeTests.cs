using System.Diagnostics;
using PageTableEmu.Replay.Tests;

namespace PageTableEmu.Cli.Tests;

/// <summary>The commands that README.md shows, run by a shell in the repository's folder: they print what it says they print.</summary>
public sealed class ReadmeTests
{
    private const string More = "...";

    public static TheoryData<string, string> Commands
    {
        get
        {
            var data = new TheoryData<string, string>();
            string? command = null;
            List<string> shown = [];
            foreach (string line in Block("$ ptemu "))
            {
                if (!line.StartsWith("$ ", StringComparison.Ordinal))
                {
                    shown.Add(line);
                    continue;
                }

                if (command is not null)
                    data.Add(command, string.Join('\n', shown));
                command = line[2..];
                shown.Clear();
            }

            data.Add(command!, string.Join('\n', shown));
            data.Add("ptemu replay tests/data/traces", string.Join('\n', Block("profile  backend  traces")));
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_PrintsWhatIsShown(string command, string shown)
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "this system has no /bin/sh");
        string[] printed = (await Shell(command)).TrimEnd('\n').Split('\n');
        string[] expected = shown.Split('\n');
        bool whole = expected[^1] != More;
        expected = whole ? expected : expected[..^1];
        Assert.Equal(expected.Select(Start), printed.Take(expected.Length).Zip(expected, Cut));
        Assert.True(!whole || printed.Length == expected.Length, $"{command} prints {printed.Length} lines, {expected.Length} are shown");
    }

    [Fact]
    public void TheReadme_ShowsCommands() => Assert.InRange(Commands.Count, 8, 20);

    /// <summary>A line that is too long ends in dots.</summary>
    private static string Start(string line) => line.EndsWith(More, StringComparison.Ordinal) ? line[..^More.Length] : line;

    private static string Cut(string printed, string expected) =>
        Start(expected).Length < expected.Length ? printed[..Math.Min(printed.Length, Start(expected).Length)] : printed;

    /// <summary>The lines of the fenced block whose first line begins like this.</summary>
    private static string[] Block(string start)
    {
        string[] lines = File.ReadAllLines(Path.Combine(TestData.Root, "README.md"));
        int first = Enumerable.Range(1, lines.Length - 1)
            .First(line => lines[line - 1].StartsWith("```", StringComparison.Ordinal) && lines[line].StartsWith(start, StringComparison.Ordinal));
        return lines[first..Array.IndexOf(lines, "```", first)];
    }

    private static async Task<string> Shell(string command)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "ptemu.dll");
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = TestData.Root };
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"ptemu() {{ '{dotnet}' '{program}' \"$@\"; }}; {command}");
        using Process shell = Process.Start(start)!;
        Task<string> errors = shell.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", await errors);
        return output;
    }
}
