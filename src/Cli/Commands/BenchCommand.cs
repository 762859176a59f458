using System.CommandLine;
using PageTableEmu.Cli.Encodings;
using PageTableEmu.Cli.Entries;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu bench encodings</c>: the laboratory in which formats of swap entries are measured beside each other.</summary>
internal static class BenchCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create() => new("bench", "Measure on this machine.") { CreateEncodings() };

    private static Command CreateEncodings()
    {
        Option<FileInfo[]> assemblies = new("--assembly")
        {
            Description = "An assembly with formats of your own: structs that implement ISwapFormat. None is measured when one breaks a law.",
        };
        Option<bool> json = new("--json") { Description = "One JSON object a format, a line each." };
        Option<FileInfo?> html = new("--html") { Description = "A page with bars, written to this file." };
        Option<int> rounds = new("--rounds")
        {
            Description = "How often everything is measured. 11 take about a minute; 1 only shows that all is well.",
            DefaultValueFactory = _ => 11,
        };
        Option<double> milliseconds = new("--time") { Description = "Milliseconds of each thing in a round.", DefaultValueFactory = _ => 1.0 };
        rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--rounds is 1 or more.");
        });
        milliseconds.Validators.Add(result =>
        {
            if (!(result.GetValueOrDefault<double>() is > 0 and <= 60_000))
                result.AddError("--time is more than 0 and up to 60000.");
        });
        Command command = new("encodings", "Compare formats of swap entries: ours, trials that vary one choice, and your own.")
        {
            assemblies, json, html, rounds, milliseconds,
        };
        command.SetAction(line =>
        {
            TextWriter output = line.InvocationConfiguration.Output;
            TextWriter errors = line.InvocationConfiguration.Error;
            PageFile.Probe(line.GetValue(html)?.FullName);
            EncodingSubject[] subjects = [.. EncodingSubjects.Ours(), .. EncodingSubjects.Trials()];
            try
            {
                subjects = [.. subjects, .. EncodingSubjects.Of((line.GetValue(assemblies) ?? []).Select(file => file.FullName), subjects)];
            }
            catch (InputException error)
            {
                errors.WriteLine($"ptemu: {error.Message}");
                return ExitCode.Usage;
            }

            string[] broken = [.. EncodingSubjects.Complaints(subjects)];
            foreach (string complaint in broken)
                errors.WriteLine($"ptemu: {complaint}");
            if (broken.Length != 0)
                return ExitCode.Difference;
            IReadOnlyList<EncodingResult> results = new EncodingLab(subjects, line.GetValue(rounds), line.GetValue(milliseconds)).Run();

            if (line.GetValue(html) is { } file)
                File.WriteAllText(file.FullName, EncodingPage.Write(results));
            if (line.GetValue(json))
            {
                foreach (EncodingResult result in results)
                    output.WriteLine(EncodingOutput.Json(result));
            }
            else if (line.GetValue(html) is null)
            {
                EncodingOutput.WriteTable(results, output);
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
