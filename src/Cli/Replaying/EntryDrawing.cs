using PageTableEmu.Cli.Entries;
using PageTableEmu.Paging;
using Spectre.Console;

namespace PageTableEmu.Cli.Replaying;

/// <summary>Draws the page-table entry of a page that differs, as <c>pte decode</c> would.</summary>
internal sealed class EntryDrawing(Pte entry, ReplayOutput output) : IArchitectureAction<bool>
{
    /// <summary>Writes an entry of level 1 in four lines.</summary>
    public static void Write(ulong raw, string architecture, ReplayOutput output) =>
        Architectures.Invoke(architecture, new EntryDrawing(new Pte(raw), output));

    /// <inheritdoc/>
    public bool Invoke<TArch>()
        where TArch : struct, IArchitecture, IEntryNames
    {
        output.Out.WriteLine($"    entry     {BitField.Summary(entry, EntryDescription.Of<TArch>(entry, 1, TArch.DefaultSwapTypes))}");
        IReadOnlyList<EntryField> fields = TArch.Fields(entry, 1);
        if (output.IsTerminal)
            AnsiConsole.MarkupLine(BitField.DrawMarkup(entry, fields, AnsiConsole.Profile.Width));
        else
            output.Out.WriteLine(BitField.Draw(entry, fields));
        return true;
    }
}
