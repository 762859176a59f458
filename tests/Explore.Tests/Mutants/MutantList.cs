namespace PageTableEmu.Explore.Tests.Mutants;

/// <summary>Reads <c>mutants.txt</c>, whose first lines say what it looks like.</summary>
internal static class MutantList
{
    internal static IReadOnlyList<Mutant> Read(string path)
    {
        List<Mutant> mutants = [];
        foreach (string block in File.ReadAllText(path).Split("\nmutant ")[1..])
            mutants.Add(Parse(mutants.Count + 1, block.Split('\n')));
        return mutants;
    }

    private static Mutant Parse(int number, string[] lines)
    {
        (string name, string what) = Halves(lines[0]);
        string race = "", reason = "", file = "", old = "";
        List<MutantEdit> edits = [];
        foreach (string line in lines[1..])
        {
            if (line.Length == 0 || line[0] == '#')
                continue;
            (string word, string rest) = Halves(line);
            switch (word)
            {
                case "race":
                    (race, reason) = Halves(rest);
                    break;
                case "file":
                    file = rest;
                    break;
                case "-":
                    old = Text(rest);
                    break;
                case "+":
                    string switched = $"PageTableEmu.Atomics.Mutant.Is({number})";
                    edits.Add(new MutantEdit(file, old, Text(rest).Replace("MUTANT", switched, StringComparison.Ordinal)));
                    break;
                default:
                    throw new FormatException($"Mutant {name}: '{line}' begins with none of race, file, - and +.");
            }
        }

        return new Mutant(number, name, what, race == "survives" ? null : race, reason, edits);
    }

    private static string Text(string text) => text.Replace("\\n", "\n", StringComparison.Ordinal);

    private static (string First, string Others) Halves(string line)
    {
        string[] halves = line.Split(' ', 2);
        return (halves[0], halves.Length == 1 ? "" : halves[1].TrimStart());
    }
}
