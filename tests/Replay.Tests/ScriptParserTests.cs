using PageTableEmu.Mm.Huge;
using PageTableEmu.Replay.Scripts;

namespace PageTableEmu.Replay.Tests;

public class ScriptParserTests
{
    private static readonly string[] SomeArguments =
        ["", " A 0", " A 1", " A 0 1", " A 0 1 2", " 1", " 1 A 0", " 1 A 0 1", " A 0 1 r", " A 0 1 B 0", " 4 always"];

    private static ScriptOperation One(string line) => Assert.Single(ScriptParser.Parse([line]));

    [Fact]
    public void Every_line_of_every_recording_parses_to_its_number_process_and_text()
    {
        foreach ((string path, Traces.Trace trace) in TestData.All)
        {
            IReadOnlyList<ScriptOperation> operations = ScriptParser.Parse(trace.Header!.Script);
            Assert.True(trace.Rows.Count == operations.Count, path);
            for (int k = 0; k < operations.Count; k++)
            {
                Assert.Equal(trace.Rows[k].Number, operations[k].Number);
                Assert.Equal(trace.Rows[k].Operation, operations[k].Text);
                Assert.Equal(trace.Rows[k].Process, operations[k].Process);
            }
        }
    }

    [Fact]
    public void Arguments_land_where_the_language_says()
    {
        Assert.Equal(Op("map A 8", OperationKind.Map) with { Count = 8 }, One("map A 8"));
        Assert.Equal(Op("@2 poke H 7 255", OperationKind.Poke) with { Process = 2, Region = 7, Page = 7, Value = 255 }, One("  @2 poke H 7 255\n"));
        Assert.Equal(Op("write A 1 0x1f", OperationKind.Write) with { Page = 1, Value = 31 }, One("write A 1 0x1f"));
        Assert.Equal(Op("write A 010 7", OperationKind.Write) with { Page = 8, Value = 7 }, One("write A 010 7"));
        Assert.Equal(Op("fork 3", OperationKind.Fork) with { Child = 3 }, One("fork 3"));
        Assert.Equal(Op("pageout B 2 3", OperationKind.Pageout) with { Region = 1, Page = 2, Count = 3 }, One("pageout B 2 3"));
        Assert.Equal(
            Op("mremap A 1 2 B 3 dontunmap", OperationKind.Mremap) with { Page = 1, Count = 2, TargetRegion = 1, TargetPage = 3, DontUnmap = true },
            One("mremap A 1 2 B 3 dontunmap"));
        Assert.Equal(
            Op("mprotect C 1 2 rw", OperationKind.Mprotect) with
            {
                Region = 2,
                Page = 1,
                Count = 2,
                Protection = ScriptProtection.Read | ScriptProtection.Write,
            },
            One("mprotect C 1 2 rw"));
        Assert.Equal(Op("mprotect C 1 2 none", OperationKind.Mprotect) with { Region = 2, Page = 1, Count = 2 }, One("mprotect C 1 2 none"));
        Assert.Equal(Op("pin 5 A 1 2", OperationKind.Pin) with { Resource = 5, Page = 1, Count = 2 }, One("pin 5 A 1 2"));
        Assert.Equal(Op("splice 15 B 4", OperationKind.Splice) with { Resource = 15, Region = 1, Page = 4 }, One("splice 15 B 4"));
        Assert.Equal(Op("unsplice 15", OperationKind.Unsplice) with { Resource = 15 }, One("unsplice 15"));
        Assert.Equal(Op("diowrite A 1 256", OperationKind.DioWrite) with { Page = 1, Value = 256 }, One("diowrite A 1 256"));
        Assert.Equal(
            Op("orders 4 inherit", OperationKind.Orders) with { Order = 4, Policy = FolioOrderPolicy.Inherit }, One("orders 4 inherit"));
        Assert.Equal(Op("uffdunwp A 1 3", OperationKind.UffdUnwp) with { Page = 1, Count = 3 }, One("uffdunwp A 1 3"));

        Assert.Equal(Op("migrate B 1 3", OperationKind.Migrate) with { Region = 1, Page = 1, Count = 3 }, One("migrate B 1 3"));

        static ScriptOperation Op(string text, OperationKind kind) => new() { Number = 1, Text = text, Kind = kind, Count = 1 };
    }

    [Fact]
    public void Comments_and_empty_lines_have_a_line_but_no_number()
    {
        IReadOnlyList<ScriptOperation> operations = ScriptParser.Parse(["# all", "", "   ", "nop # one", "reclaim"]);
        Assert.Equal([1, 2], operations.Select(operation => operation.Number));
        Assert.Equal("nop ", operations[0].Text);
    }

    [Fact]
    public void Every_operation_has_a_name_that_parses_back()
    {
        foreach (OperationKind kind in Enum.GetValues<OperationKind>())
        {
            string name = ScriptParser.NameOf(kind);
            OperationKind[] parsed =
            [
                .. SomeArguments
                    .Select(arguments => Try(name + arguments))
                    .OfType<ScriptOperation>()
                    .Select(operation => operation.Kind),
            ];
            Assert.NotEmpty(parsed);
            Assert.All(parsed, found => Assert.Equal(kind, found));
        }

        static object? Try(string line)
        {
            try
            {
                return One(line);
            }
            catch (ScriptException)
            {
                return null;
            }
        }
    }

    [Theory]
    [InlineData("frobnicate A 1", "unknown operation frobnicate")]
    [InlineData("@4 nop", "process @4")]
    [InlineData("@x nop", "process @x")]
    [InlineData("@1", "the operation is missing")]
    [InlineData("read", "the region is missing")]
    [InlineData("read I 0", "region I")]
    [InlineData("read A", "the number is missing")]
    [InlineData("read A x", "x is not a number")]
    [InlineData("read A 08", "08 is not a number")]
    [InlineData("read A 0x", "0x is not a number")]
    [InlineData("read A 99999999999999999999", "is not a number")]
    [InlineData("map A 0", "number of pages 0")]
    [InlineData("map A 2049", "number of pages 2049")]
    [InlineData("fork 4", "process 4")]
    [InlineData("pin 16 A 0 1", "16")]
    [InlineData("mprotect A 0 1 x", "protection x")]
    [InlineData("mremap A 0 1 B 0 dontmap", "dontmap is one word too many")]
    [InlineData("mremap A 0 2 B 2047", "beyond page 2048")]
    [InlineData("pageout A 0 1 2", "2 is one word too many")]
    [InlineData("orders 1 always", "order 1 is not 2 to 15")]
    [InlineData("orders 4 maybe", "policy maybe")]
    [InlineData("reclaim now", "now is one word too many")]
    public void A_wrong_line_is_named_with_what_is_wrong(string line, string problem)
    {
        ScriptException error = Assert.Throws<ScriptException>(() => ScriptParser.Parse(["nop", "# comment", line]));
        Assert.Equal(3, error.Line);
        Assert.StartsWith("line 3: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }
}
