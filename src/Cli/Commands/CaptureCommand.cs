using System.CommandLine;
using System.Text.Json;
using PageTableEmu.Arch.X64;
using PageTableEmu.Cli.Capture;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu capture</c>: page tables of running kernels.</summary>
internal static class CaptureCommand
{
    private const int ShownDifferences = 20;

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        Argument<string[]> folders = new("dir")
        {
            Description = "Capture folders: tables.csv, truth.csv, vmas.csv, migration.csv, contents.csv.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<bool> json = new("--json") { Description = "One JSON object a capture, a line each." };
        Command verify = new("verify", "Decode the page tables of a running Linux guest and compare with what its own kernel said.")
        {
            folders,
            json,
        };
        verify.SetAction(line =>
        {
            InvocationConfiguration streams = line.InvocationConfiguration;
            return Run(line.GetValue(folders)!, line.GetValue(json), streams.Output, streams.Error);
        });
        return new Command("capture", "Work on page tables captured from running kernels.") { verify };
    }

    /// <summary>Verifies captures.</summary>
    /// <returns>0 when nothing differs, 1 when something does, 2 when a capture cannot be read.</returns>
    internal static int Run(IEnumerable<string> folders, bool json, TextWriter output, TextWriter error)
    {
        int exit = ExitCode.Ok;
        foreach (string folder in folders)
        {
            try
            {
                CaptureFiles capture = CaptureFiles.Read(folder);
                CaptureReport report = Verify(capture);
                if (json)
                    output.WriteLine(ToJson(report));
                else
                    Write(report, output);
                exit = Math.Max(exit, report.Mismatches == 0 ? ExitCode.Ok : ExitCode.Difference);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
            {
                error.WriteLine($"ptemu: {e.Message}");
                exit = ExitCode.Usage;
            }
        }

        return exit;
    }

    /// <summary>Verifies a capture with the formats of its number of levels.</summary>
    internal static CaptureReport Verify(CaptureFiles capture) =>
        capture.FiveLevels ? CaptureVerifier<X64FiveLevel>.Verify(capture) : CaptureVerifier<X64FourLevel>.Verify(capture);

    private static void Write(CaptureReport report, TextWriter output)
    {
        output.WriteLine($"{report.Path}: {report.Levels} levels, {report.Checked} values checked, {report.Mismatches} mismatches");
        foreach ((string rule, (int done, int wrong)) in report.Checks)
            output.WriteLine($"  {rule,-34} {done,6} checked {wrong,6} wrong");
        foreach ((string kind, int count) in report.Kinds)
            output.WriteLine($"  {kind,-34} {count,6} pages");
        foreach (string difference in report.Differences.Take(ShownDifferences))
            output.WriteLine($"  ! {difference}");
        if (report.Mismatches > ShownDifferences)
            output.WriteLine($"  ! and {report.Mismatches - ShownDifferences} more");
    }

    private static string ToJson(CaptureReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("capture", report.Path);
            json.WriteNumber("levels", report.Levels);
            json.WriteNumber("checked", report.Checked);
            json.WriteNumber("mismatches", report.Mismatches);
            json.WriteStartObject("rules");
            foreach ((string rule, (int done, int wrong)) in report.Checks)
            {
                json.WriteStartObject(rule);
                json.WriteNumber("checked", done);
                json.WriteNumber("wrong", wrong);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteStartObject("kinds");
            foreach ((string kind, int count) in report.Kinds)
                json.WriteNumber(kind, count);
            json.WriteEndObject();
            json.WriteStartArray("differences");
            foreach (string difference in report.Differences)
                json.WriteStringValue(difference);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
