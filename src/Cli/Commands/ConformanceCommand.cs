using System.CommandLine;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Conformance;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu conformance</c>: the laws that architectures must obey, tried on one.</summary>
internal static class ConformanceCommand
{
    private const int Pte = 1;
    private const int Pmd = 2;

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        Argument<string> name = new("architecture") { Description = "Architecture." };
        name.AcceptOnlyFromAmong([.. Architectures.Names, .. SwapFormats.Names]);
        Option<bool> json = new("--json") { Description = "One JSON object a law, a line each." };
        Command command = new("conformance", "Try every law on an architecture.") { name, json };
        command.SetAction(line =>
        {
            ConformanceReport[] reports = [.. Run(line.GetValue(name)!)];
            TextWriter output = line.InvocationConfiguration.Output;
            foreach (LawResult result in reports.SelectMany(report => report.Results))
                output.WriteLine(line.GetValue(json) ? Json(result) : result.ToString());
            if (!line.GetValue(json))
            {
                foreach (ConformanceReport report in reports)
                    output.WriteLine(report.Summary);
            }

            return reports.All(report => report.Conforms) ? ExitCode.Ok : ExitCode.Difference;
        });
        return command;
    }

    private static IEnumerable<ConformanceReport> Run(string name)
    {
        if (!SwapFormats.Names.Contains(name))
        {
            yield return Architectures.Invoke(name, new Kit());
            if (Architectures.TryInvokeWithTags(name, new TagKit(), out ConformanceReport tags))
                yield return tags;
            yield break;
        }

        yield return SwapFormats.Invoke(name, Pte, new Kit());
        if (SwapFormats.HasLevel(name, Pmd))
            yield return SwapFormats.Invoke(name, Pmd, new Kit());
    }

    private static string Json(LawResult result) => EntryJson.WriteObject(writer =>
    {
        writer.WriteString("architecture", result.Subject);
        writer.WriteString("law", result.Law);
        writer.WriteString("says", result.Says);
        writer.WriteString("outcome", result.Outcome switch { LawOutcome.Passed => "passed", LawOutcome.Failed => "failed", _ => "not run" });
        writer.WriteNumber("comparisons", result.Cases);
        if (result.Failure is not { } failure)
            return;
        writer.WriteString("problem", failure.Problem);
        writer.WriteString("inputs", failure.Inputs);
        writer.WriteString("expected", $"{failure.Expected:x16}");
        writer.WriteString("actual", $"{failure.Actual:x16}");
    });

    private sealed class TagKit : ITaggedArchitectureAction<ConformanceReport>
    {
        public ConformanceReport Invoke<TArch, TFormat>()
            where TArch : struct, IArchitecture, IEntryNames
            where TFormat : struct, ITagFormat => TagProviderConformance.Run<TArch>();
    }

    private sealed class Kit : IArchitectureAction<ConformanceReport>, ISwapFormatAction<ConformanceReport>
    {
        public ConformanceReport Invoke<TArch>()
            where TArch : struct, IArchitecture, IEntryNames => ArchitectureConformance.Run<TArch>();

        public ConformanceReport InvokeFormat<TFormat>()
            where TFormat : struct, ISwapOnlyFormat => SwapFormatConformance.Run<TFormat>();
    }
}
