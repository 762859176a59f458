using System.CommandLine;
using System.Diagnostics;
using PageTableEmu.Cli.Commands;

namespace PageTableEmu.Cli.Tests;

/// <summary>The page that <c>race show --html</c> writes, stepped through in a real browser.</summary>
public sealed class RacePageTests : IDisposable
{
    /// <summary>Presses the page's buttons and keys, and writes down what the page says after each.</summary>
    private const string Script = """
        <script>
        const said = [];
        const shown = kind => [...byId("cells").querySelectorAll(kind)].map(cell => cell.textContent);
        const tell = () => said.push(byId("what").textContent + " | " + shown("td").join(" ; ") + " | " + shown("td.changed").length);
        const press = (key, shiftKey = false) => document.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
        tell();
        byId("forward").click(); tell();
        byId("forward").click(); tell();
        byId("backward").click(); tell();
        byId("last").click(); tell();
        press("ArrowRight"); tell();
        press("ArrowLeft", true); tell();
        press("Home"); tell();
        press("ArrowRight", true); tell();
        byId("slider").value = 3; byId("slider").dispatchEvent(new Event("input")); tell();
        document.body.textContent = "SAID\n" + said.join("\n") + "\nEND";
        </script>
        """;

    private static readonly string[] Browsers = ["chromium", "chromium-browser", "google-chrome"];

    private readonly string directory = Directory.CreateTempSubdirectory("ptemu-page-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void Page_is_self_contained_and_tells_the_story()
    {
        string page = MakePage();
        Assert.DoesNotContain("http", page, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
        Assert.Contains("002-A: A slot is re-issued", page, StringComparison.Ordinal);
        Assert.Contains("G1: ", page, StringComparison.Ordinal);
        Assert.DoesNotContain('@', page);
    }

    /// <summary>The first schedule that fails is the one that is shown; when nothing fails there is no page.</summary>
    [Fact]
    public void Explore_writes_the_same_page_for_a_schedule_that_fails()
    {
        Assert.Equal(MakePage(), MakePage("race", "explore", "COW-H14")); // another name of 002-A
        string none = Path.Combine(directory, "none.html");
        using var error = new StringWriter();
        int code = new RootCommand { RaceCommand.Create() }
            .Parse(["race", "explore", "002-A", "--model", "after", "--preemptions", "0", "--html", none])
            .Invoke(new InvocationConfiguration { Output = TextWriter.Null, Error = error });
        Assert.Equal(ExitCode.Ok, code);
        Assert.Contains("nothing failed", error.ToString(), StringComparison.Ordinal);
        Assert.False(File.Exists(none));
    }

    [Fact]
    public void Page_can_be_stepped_forward_and_back()
    {
        string? browser = FindBrowser();
        if (browser is null)
            Assert.Skip("There is no chromium, chromium-browser or google-chrome on the path.");
        string file = Path.Combine(directory, "stepped.html");
        File.WriteAllText(file, MakePage().Replace("</body>", Script + "</body>", StringComparison.Ordinal));
        string[] said = Said(browser, file);
        Assert.Equal(10, said.Length);
        int count = int.Parse(said[0].Split(' ')[4], System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(count > 100);
        Assert.StartsWith("before the first of ", said[0], StringComparison.Ordinal);
        Assert.Contains("slot 1", said[0], StringComparison.Ordinal); // the entry of the page
        Assert.StartsWith($"after access 1 of {count}: T0, ", said[1], StringComparison.Ordinal);
        Assert.StartsWith($"after access 2 of {count}: T0, ", said[2], StringComparison.Ordinal);
        Assert.Equal(said[1], said[3]); // forward and back again
        Assert.StartsWith($"after access {count} of {count}: ", said[4], StringComparison.Ordinal);
        Assert.Equal(said[4], said[5]); // there is nothing behind the end
        Assert.NotEqual(said[5].Split('|')[0], said[6].Split('|')[0]);
        Assert.Equal(said[0], said[7]);
        Assert.NotEqual("0", said[8].Split('|')[2].Trim()); // the first access that changes something
        Assert.NotEqual(said[0].Split('|')[1], said[8].Split('|')[1]);
        Assert.StartsWith($"after access 3 of {count}: T0, ", said[9], StringComparison.Ordinal);
    }

    private string MakePage() => MakePage("race", "show", "002-A");

    private string MakePage(params string[] command)
    {
        string file = Path.Combine(directory, "page.html");
        File.Delete(file);
        using var output = new StringWriter();
        int code = new RootCommand { RaceCommand.Create() }.Parse([.. command, "--html", file])
            .Invoke(new InvocationConfiguration { Output = output, Error = output });
        Assert.Equal(ExitCode.Ok, code);
        return File.ReadAllText(file);
    }

    private string[] Said(string browser, string file)
    {
        var start = new ProcessStartInfo(browser) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            "--headless", "--disable-gpu", "--no-sandbox", $"--user-data-dir={Path.Combine(directory, "profile")}", "--dump-dom",
            new Uri(file).AbsoluteUri,
        ];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        string dom = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        int begin = dom.IndexOf("SAID\n", StringComparison.Ordinal);
        Assert.True(begin >= 0, dom);
        return dom[(begin + 5)..dom.IndexOf("\nEND", StringComparison.Ordinal)].Split('\n');
    }

    private static string? FindBrowser() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => Browsers.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);
}
