namespace PageTableEmu.Cli.Replaying;

/// <summary>Draws the page-table entry of a page that differs.</summary>
internal static class EntryDrawing
{
    /// <summary>An x86-64 level-1 entry as text of one or more lines.</summary>
    public static string Draw(ulong entry) => $"{entry:x16}";
}
