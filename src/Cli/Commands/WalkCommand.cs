using System.CommandLine;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu walk</c>: which entry of each table a virtual address goes through.</summary>
internal static class WalkCommand
{
    private static readonly string[] LevelNames = ["idx_pte", "idx_pmd", "idx_pud", "idx_p4d", "idx_pgd"];

    /// <summary>Makes the command.</summary>
    /// <param name="input">Standard input; the console's when not given.</param>
    public static Command Create(TextReader? input = null)
    {
        Option<string> arch = EntryOptions.Architecture();
        Option<bool> json = new("--json") { Description = "One JSON object a line." };
        Argument<string[]> addresses = new("va")
        {
            Description = "Virtual addresses, hexadecimal; without any, one a line from standard input.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Command command = new("walk", "Show the index into the table of each level for virtual addresses.") { arch, json, addresses };
        command.SetAction(line => Architectures.Invoke(
            line.GetValue(arch)!,
            new Walk(line, line.GetValue(json), line.GetValue(addresses) ?? [], input ?? Console.In)));
        return command;
    }

    private sealed class Walk(ParseResult line, bool json, string[] addresses, TextReader standardInput) : IArchitectureAction<int>
    {
        public int Invoke<TArch>()
            where TArch : struct, IArchitecture, IEntryNames
        {
            TextWriter output = line.InvocationConfiguration.Output;
            if (!json)
                output.WriteLine($"arch,va,{string.Join(',', LevelNames.Reverse())},offset");
            return InputLines.ForEach(addresses, standardInput, line.InvocationConfiguration.Error, text =>
            {
                ulong address = InputLines.ParseWord(text);
                output.WriteLine(json ? Json<TArch>(address) : Csv<TArch>(address));
            });
        }

        private static string Csv<TArch>(ulong address)
            where TArch : struct, IArchitecture =>
            $"{TArch.Name},{address:x16},{string.Join(',', Indices<TArch>(address).Reverse())},{Offset<TArch>(address)}";

        private static string Json<TArch>(ulong address)
            where TArch : struct, IArchitecture => EntryJson.WriteObject(writer =>
        {
            writer.WriteString("arch", TArch.Name);
            writer.WriteString("va", $"{address:x16}");
            foreach ((string name, ulong index) in LevelNames.Zip(Indices<TArch>(address)).Reverse())
                writer.WriteNumber(name, index);
            writer.WriteNumber("offset", Offset<TArch>(address));
            writer.WriteBoolean("canonical", TArch.IsCanonical(address));
        });

        // From the lowest level up. With four levels the P4D is folded into the root and its index is 0.
        private static ulong[] Indices<TArch>(ulong address)
            where TArch : struct, IArchitecture
        {
            ulong root = Index<TArch>(address, TArch.Levels);
            return
            [
                Index<TArch>(address, 1), Index<TArch>(address, 2), Index<TArch>(address, 3), TArch.Levels == 5 ? Index<TArch>(address, 4) : 0, root,
            ];
        }

        private static ulong Index<TArch>(ulong address, int level)
            where TArch : struct, IArchitecture => (address >> TArch.LevelShift(level)) & ((1UL << TArch.LevelBits(level)) - 1);

        private static ulong Offset<TArch>(ulong address)
            where TArch : struct, IArchitecture => address & ((1UL << TArch.PageShift) - 1);
    }
}
