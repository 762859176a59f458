using System.CommandLine;
using PageTableEmu.Replay.Machines;

namespace PageTableEmu.Cli.Tests;

/// <summary>Lines that are none, and output that cannot be written: exit codes and messages, and never a trace of the program's insides.</summary>
public sealed class CommandLineTests
{
    /// <summary>Every option that is no text, with a value that it cannot have.</summary>
    public static TheoryData<string> UnreadableOptions =>
        [.. Leaves(CommandLine.Create(new ReplayMachines()), "").SelectMany(leaf => leaf.Command.Options
            .Where(option => option.ValueType != typeof(string) && !option.ValueType.IsArray && option.ValueType != typeof(FileInfo))
            .Where(option => option is not System.CommandLine.Help.HelpOption)
            .Select(option => $"{leaf.Path}{option.Name}=~"))];

    [Theory]
    [MemberData(nameof(UnreadableOptions))]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("pte decode --arch nope 1")]
    [InlineData("pte encode --arch nope {}")]
    [InlineData("pte decode --arch riscv64 --level nope 1")]
    [InlineData("pte decode --arch x86_64 --bogus 1")]
    [InlineData("walk --arch x86_64 --bogus")]
    [InlineData("capture verify --bogus")]
    [InlineData("capture verify /no/such/folder")]
    [InlineData("replay --tags --arch nope tests")]
    [InlineData("replay --bogus tests")]
    [InlineData("race replay 001-A --bogus")]
    [InlineData("race explore 001-A --preemptions -1")]
    [InlineData("race explore 001-A --executions 0")]
    [InlineData("race show 001-A --html /no/such/folder/page.html")]
    [InlineData("bench encodings --rounds 0")]
    [InlineData("bench encodings --time 0")]
    [InlineData("bench encodings --time -1")]
    [InlineData("bench encodings --time NaN")]
    [InlineData("bench encodings --html /no/such/folder/page.html")]
    [InlineData("bench encodings --assembly /no/such/assembly.dll")]
    public void A_line_that_is_none_is_refused(string line)
    {
        (int code, string output, string error) = Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.True(code == ExitCode.Usage, $"{code}: {output}{error}");
        Assert.Matches("^(arch,va,.*\n)?$", output); // the header of a walk
        Assert.StartsWith("ptemu: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "Required command was not provided.", "")]
    [InlineData("nonsense", "Unrecognized command or argument 'nonsense'.", "")]
    [InlineData("race nonsense", "Unrecognized command or argument 'nonsense'.", "race ")]
    [InlineData("bench encodings --rounds x", "Cannot parse argument 'x' for option '--rounds'", "bench encodings ")]
    public void A_wrong_word_is_named_once(string line, string error, string help) =>
        Assert.Equal($"ptemu: {error}\nptemu: try 'ptemu {help}--help'\n", Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Error);

    [Theory]
    [InlineData("walk --arch x86_64 -- -1")]
    [InlineData("race show --help")]
    [InlineData("race explore nope --help")]
    public void What_only_looks_like_a_wrong_line_is_not_refused(string line) =>
        Assert.DoesNotContain("try 'ptemu", Run(line.Split(' ')).Error, StringComparison.Ordinal);

    [Fact]
    public void Exit_code_1_is_kept_for_differences()
    {
        using var error = new StringWriter();
        Assert.Equal(ExitCode.Usage, Into(new IOException("No space left on device"), error));
        Assert.Equal($"ptemu: No space left on device{Environment.NewLine}", error.ToString());
        Assert.Equal(ExitCode.Defect, Into(new NotSupportedException("never thought of"), error));
        Assert.Contains("this should not happen", error.ToString(), StringComparison.Ordinal);
    }

    private static int Into(Exception thrown, StringWriter error)
    {
        using var output = new Refusing(thrown);
        return CommandLine.Run(["arch", "list"], new ReplayMachines(), new InvocationConfiguration { Output = output, Error = error });
    }

    private static (int Code, string Output, string Error) Run(string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int code = CommandLine.Run(args, new ReplayMachines(), new InvocationConfiguration { Output = output, Error = error });
        return (code, output.ToString(), error.ToString());
    }

    private static IEnumerable<(Command Command, string Path)> Leaves(Command command, string path) => command.Subcommands.Count == 0
        ? [(command, path)]
        : command.Subcommands.SelectMany(sub => Leaves(sub, $"{path}{sub.Name} "));

    /// <summary>A full disk, say.</summary>
    private sealed class Refusing(Exception thrown) : StringWriter
    {
        public override void WriteLine(string? value) => throw thrown;
    }
}
