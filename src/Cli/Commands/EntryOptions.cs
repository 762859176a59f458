using System.CommandLine;
using System.CommandLine.Parsing;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Commands;

/// <summary>Options that the commands about entries share.</summary>
internal sealed class EntryOptions
{
    private static readonly Dictionary<string, int> Levels = new() { ["pte"] = 1, ["pmd"] = 2, ["pud"] = 3 };

    private static readonly Dictionary<string, KernelVersion> Kernels = new()
    {
        ["6.1"] = KernelVersion.Linux61,
        ["6.12"] = KernelVersion.Linux612,
        ["7.2"] = KernelVersion.Linux72,
    };

    private static readonly Dictionary<string, SwapTypeOptions> Groups = new()
    {
        ["memory-failure"] = SwapTypeOptions.MemoryFailure,
        ["device-private"] = SwapTypeOptions.DevicePrivate,
        ["migration"] = SwapTypeOptions.Migration,
        ["pte-marker"] = SwapTypeOptions.PteMarker,
    };

    private readonly Option<string> level = new("--level")
    {
        Description = "Level of the table that the words come from.",
        DefaultValueFactory = _ => "pte",
    };

    private readonly Option<string> kernel = new("--kernel")
    {
        Description = "Kernel whose numbering of special types applies.",
        DefaultValueFactory = _ => "7.2",
    };

    private readonly Option<string[]> without = new("--without")
    {
        Description = $"Configuration options that are off, separated by commas: {string.Join(", ", Groups.Keys)}.",
        AllowMultipleArgumentsPerToken = false,
    };

    /// <summary>Makes the options.</summary>
    public EntryOptions()
    {
        level.AcceptOnlyFromAmong([.. Levels.Keys]);
        kernel.AcceptOnlyFromAmong([.. Kernels.Keys]);
        without.Validators.Add(result =>
        {
            foreach (string unknown in Split(result.Tokens.Select(token => token.Value)).Where(name => !Groups.ContainsKey(name)))
                result.AddError($"option '{unknown}' is none of {string.Join(", ", Groups.Keys)}");
        });
    }

    /// <summary>The architecture, by name.</summary>
    /// <param name="withSwapOnly">Whether those will do of which only the swap entries are known.</param>
    public static Option<string> Architecture(bool withSwapOnly = false)
    {
        var option = new Option<string>("--arch") { Description = "Architecture.", Required = true };
        option.AcceptOnlyFromAmong([.. Architectures.Names, .. withSwapOnly ? SwapFormats.Names : []]);
        return option;
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(level);
        AddNumberingTo(command);
    }

    /// <summary>Adds only the options that decide the numbering of special types.</summary>
    public void AddNumberingTo(Command command)
    {
        command.Options.Add(kernel);
        command.Options.Add(without);
    }

    /// <summary>Level of the entries, 1 to 3.</summary>
    public int LevelOf(ParseResult line) => Levels[line.GetValue(level)!];

    /// <summary>Level of the entries while the line is still being checked.</summary>
    public int LevelOf(CommandResult line) => Levels.GetValueOrDefault(line.GetValue(level) ?? "pte", 1);

    /// <summary>The numbering of special types that the options ask for.</summary>
    /// <param name="line">The command line.</param>
    /// <param name="usual">Options that are on in a usual kernel of the architecture.</param>
    public SwapTypeLayout TypesOf(ParseResult line, SwapTypeOptions usual)
    {
        foreach (string name in Split(line.GetValue(without) ?? []))
            usual &= ~Groups[name];
        return SwapTypeLayout.For(Kernels[line.GetValue(kernel)!], usual);
    }

    private static IEnumerable<string> Split(IEnumerable<string> lists) =>
        lists.SelectMany(list => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
