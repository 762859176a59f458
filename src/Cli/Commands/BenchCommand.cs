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
            Description = "An assembly with formats of your own: structs that implement ISwapFormat.",
        };
        Option<bool> json = new("--json") { Description = "One JSON object a format, a line each." };
        Option<FileInfo?> html = new("--html") { Description = "A page with bars, written to this file." };
        Option<int> rounds = new("--rounds") { Description = "How often everything is measured.", DefaultValueFactory = _ => 11 };
        Option<double> milliseconds = new("--time") { Description = "Milliseconds of each thing in a round.", DefaultValueFactory = _ => 1.0 };
        rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--rounds is 1 or more.");
        });
        Command command = new("encodings", "Compare formats of swap entries: ours, trials that vary one choice, and your own.")
        {
            assemblies, json, html, rounds, milliseconds,
        };
        command.SetAction(line =>
        {
            TextWriter output = line.InvocationConfiguration.Output;
            IReadOnlyList<EncodingResult> results;
            try
            {
                EncodingSubject[] own = [.. (line.GetValue(assemblies) ?? []).SelectMany(file => EncodingSubjects.Of(file.FullName))];
                EncodingSubject[] subjects = [.. EncodingSubjects.Ours(), .. EncodingSubjects.Trials(), .. own];
                results = new EncodingLab(subjects, line.GetValue(rounds), line.GetValue(milliseconds)).Run();
            }
            catch (InputException error)
            {
                line.InvocationConfiguration.Error.WriteLine($"ptemu: {error.Message}");
                return ExitCode.Usage;
            }

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
