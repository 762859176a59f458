using System.Text.Json.Nodes;
using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

/// <summary>Every strict field, changed alone, must be noticed at its operation; what is free must not be.</summary>
public class ComparerTests
{
    [Theory]
    [InlineData("ret")]
    [InlineData("err")]
    [InlineData("val")]
    [InlineData("min")]
    [InlineData("maj")]
    [InlineData("used")]
    [InlineData("pswpin")]
    [InlineData("pswpout")]
    public void A_changed_number_of_an_operation_is_noticed(string field)
    {
        TraceText trace = TraceText.Load("core000.file");
        trace.Row(10)[field] = trace.Row(10)[field]!.GetValue<long>() + 1;
        AssertNoticed(trace, 10, field);
    }

    [Theory]
    [InlineData(0, "S", "kind")]
    [InlineData(1, 999, "identity")]
    [InlineData(2, 1, "bytes")]
    [InlineData(3, 1, "bytes")]
    [InlineData(4, 7, "mapcount")]
    [InlineData(5, "AB", "core")]
    [InlineData(6, "xw", "pagemap")]
    public void A_changed_field_of_a_present_page_is_noticed(int index, object value, string field)
    {
        TraceText trace = TraceText.Load("core000.file");
        trace.Page(9, 0, "A2")[index] = JsonValue.Create(value);
        Difference difference = AssertNoticed(trace, 9, field);
        Assert.Equal("A2", difference.Page);
        Assert.Equal(0, difference.Process);
    }

    [Theory]
    [InlineData(1, 2, "identity")]
    [InlineData(2, 1, "bytes")]
    [InlineData(3, 1, "bytes")]
    [InlineData(6, "w", "pagemap")]
    [InlineData(8, 0, "same")]
    public void A_changed_field_of_a_swapped_page_is_noticed(int index, object value, string field)
    {
        TraceText trace = TraceText.Load("core000.file");
        trace.Page(7, 0, "A0")[index] = JsonValue.Create(value);
        Assert.Equal("A0", AssertNoticed(trace, 7, field).Page);
    }

    [Fact]
    public void A_marker_is_compared_literally()
    {
        (string path, Trace found) = TestData.All.First(each =>
            each.Trace.Rows.Any(row => row.ProcessOf(0)?.Pages.Any(page => page.Kind == PageKind.Marker) == true));
        TraceRow row = found.Rows.First(each => each.ProcessOf(0)?.Pages.Any(page => page.Kind == PageKind.Marker) == true);
        PageRun marker = row.ProcessOf(0)!.Pages.First(page => page.Kind == PageKind.Marker);
        TraceText trace = TraceText.LoadFile(path);
        trace.Page(row.Number, 0, $"{Letters.OfRegion(marker.Region)}{marker.First}")[1] = 2;
        AssertNoticed(trace, row.Number, "identity");
    }

    [Fact]
    public void Pages_processes_sums_and_vmas_are_compared_as_sets()
    {
        Changed(row => row["procs"]!["0"]!["pages"]!.AsObject().Remove("A0"), "pages");
        Changed(row => row["procs"]!["0"]!["pages"]!["B1"] = JsonNode.Parse("""["P",0,0,0,0,"Z","","",0]"""), "pages");
        Changed(row => row["procs"]!.AsObject().Remove("0"), "processes");
        Changed(row => row["procs"]!["3"] = row["procs"]!["0"]!.DeepClone(), "processes");
        Changed(row => row["procs"]!["0"]!["merged"] = 1, "merged");
        Changed(row => row["procs"]!["0"]!["smaps"]!["A"]![12] = 4, "smaps");
        Changed(row => row["procs"]!["0"]!["smaps"]!.AsObject().Remove("A"), "smaps");
        Changed(row => row["procs"]!["0"]!["vma"]!["A"] = "0+4 rw-p nh", "vma");
        Changed(row => row["procs"]!["0"]!["vma"]!["A"] = "0+3 r--p nh", "vma");
        Changed(row => row["procs"]!["0"]!["vma"]!["A"] = "0+3 rw-p nh lo", "vma");
        Changed(row => row["procs"]!["0"]!["vma"]!["A"] = "0+2 rw-p nh; 2+1 rw-p nh", "vma");
        Changed(row => row["procs"]!["0"]!["vma"]!["B"] = "0+2 rw-p nh", "vma");
        Changed(row => row["cached"] = new JsonArray(1), "cached");

        static void Changed(Action<JsonNode> change, string field)
        {
            TraceText trace = TraceText.Load("core000.file");
            change(trace.Row(5));
            AssertNoticed(trace, 5, field);
        }
    }

    [Fact]
    public void What_is_free_is_not_compared()
    {
        Free(trace => trace.Row(5)["wb"] = 1);
        Free(trace => trace.Row(5)["op"] = "other");
        Free(trace => trace.Page(5, 0, "A0")[7] = "R");
        Free(trace => trace.Page(9, 0, "A1")[5] = "EBA");
        Free(trace => trace.Row(5)["procs"]!["0"]!["vma"]!["A"] = "0+3 rw-p nh xx");
        // Something sits in the swap cache from line 12 to line 15, so the device may be behind.
        Free(trace => trace.Page(12, 0, "A1")[2] = 1);

        static void Free(Action<TraceText> change)
        {
            TraceText trace = TraceText.Load("core000.file");
            change(trace);
            Assert.Null(TraceComparer.Compare(TestData.Read("core000.file"), trace.Parse()));
        }
    }

    [Fact]
    public void Unstable_notes_free_one_field_of_a_line_or_all_from_a_line_on()
    {
        Trace recorded = TestData.Read("core000.file");
        TraceText changed = TraceText.Load("core000.file");
        changed.Page(9, 0, "A1")[2] = 1;
        Assert.NotNull(Compare());
        Assert.Null(Compare(new UnstableNote(9, "bytes")));
        Assert.NotNull(Compare(new UnstableNote(8, "bytes")));
        Assert.NotNull(Compare(new UnstableNote(9, "used")));
        Assert.Null(Compare(new UnstableNote(9, "frame reuse")));
        Assert.NotNull(Compare(new UnstableNote(10, "frame reuse")));

        Difference? Compare(params UnstableNote[] notes) =>
            TraceComparer.Compare(recorded with { Unstable = notes }, changed.Parse());
    }

    [Fact]
    public void A_missing_operation_is_a_difference_of_the_whole()
    {
        Trace recorded = TestData.Read("core000.file");
        Difference? difference = TraceComparer.Compare(recorded, recorded with { Rows = [.. recorded.Rows.SkipLast(1)] });
        Assert.Equal(("operations", "41", "40"), (difference!.Field, difference.Expected, difference.Actual));
    }

    [Fact]
    public void Identities_are_compared_as_a_relation_not_as_numbers()
    {
        Trace recorded = TestData.Read("core007.file");
        Assert.Null(TraceComparer.Compare(recorded, Renumbered(identity => 5000 - identity)));
        Assert.Equal("identity", TraceComparer.Compare(recorded, Renumbered(identity => (identity + 1) / 2))!.Field);

        Trace Renumbered(Func<long, long> number)
        {
            TraceText trace = TraceText.Load("core007.file");
            trace.Renumber(number);
            return trace.Parse();
        }
    }

    private static Difference AssertNoticed(TraceText changed, int number, string field)
    {
        Difference? difference = TraceComparer.Compare(TraceReader.Read(changed.Path), changed.Parse());
        Assert.NotNull(difference);
        Assert.Equal((number, field), (difference.Number, difference.Field));
        return difference;
    }
}
