using System.Globalization;

namespace PageTableEmu.Cli.Capture;

/// <summary>
/// The page tables of a running Linux guest and what the guest's own kernel said of them: the files of one capture folder.
/// Numbers are hexadecimal unless a column is a role, level, index or count of hits.
/// </summary>
internal sealed class CaptureFiles
{
    /// <summary>Address field of CR3.</summary>
    private const ulong RootMask = 0x000f_ffff_ffff_f000;

    /// <summary>The folder.</summary>
    public required string Path { get; init; }

    /// <summary>Whether the guest used five levels.</summary>
    public required bool FiveLevels { get; init; }

    /// <summary>Physical address of the root table of each process.</summary>
    public required Dictionary<int, ulong> Roots { get; init; }

    /// <summary>Words of the tables.</summary>
    public required List<TableRow> Tables { get; init; }

    /// <summary>What the guest said of its pages.</summary>
    public required List<TruthRow> Truth { get; init; }

    /// <summary>Memory areas of the processes.</summary>
    public required List<VmaRow> Vmas { get; init; }

    /// <summary>Entries seen during migration.</summary>
    public required List<MigrationRow> Migrations { get; init; }

    /// <summary>What the processes wrote.</summary>
    public required List<ContentRow> Contents { get; init; }

    /// <summary>Reads a capture folder.</summary>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">A line cannot be understood; the message names file and line.</exception>
    public static CaptureFiles Read(string path)
    {
        Dictionary<int, ulong> roots = [];
        bool fiveLevels = false;
        List<TableRow> tables = Rows(path, "tables.csv", f => new TableRow(Hex(f[0]), Decimal(f[1]), Decimal(f[2]), Hex(f[3])), comment =>
        {
            string[] words = comment.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 5 || words[1] != "root")
                return;
            roots[Decimal(words[2])] = Hex(words[3]["cr3=".Length..]) & RootMask;
            fiveLevels = words[4] == "la57=1";
        });
        if (roots.Count == 0)
            throw new InvalidDataException($"{System.IO.Path.Combine(path, "tables.csv")}: no line names a root");
        return new CaptureFiles
        {
            Path = path,
            FiveLevels = fiveLevels,
            Roots = roots,
            Tables = tables,
            Truth = Rows(path, "truth.csv", f => new TruthRow(Decimal(f[0]), Hex(f[1]), Hex(f[2]), Hex(f[3]), Hex(f[4]))),
            Vmas = Rows(path, "vmas.csv", f => new VmaRow(Decimal(f[0]), Hex(f[1]), Hex(f[2]), f[4])),
            Migrations = Rows(path, "migration.csv", f =>
                new MigrationRow(Decimal(f[1]), Hex(f[2]), Decimal(f[3]), Hex(f[4]), Decimal(f[5]), Hex(f[6]), Hex(f[7]))),
            Contents = Rows(path, "contents.csv", f => new ContentRow(Decimal(f[0]), Hex(f[1]), Hex(f[2]))),
        };
    }

    private static List<T> Rows<T>(string folder, string name, Func<string[], T> parse, Action<string>? comment = null)
    {
        string path = System.IO.Path.Combine(folder, name);
        List<T> rows = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            try
            {
                if (line.StartsWith('#'))
                    comment?.Invoke(line);
                else if (line.Length != 0)
                    rows.Add(parse(line.Split(',')));
            }
            catch (Exception e) when (e is FormatException or OverflowException or IndexOutOfRangeException or ArgumentException)
            {
                throw new InvalidDataException($"{path}:{number}: {e.Message}", e);
            }
        }

        return rows;
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static int Decimal(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
