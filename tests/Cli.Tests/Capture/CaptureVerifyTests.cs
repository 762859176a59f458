using System.Text.Json;
using PageTableEmu.Cli.Capture;
using PageTableEmu.Cli.Commands;

namespace PageTableEmu.Cli.Tests.Capture;

/// <summary>The page tables of two running guests, with four and five levels, against the guests' own account.</summary>
public sealed class CaptureVerifyTests
{
    public static TheoryData<string, int, int, int> Captures => new()
    {
        { "wl1-4level", 917, 21, 2 },
        { "wl2-5level-1g", 4287, 520, 1 },
    };

    private static string Data
    {
        get
        {
            string? folder = AppContext.BaseDirectory;
            while (folder is not null && !Directory.Exists(Path.Combine(folder, "tests", "data", "livevm")))
                folder = Path.GetDirectoryName(folder);
            return Path.Combine(folder ?? throw new DirectoryNotFoundException("tests/data/livevm"), "tests", "data", "livevm");
        }
    }

    [Theory]
    [MemberData(nameof(Captures))]
    public void Every_value_of_a_capture_is_what_the_guest_said(string name, int pages, int migrations, int processes)
    {
        CaptureFiles capture = CaptureFiles.Read(Path.Combine(Data, name));
        Assert.Equal((pages, migrations, processes), (capture.Truth.Count, capture.Migrations.Count, capture.Roots.Count));
        CaptureReport report = CaptureCommand.Verify(capture);
        Assert.Equal([], report.Differences);
        foreach (string rule in new[] { "frame or swap slot", "uffd-wp", "soft-dirty", "translate agrees with walk" })
            Assert.Equal((pages, 0), report.Checks[rule]);
        Assert.Equal((pages - report.Kinds.GetValueOrDefault("present, level 3"), 0), report.Checks["page flags and count"]);
        Assert.Equal((migrations, 0), report.Checks["migration frame"]);
        Assert.Equal((migrations, 0), report.Checks["migration entry found by the walk"]);
        Assert.True(report.Checks["one content for one place"].Checked > 100);
        Assert.True(report.Checks["cursor and account agree"].Checked > 100);
        Assert.Contains(report.Kinds, kind => kind.Key.StartsWith("swap type", StringComparison.Ordinal));
    }

    [Fact]
    public void The_root_of_another_process_gives_mismatches()
    {
        CaptureFiles capture = CaptureFiles.Read(Path.Combine(Data, "wl1-4level"));
        capture.Roots[2] = capture.Roots[1];
        CaptureReport report = CaptureCommand.Verify(capture);
        Assert.True(report.Checks["frame or swap slot"].Wrong >= 50, $"only {report.Checks["frame or swap slot"].Wrong} values differ");
    }

    [Theory]
    [InlineData(9)] // lowest bit of the offset
    [InlineData(30)]
    [InlineData(58)] // highest
    [InlineData(59)] // lowest bit of the type
    public void Flipped_bits_of_swap_entries_are_found_each(int bit)
    {
        CaptureFiles capture = CaptureFiles.Read(Path.Combine(Data, "wl1-4level"));
        var swapped = capture.Tables.Select((row, at) => (row, at))
            .Where(item => item.row.Level == 1 && (item.row.Raw & 0x101) == 0).Take(5).ToList();
        Assert.Equal(5, swapped.Count);
        foreach ((TableRow row, int at) in swapped)
            capture.Tables[at] = row with { Raw = row.Raw ^ (1UL << bit) };
        Assert.Equal(5, CaptureCommand.Verify(capture).Checks["frame or swap slot"].Wrong);
    }

    [Fact]
    public void Marks_that_are_wrong_are_found()
    {
        CaptureFiles capture = CaptureFiles.Read(Path.Combine(Data, "wl1-4level"));
        for (int at = 0; at < capture.Tables.Count; at++)
        {
            TableRow row = capture.Tables[at];
            if (row.Level == 1 && (row.Raw & 0x101) == 0)
                capture.Tables[at] = row with { Raw = row.Raw | 0xc }; // every slot exclusive and write-protected
        }

        CaptureReport report = CaptureCommand.Verify(capture);
        Assert.Equal(99, report.Checks["exclusive only if alone"].Wrong);
        Assert.True(report.Checks["uffd-wp"].Wrong > 200);
    }

    [Fact]
    public void The_command_counts_in_text_and_json_and_tells_by_its_exit_code()
    {
        string folder = Path.Combine(Data, "wl1-4level");
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(0, CaptureCommand.Run([folder], false, output, error));
        Assert.Contains("4 levels", output.ToString(), StringComparison.Ordinal);
        output.GetStringBuilder().Clear();
        Assert.Equal(0, CaptureCommand.Run([folder], true, output, error));
        using JsonDocument json = JsonDocument.Parse(output.ToString());
        Assert.Equal(0, json.RootElement.GetProperty("mismatches").GetInt32());
        Assert.Equal(917, json.RootElement.GetProperty("rules").GetProperty("uffd-wp").GetProperty("checked").GetInt32());
        Assert.Equal(string.Empty, error.ToString());
        Assert.Equal(2, CaptureCommand.Run([Path.Combine(Data, "missing")], false, output, error));
        Assert.Contains("tables.csv", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_capture_with_a_wrong_page_ends_with_code_1_and_a_broken_line_is_named()
    {
        string folder = Directory.CreateTempSubdirectory("capture").FullName;
        try
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(Data, "wl1-4level"), "*.csv"))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            string truth = Path.Combine(folder, "truth.csv");
            string text = File.ReadAllText(truth);
            File.WriteAllText(truth, text.Replace("1,401000,a080000000017fc0", "1,401000,a080000000017fc1", StringComparison.Ordinal));
            using var output = new StringWriter();
            using var error = new StringWriter();
            Assert.Equal(1, CaptureCommand.Run([folder], false, output, error));
            Assert.Contains("1 mismatches", output.ToString(), StringComparison.Ordinal);
            File.AppendAllText(truth, "1,xyz,0,0,0\n");
            Assert.Equal(2, CaptureCommand.Run([folder], false, output, error));
            Assert.Contains("truth.csv:919", error.ToString(), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
