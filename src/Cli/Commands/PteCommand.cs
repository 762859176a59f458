using System.CommandLine;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Paging;
using Spectre.Console;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu pte decode</c> and <c>ptemu pte encode</c>: page-table entries to words and back.</summary>
internal static class PteCommand
{
    /// <summary>Makes the command.</summary>
    /// <param name="input">Standard input; the console's when not given.</param>
    public static Command Create(TextReader? input = null) => new("pte", "Page-table entries: what a word means, and the word that means it.")
    {
        CreateHalf("decode", "word", "Entries as hexadecimal words; without any, one a line from standard input.",
            "Say what words of a page table mean.", input, decode: true),
        CreateHalf("encode", "object",
            "Entries as JSON objects with the keys that decode --json prints; without any, one a line from standard input.",
            "Make the words that descriptions mean.", input, decode: false),
    };

    private static Command CreateHalf(
        string name, string argument, string argumentHelp, string help, TextReader? input, bool decode)
    {
        Option<string> arch = EntryOptions.Architecture(withSwapOnly: true);
        EntryOptions options = new();
        Option<bool> json = new("--json") { Description = "One JSON object a line." };
        Argument<string[]> inputs = new(argument) { Description = argumentHelp, Arity = ArgumentArity.ZeroOrMore };
        Command command = new(name, help) { arch, json, inputs };
        options.AddTo(command);
        command.Validators.Add(line =>
        {
            string? name = line.GetValue(arch);
            if (line.Errors.Any() || name is null || !SwapFormats.Names.Contains(name))
                return;
            if (!SwapFormats.HasLevel(name, options.LevelOf(line)))
                line.AddError($"of {name} no entries of this level are known");
        });
        command.SetAction(line =>
        {
            string name = line.GetValue(arch)!;
            var conversion = new Conversion(line, options, line.GetValue(json), line.GetValue(inputs) ?? [], input ?? Console.In, decode);
            return SwapFormats.Names.Contains(name)
                ? SwapFormats.Invoke(name, options.LevelOf(line), conversion)
                : Architectures.Invoke(name, conversion);
        });
        return command;
    }

    private sealed class Conversion(
        ParseResult line, EntryOptions options, bool json, string[] inputs, TextReader standardInput, bool decode)
        : IArchitectureAction<int>, ISwapFormatAction<int>
    {
        private readonly TextWriter output = line.InvocationConfiguration.Output;

        public int Invoke<TArch>()
            where TArch : struct, IArchitecture, IEntryNames
        {
            int level = options.LevelOf(line);
            SwapTypeLayout types = options.TypesOf(line, TArch.UsualSwapTypeOptions);
            return InputLines.ForEach(inputs, standardInput, line.InvocationConfiguration.Error, text =>
            {
                Pte entry = decode ? new Pte(InputLines.ParseWord(text)) : EntryBuilder.Build<TArch>(EntryJson.Read(text), level, in types);
                Print(entry, EntryDescription.Of<TArch>(entry, level, in types), TArch.Fields(entry, level));
            });
        }

        public int InvokeFormat<TFormat>()
            where TFormat : struct, ISwapOnlyFormat
        {
            SwapTypeLayout types = options.TypesOf(line, TFormat.UsualSwapTypeOptions);
            IReadOnlyList<EntryField> fields = SwapEntryLayout.Of<TFormat>();
            return InputLines.ForEach(inputs, standardInput, line.InvocationConfiguration.Error, text =>
            {
                Pte entry = decode ? new Pte(InputLines.ParseWord(text)) : EntryBuilder.BuildSwapForm<TFormat>(EntryJson.Read(text), in types);
                Print(entry, EntryDescription.OfSwapForm<TFormat>(entry, in types), fields);
            });
        }

        private void Print(Pte entry, EntryDescription description, IReadOnlyList<EntryField> fields)
        {
            bool terminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
            if (json)
            {
                output.WriteLine(EntryJson.Write(entry, description));
                return;
            }

            // The words that encode makes are for the next program, unless somebody is looking.
            if (!decode && !terminal)
            {
                output.WriteLine(entry);
                return;
            }

            output.WriteLine(BitField.Summary(entry, description));
            if (terminal)
                AnsiConsole.MarkupLine(BitField.DrawMarkup(entry, fields, AnsiConsole.Profile.Width));
            else
                output.WriteLine(BitField.Draw(entry, fields));
        }
    }
}
