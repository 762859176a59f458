using System.Globalization;
using PageTableEmu.Explore.Tests.OtherProcesses;

namespace PageTableEmu.Explore.Tests.Mutants;

/// <summary>
/// A copy of the sources with some mutants in it, each off unless <c>PTEMU_MUTANT</c> is its number, and the command line built from that.
/// </summary>
internal sealed class MutantBuild : IDisposable
{
    private const string Switch = """
        namespace PageTableEmu.Atomics;

        internal static class Mutant
        {
            private static readonly int Chosen = int.Parse(System.Environment.GetEnvironmentVariable("PTEMU_MUTANT") ?? "0");

            internal static bool Is(int number) => Chosen == number;
        }
        """;

    private readonly CliBuild build;
    private readonly string directory = Directory.CreateTempSubdirectory("ptemu-mutants-").FullName;

    internal MutantBuild(IReadOnlyList<Mutant> mutants)
    {
        string root = CliBuild.Root;
        foreach (string file in Directory.GetFiles(root, "Directory.*.props").Append(Path.Combine(root, "global.json")))
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        CopySources(Path.Combine(root, "src"), Path.Combine(directory, "src"));
        string core = Path.Combine(directory, "src", "Core");
        File.WriteAllText(Path.Combine(core, "Atomics", "Mutant.cs"), Switch);
        Apply(core, mutants);
        build = new CliBuild(directory, "Release");
    }

    /// <summary>The mutants in groups of such as do not touch the same text: each group can be built at once.</summary>
    internal static IReadOnlyList<IReadOnlyList<Mutant>> Groups(IEnumerable<Mutant> mutants)
    {
        List<List<Mutant>> groups = [];
        List<Dictionary<string, List<(int Start, int End)>>> taken = [];
        Dictionary<string, string> texts = [];
        foreach (Mutant mutant in mutants)
        {
            (string File, int Start, int End)[] places = [.. mutant.Edits.Select(Place)];
            int index = taken.FindIndex(group => !places.Any(place => group.TryGetValue(place.File, out List<(int Start, int End)>? others)
                && others.Exists(other => place.Start < other.End && other.Start < place.End)));
            if (index < 0)
            {
                index = groups.Count;
                groups.Add([]);
                taken.Add([]);
            }

            groups[index].Add(mutant);
            foreach ((string file, int start, int end) in places)
            {
                if (!taken[index].TryGetValue(file, out List<(int Start, int End)>? list))
                    taken[index][file] = list = [];
                list.Add((start, end));
            }
        }

        return groups;

        (string File, int Start, int End) Place(MutantEdit edit)
        {
            if (!texts.TryGetValue(edit.File, out string? text))
                texts[edit.File] = text = File.ReadAllText(Path.Combine(CliBuild.Root, "src", "Core", edit.File));
            int start = edit.PlaceIn(text);
            return (edit.File, start, start + edit.Old.Length);
        }
    }

    /// <summary>The list of mutants.</summary>
    internal static string ListPath => Path.Combine(CliBuild.Root, "tests", "Explore.Tests", "Mutants", "mutants.txt");

    public void Dispose()
    {
        build.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    /// <summary>Explores a race's repaired models with one mutant on (0: none). The exit code is 1 when the explorer has found something.</summary>
    internal (int Code, string Output) Explore(int mutant, string race, params string[] more) =>
        build.Call(["race", "explore", race, "--model", "after", .. more], ("PTEMU_MUTANT", mutant.ToString(CultureInfo.InvariantCulture)));

    private static void CopySources(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (string child in Directory.GetDirectories(from))
        {
            if (Path.GetFileName(child) is not ("bin" or "obj"))
                CopySources(child, Path.Combine(to, Path.GetFileName(child)));
        }
    }

    /// <summary>Replaces from the end of each file, so that places stay where they are.</summary>
    private static void Apply(string core, IReadOnlyList<Mutant> mutants)
    {
        foreach (IGrouping<string, MutantEdit> file in mutants.SelectMany(mutant => mutant.Edits).GroupBy(edit => edit.File))
        {
            string path = Path.Combine(core, file.Key);
            string text = File.ReadAllText(path);
            foreach ((int start, MutantEdit edit) in file.Select(edit => (edit.PlaceIn(text), edit)).OrderByDescending(pair => pair.Item1))
                text = text[..start] + edit.New + text[(start + edit.Old.Length)..];
            File.WriteAllText(path, text);
        }
    }
}
