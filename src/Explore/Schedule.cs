using System.Globalization;
using System.Text;

namespace PageTableEmu.Explore;

/// <summary>
/// Which actor runs when, on one line: <c>F1:12 F2 R F1 | 31=1</c>. A part names an actor and the number of shared accesses after which it is
/// stopped; without a number it runs until it waits or has finished. <c>!</c> after the number: it is stopped for ever. Behind the bar stand
/// loads and stores that a weak memory order made otherwise: number of the decision from the beginning, and the alternative.
/// </summary>
/// <example>
/// <code>
/// string[] names = ["Reader", "Writer"];
/// Schedule schedule = Schedule.Parse("Reader:54 Writer Reader", names);
/// SchedulePart first = schedule.Parts[0]; // actor 0, stopped before its 55th access
/// Console.WriteLine(schedule.Format(names));
/// </code>
/// </example>
public sealed class Schedule
{
    private Schedule(IReadOnlyList<SchedulePart> parts, IReadOnlyDictionary<int, int> values)
    {
        Parts = parts;
        Values = values;
    }

    /// <summary>Who runs, one after the other.</summary>
    public IReadOnlyList<SchedulePart> Parts { get; }

    /// <summary>Alternatives of a weak memory order, by decision about values (counted from 0).</summary>
    public IReadOnlyDictionary<int, int> Values { get; }

    /// <summary>Makes a schedule.</summary>
    public static Schedule Of(IEnumerable<SchedulePart> parts, IReadOnlyDictionary<int, int>? values = null) =>
        new([.. parts], values ?? new Dictionary<int, int>());

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="names">The actors, in order.</param>
    /// <exception cref="FormatException">It is no schedule of these actors; says which part is wrong.</exception>
    public static Schedule Parse(string line, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(names);
        string[] halves = line.Split('|');
        if (halves.Length > 2)
            throw new FormatException("A schedule has at most one bar.");
        List<SchedulePart> parts = [];
        foreach (string word in halves[0].Split(' ', StringSplitOptions.RemoveEmptyEntries))
            parts.Add(ParsePart(word, names));
        var values = new Dictionary<int, int>();
        foreach (string word in halves.Length == 1 ? [] : halves[1].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] sides = word.Split('=');
            if (sides.Length != 2 || !TryNumber(sides[0], out int decision) || !TryNumber(sides[1], out int value))
                throw new FormatException($"'{word}' is not a decision and its value, as in 3=1.");
            values[decision] = value;
        }

        return new Schedule(parts, values);
    }

    /// <summary>Writes the line.</summary>
    public string Format(IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var text = new StringBuilder();
        foreach (SchedulePart part in Parts)
        {
            text.Append(text.Length == 0 ? "" : " ").Append(names[part.Actor]);
            if (part.Steps >= 0)
                text.Append(CultureInfo.InvariantCulture, $":{part.Steps}");
            if (part.Crashes)
                text.Append('!');
        }

        if (Values.Count != 0)
            text.Append(" |");
        foreach ((int decision, int value) in Values.OrderBy(pair => pair.Key))
            text.Append(CultureInfo.InvariantCulture, $" {decision}={value}");
        return text.ToString();
    }

    internal static bool IsName(string name) =>
        !string.IsNullOrEmpty(name) && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    private static SchedulePart ParsePart(string word, IReadOnlyList<string> names)
    {
        bool crashes = word.EndsWith('!');
        string[] sides = word.TrimEnd('!').Split(':');
        int steps = -1;
        if (sides.Length > 2 || (sides.Length == 2 && !TryNumber(sides[1], out steps)) || (crashes && sides.Length != 2))
            throw new FormatException($"'{word}' is not an actor, or an actor and a number of accesses, as in F1:12.");
        for (int actor = 0; actor < names.Count; actor++)
        {
            if (names[actor] == sides[0])
                return new SchedulePart(actor, steps, crashes);
        }

        throw new FormatException($"There is no actor '{sides[0]}'; there are {string.Join(", ", names)}.");
    }

    private static bool TryNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
