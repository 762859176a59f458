using System.Reflection;
using System.Text.RegularExpressions;
using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.AtomicAccess;

/// <summary>Reads the repository's text: what the house rules say about every file.</summary>
public sealed partial class TidyTests
{
    private const int LongestLine = 150;
    private const int LongestFile = 700;
    private const int Near = 8; // lines between an unsafe member and the comment that justifies it

    /// <summary>A floor uses those with lower numbers. The code in src/Core itself is the top.</summary>
    private static readonly Dictionary<string, int> Floors = new()
    {
        ["Atomics"] = 1,
        ["Platform"] = 1,
        ["Image"] = 2,
        ["Paging"] = 3,
        ["Swap"] = 3,
        ["Tags"] = 4,
        ["Leaves"] = 5,
        ["Mm"] = 6,
        ["Reclaim"] = 7,
        ["Verification"] = 7,
    };

    /// <summary>Neighbours on one floor of which the first may use the second, and never the other way.</summary>
    private static readonly (string User, string Used)[] Neighbours = [("Paging", "Swap")];

    [Fact]
    public void NoLineAndNoFile_IsTooLong() => Check(["src", "tests", "bench"], file =>
        Numbered(file.Lines).Where(line => line.Text.Length > LongestLine).Select(line => $"{line.Number}: {line.Text.Length} characters")
            .Concat(file.Lines.Length > LongestFile ? [$"{file.Lines.Length} lines"] : []));

    [Fact]
    public void NothingIsLeftForLater() => Check(["src", "tests", "bench"], file =>
        Numbered(file.Lines).Where(line => Later().IsMatch(line.Text)).Select(line => $"{line.Number}: {line.Text.Trim()}"));

    [Fact]
    public void EveryUnsafeMember_SaysWhyItIsSafe() => Check(["src", "bench"], file =>
        Numbered(file.Code).Where(line => UnsafeKeyword().IsMatch(line.Text) && !IsJustified(file, line.Number - 1))
            .Select(line => $"{line.Number}: {line.Text.Trim()}"));

    [Fact]
    public void EveryFile_HasAtMostOnePublicType() => Check(["src"], file =>
        file.Code.Count(line => PublicType().IsMatch(line)) is > 1 and var count ? [$"{count} public types"] : []);

    [Fact]
    public void EveryFolder_IsItsNamespace() => Check(["src/Core"], file =>
        file.Code.Select(line => Namespace().Match(line)).FirstOrDefault(match => match.Success) is { } found
        && found.Groups[1].Value is var declared && declared.StartsWith("PageTableEmu", StringComparison.Ordinal)
        && declared.Replace('.', '/') != file.Folder.Replace("src/Core", "PageTableEmu", StringComparison.Ordinal)
            ? [$"namespace {declared}"] : []);

    [Fact]
    public void EveryFloor_UsesOnlyThoseBelow() => Check(["src/Core"], file =>
    {
        string[] parts = file.Name.Split('/');
        string own = parts.Length > 3 ? parts[2] : "";
        int floor = own.Length == 0 ? 8 : Floors.GetValueOrDefault(own, 0);
        if (floor == 0)
            return [$"folder {own} has no floor"];
        return file.Code.SelectMany(line => Mention().Matches(line)).Select(match => match.Groups[1].Value).Distinct()
            .Where(used => used != own && Floors.TryGetValue(used, out int other)
                && (other > floor || (other == floor && !Neighbours.Contains((own, used)))))
            .Select(used => $"floor {floor} ({own}) uses floor {Floors[used]} ({used})");
    });

    /// <summary>The plan in ARCHITECTURE.md has every project, every floor, and the folders of the two largest.</summary>
    [Fact]
    public void EveryFolder_IsInThePlan()
    {
        string plan = File.ReadAllText(Path.Combine(SourceFile.Root, "ARCHITECTURE.md"));
        plan = plan[plan.IndexOf("```", StringComparison.Ordinal)..plan.LastIndexOf("```", StringComparison.Ordinal)];
        string[] parents = ["src", "src/Core", "src/Core/Mm", "src/Core/Reclaim"];
        IEnumerable<string> folders = parents
            .SelectMany(folder => Directory.GetDirectories(Path.Combine(SourceFile.Root, folder)))
            .Where(folder => Directory.EnumerateFiles(folder, "*.cs*").Any() || Directory.EnumerateDirectories(folder).Count() > 2)
            .Select(folder => Path.GetFileName(folder)!).Where(name => name is not ("bin" or "obj"));
        Assert.All(folders, name => Assert.Matches($@"(?m)\b{Regex.Escape(name)}[/:]", plan));
    }

    [Fact]
    public void EverySwitchOfAModel_IsInTheListOfModels()
    {
        string list = File.ReadAllText(Path.Combine(SourceFile.Root, "docs/models.md"));
        IEnumerable<string> switches = typeof(IModel).GetProperties(BindingFlags.Static | BindingFlags.Public).Select(property => property.Name)
            .Where(name => name is not (nameof(IModel.Checked) or nameof(IModel.Explored)));
        Assert.All(switches, name => Assert.Matches($"[|] `{name}` [|]|`{name}` is no rule", list));
    }

    private static bool IsJustified(SourceFile file, int line)
    {
        bool isType = UnsafeType().IsMatch(file.Code[line]);
        int first = isType ? 0 : Math.Max(0, line - Near);
        int last = isType ? file.Lines.Length - 1 : Math.Min(file.Lines.Length - 1, line + Near);
        for (int index = first; index <= last; index++)
        {
            if (SafetyComment().IsMatch(file.Lines[index]))
                return true;
        }

        return false;
    }

    private static IEnumerable<(int Number, string Text)> Numbered(string[] lines) => lines.Select((text, index) => (index + 1, text));

    private static void Check(string[] folders, Func<SourceFile, IEnumerable<string>> violations)
    {
        List<string> all = [.. SourceFile.All(folders).SelectMany(file => violations(file).Select(what => $"{file.Name}: {what}"))];
        Assert.True(all.Count == 0, string.Join(Environment.NewLine, all));
    }

    [GeneratedRegex(@"\b(TO" + @"DO|FIX" + @"ME|XX" + @"X)\b")]
    private static partial Regex Later();

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex UnsafeKeyword();

    [GeneratedRegex(@"\bunsafe\b.*\b(class|struct|interface|record)\b")]
    private static partial Regex UnsafeType();

    [GeneratedRegex(@"//.*\b[Ss]afe\b")]
    private static partial Regex SafetyComment();

    [GeneratedRegex(@"^public\s+((static|sealed|abstract|readonly|unsafe|partial|ref)\s+)*(class|struct|record|interface|enum|delegate)\b")]
    private static partial Regex PublicType();

    [GeneratedRegex(@"^namespace\s+([\w.]+)")]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\bPageTableEmu\.(\w+)")]
    private static partial Regex Mention();
}
