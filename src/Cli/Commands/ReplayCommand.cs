using System.CommandLine;
using System.CommandLine.Parsing;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Cli.Replaying;
using PageTableEmu.Paging;
using PageTableEmu.Replay;
using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Running;
using PageTableEmu.Tags;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu replay</c>: recordings against our machine, or a script turned into observations.</summary>
internal static class ReplayCommand
{
    /// <summary>Makes the command.</summary>
    /// <param name="machines">Makes the machines.</param>
    /// <param name="input">Standard input; the console's when not given.</param>
    public static Command Create(IReplayMachineFactory machines, TextReader? input = null)
    {
        Argument<string[]> paths = new("path")
        {
            Description = "Trace files or folders of them; with --emit one script, or - for standard input.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<bool> verify = new("--verify") { Description = "Check every invariant of the machine after every operation." };
        Option<bool> json = new("--json") { Description = "One JSON object a trace and one for the sums, a line each." };
        Option<bool> emit = new("--emit")
        {
            Description = "Run a script and print what the machine shows after each operation, in the traces' form.",
        };
        Option<Backend?> backend = new("--backend")
        {
            Description = "Swap device for --emit: zram or file.",
            CustomParser = result => Parse(result),
        };
        backend.HelpName = "zram|file";
        Option<string> arch = new("--arch")
        {
            Description = "Architecture of the machine.",
            DefaultValueFactory = _ => ReplayMachines.RecordedArchitecture,
        };
        arch.AcceptOnlyFromAmong(Architectures.Names);
        Option<bool> tags = new("--tags")
        {
            Description = "All mappings check tags, every store tags its page; with --verify tags are compared after every operation.",
        };
        Option<bool> rate = new("--rate")
        {
            Description = "Compare nothing: perform the operations without a look at the machine, and say how many there are in a second.",
        };
        Command command = new("replay", "Replay recordings of a real kernel on our machine and compare every observation.")
        {
            paths, verify, json, emit, backend, arch, tags, rate,
        };
        command.Validators.Add(result =>
        {
            bool emits = result.GetValue(emit);
            if (emits && result.GetResult(backend) is null)
                result.AddError("--emit needs --backend zram or --backend file");
            if (emits && result.GetResult(paths) is { Tokens.Count: not 1 })
                result.AddError("--emit takes one script");
            if (!emits && result.GetResult(backend) is not null)
                result.AddError("--backend goes with --emit; a trace names its own");
            if (result.GetValue(rate) && (emits || result.GetValue(verify)))
                result.AddError("--rate looks at nothing: it goes with neither --emit nor --verify");
            if (result.GetValue(tags) && !Architectures.Tagged.Contains(result.GetValue(arch)))
                result.AddError($"--tags goes with --arch {string.Join(" or ", Architectures.Tagged)}");
        });
        command.SetAction(line =>
        {
            ReplayOutput output = new(line.InvocationConfiguration);
            bool verifies = line.GetValue(verify);
            string[] given = line.GetValue(paths)!;
            string architecture = line.GetValue(arch)!;
            IReplayMachineFactory factory =
                architecture == ReplayMachines.RecordedArchitecture ? machines : MachinesOf.Make(architecture, line.GetValue(tags));
            if (line.GetValue(rate))
                return ReplayRates.Run(factory, given, line.GetValue(json), output);
            return line.GetValue(emit)
                ? new ScriptEmission(factory, verifies, output).Run(given[0], line.GetValue(backend)!.Value, input ?? Console.In)
                : Compare(factory, verifies, given, line.GetValue(json), architecture, output);
        });
        return command;
    }

    private static Backend? Parse(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "zram":
                return Backend.Zram;
            case "file":
                return Backend.File;
            default:
                result.AddError($"backend {result.Tokens[0].Value} is neither zram nor file");
                return null;
        }
    }

    /// <summary>What is wrong with an input; most messages name their file themselves.</summary>
    private static string Describe(TraceResult result) =>
        result.Message is { } text && text.Contains(result.Path, StringComparison.Ordinal) ? text : $"{result.Path}: {result.Message}";

    private static int Compare(IReplayMachineFactory machines, bool verify, string[] given, bool json, string architecture, ReplayOutput output)
    {
        var replay = new TraceReplay(machines, verify);
        IReadOnlyList<string> paths;
        try
        {
            paths = ReplayRunner.FindTraces(given);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            output.Error(e.Message);
            return ExitCode.Usage;
        }

        IReadOnlyList<TraceResult> results = output.WithProgress(paths.Count, done => ReplayRunner.Run(replay, paths, _ => done()));
        if (json)
            ReplayJson.Write(output, results);
        else
            ReplayReport.Write(output, results, architecture, machines.MinorFaultsAreComparable);
        foreach (TraceResult result in results.Where(result => result.Verdict == TraceVerdict.InputError))
            output.Error(Describe(result));
        return results.Any(result => result.Verdict == TraceVerdict.InputError) ? ExitCode.Usage
            : results.Any(result => !result.IsGood) ? ExitCode.Difference
            : ExitCode.Ok;
    }

    private sealed class MachinesOf : IArchitectureAction<IReplayMachineFactory>, ITaggedArchitectureAction<IReplayMachineFactory>
    {
        public static IReplayMachineFactory Make(string architecture, bool tags) =>
            tags && Architectures.TryInvokeWithTags(architecture, new MachinesOf(), out IReplayMachineFactory tagged)
                ? tagged
                : Architectures.Invoke(architecture, new MachinesOf());

        public IReplayMachineFactory Invoke<TArch, TFormat>()
            where TArch : struct, IArchitecture, IEntryNames
            where TFormat : struct, ITagFormat => new TaggedReplayMachines<TArch, TFormat>();

        public IReplayMachineFactory Invoke<TArch>()
            where TArch : struct, IArchitecture, IEntryNames => new ReplayMachines<TArch>();
    }
}
