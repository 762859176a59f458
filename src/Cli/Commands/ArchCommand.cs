using System.CommandLine;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu arch list</c> and <c>ptemu arch show</c>: what architectures there are, and everything about one.</summary>
internal static class ArchCommand
{
    private const int Pte = 1;
    private const int Pmd = 2;

    /// <summary>Makes the command.</summary>
    public static Command Create() => new("arch", "Architectures: which there are, and how their entries look.")
    {
        CreateList(),
        CreateShow(),
    };

    private static Command CreateList()
    {
        Option<bool> json = new("--json") { Description = "One JSON object a line." };
        Command command = new("list", "Name every architecture.") { json };
        command.SetAction(line =>
        {
            TextWriter output = line.InvocationConfiguration.Output;
            if (!line.GetValue(json))
                output.WriteLine("architecture      pages   levels  va bits  bytes   entries");
            foreach (string name in Architectures.Names)
                output.WriteLine(Architectures.Invoke(name, new Summary(line.GetValue(json))));
            foreach (string name in SwapFormats.Names)
                output.WriteLine(SwapFormats.Invoke(name, Pte, new Summary(line.GetValue(json))));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateShow()
    {
        Argument<string> name = new("architecture") { Description = "Architecture." };
        name.AcceptOnlyFromAmong([.. Architectures.Names, .. SwapFormats.Names]);
        EntryOptions options = new();
        Option<bool> json = new("--json") { Description = "One JSON object." };
        Command command = new("show", "Show the formats, limits and special types of an architecture.") { name, json };
        options.AddNumberingTo(command);
        command.SetAction(line =>
        {
            string given = line.GetValue(name)!;
            var report = new ArchReport(usual => options.TypesOf(line, usual));
            if (!SwapFormats.Names.Contains(given))
            {
                Architectures.Invoke(given, report);
            }
            else
            {
                SwapFormats.Invoke(given, Pte, report);
                if (SwapFormats.HasLevel(given, Pmd))
                    SwapFormats.Invoke(given, Pmd, report);
            }

            TextWriter output = line.InvocationConfiguration.Output;
            if (line.GetValue(json))
                output.WriteLine(report.ToJson());
            else
                report.WriteTo(output);
            return ExitCode.Ok;
        });
        return command;
    }

    private sealed class Summary(bool json) : IArchitectureAction<string>, ISwapFormatAction<string>
    {
        public string Invoke<TArch>()
            where TArch : struct, IArchitecture, IEntryNames =>
            Line(TArch.Name, TArch.PageShift, TArch.BigEndian, TArch.Levels, TArch.VirtualAddressBits, "all");

        public string InvokeFormat<TFormat>()
            where TFormat : struct, ISwapOnlyFormat => Line(TFormat.Name, TFormat.PageShift, TFormat.BigEndian, null, null, "swap");

        private string Line(string name, int pageShift, bool bigEndian, int? levels, int? bits, string entries)
        {
            string order = bigEndian ? "big" : "little";
            if (!json)
                return $"{name,-17} {1 << (pageShift - 10),2} KiB  {levels?.ToString() ?? "-",6}  {bits?.ToString() ?? "-",7}  {order,-6}  {entries}";
            return EntryJson.WriteObject(writer =>
            {
                writer.WriteString("name", name);
                writer.WriteNumber("page_size", 1 << pageShift);
                EntryJson.WriteNumber(writer, "levels", (ulong?)levels);
                EntryJson.WriteNumber(writer, "va_bits", (ulong?)bits);
                writer.WriteBoolean("big_endian", bigEndian);
                writer.WriteString("entries", entries);
            });
        }
    }
}
