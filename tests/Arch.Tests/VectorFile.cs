using System.Globalization;

namespace PageTableEmu.Arch.Tests;

/// <summary>Reads the rows of a vector file and collects what is wrong with them, so that one run names every bad line.</summary>
internal sealed class VectorFile
{
    private readonly string[] header;
    private readonly List<string> failures = [];

    private VectorFile(string name)
    {
        Name = name;
        string[] lines = File.ReadAllLines(Path.Combine(TestData.Vectors, name));
        header = lines[0].Split(',');
        Rows = [.. lines.Skip(1).Where(line => line.Length > 0).Select((line, index) => new Row(this, index + 2, line.Split(',')))];
    }

    public string Name { get; }

    public IReadOnlyList<Row> Rows { get; }

    /// <summary>Runs a check over the rows of a file and fails with file and line of every row that is wrong, or if rows have been lost.</summary>
    public static void Check(string name, int atLeast, Action<Row> check, Func<Row, bool>? filter = null)
    {
        var file = new VectorFile(name);
        int ran = 0;
        foreach (Row row in file.Rows.Where(filter ?? (_ => true)))
        {
            check(row);
            ran++;
        }

        Assert.True(file.failures.Count == 0, string.Join('\n', file.failures.Take(20).Append($"{file.failures.Count} failures in {ran} rows")));
        Assert.True(ran >= atLeast, $"{name}: {ran} rows ran, {atLeast} are expected");
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {ran} rows");
    }

    internal sealed class Row(VectorFile file, int line, string[] cells)
    {
        public string this[string column] => cells[Array.IndexOf(file.header, column)];

        public bool Has(string column) => file.header.Contains(column);

        public ulong Number(string column) => ulong.Parse(this[column], CultureInfo.InvariantCulture);

        public ulong Hex(string column) => ulong.Parse(this[column], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

        public bool Flag(string column) => this[column] == "1";

        public void Expect<T>(string what, T expected, T actual)
        {
            if (!EqualityComparer<T>.Default.Equals(expected, actual))
                file.failures.Add($"{file.Name}:{line}: {what}: expected {Show(expected)}, found {Show(actual)}  [{string.Join(',', cells)}]");
        }

        private static string Show<T>(T value) => value is ulong number ? $"{number:x16}" : $"{value}";
    }
}
