using System.Diagnostics;
using System.Text.RegularExpressions;

namespace PageTableEmu.Bench.Disassembly;

/// <summary>
/// <c>bench disassembly</c>: has the JIT print the machine code of the hottest methods and checks what it must not contain on the path of a hit:
/// calls, range checks, allocation. The code is printed with <c>--print</c>.
/// </summary>
/// <remarks>
/// The JIT prints only into the output of a process that asked for it when it started, so the program starts itself once more. Calls that are allowed
/// are those of the slow paths, by name: they are reached by a jump that a hit does not take, and stand behind the return.
/// </remarks>
internal static partial class DisassemblyCommand
{
    internal const string Worker = "disassembly-worker";

    private static readonly (string Method, string Title, string[] SlowPaths)[] Watched =
    [
        ("Translate(ulong):ulong", "PageTable.Translate", ["TranslateSlowly"]),
        ("Translated(", "SoftTlb.Translate", ["Miss"]),
        ("Encoded[", "ISwapFormat.EncodeSwap", []),
        ("TryDuplicate(", "SwapMap.TryDuplicate", ["DuplicateUnusual"]),
    ];

    internal static int Run(string[] args)
    {
        bool print = args.Contains("--print");
        string listing = Listing();
        int failed = 0;
        foreach ((string method, string title, string[] slowPaths) in Watched)
        {
            string? code = FindTier1(listing, method);
            if (code is null)
            {
                Console.WriteLine($"{title}: the JIT did not print it: {method}");
                failed++;
                continue;
            }

            string[] problems = [.. Problems(code, slowPaths)];
            int instructions = Instruction().Count(code);
            Console.WriteLine($"{title}: {instructions} instructions, {(problems.Length == 0 ? "clean" : string.Join("; ", problems))}");
            if (print || problems.Length != 0)
                Console.WriteLine(code);
            failed += problems.Length == 0 ? 0 : 1;
        }

        return failed == 0 ? 0 : 1;
    }

    /// <summary>What a listing has that a hot path must not have.</summary>
    internal static IEnumerable<string> Problems(string code, string[] slowPaths)
    {
        foreach (Match call in Call().Matches(code))
        {
            string target = call.Groups[1].Value;
            if (target.Contains("RNGCHK", StringComparison.Ordinal))
                yield return "checks a range";
            else if (target.Contains("NEW", StringComparison.Ordinal) || target.Contains("BOX", StringComparison.Ordinal))
                yield return "allocates";
            else if (!slowPaths.Any(allowed => target.Contains($":{allowed}", StringComparison.Ordinal)))
                yield return $"calls {target}";
        }
    }

    /// <summary>The last fully optimised code of a method in a listing.</summary>
    internal static string? FindTier1(string listing, string method) => Heading().Split(listing)
        .LastOrDefault(part => part.Split('\n', 2)[0] is var first && first.Contains($":{method}", StringComparison.Ordinal)
            && first.Contains("(Tier1)", StringComparison.Ordinal));

    private static string Listing()
    {
        string file = Path.Combine(Path.GetTempPath(), $"ptemu-disassembly-{Environment.ProcessId}.txt");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(DisassemblyCommand).Assembly.Location);
        start.ArgumentList.Add(Worker);
        start.Environment["DOTNET_JitDisasm"] = "Translate Translated Encoded TryDuplicate";
        start.Environment["DOTNET_JitStdOutFile"] = file;
        start.Environment["DOTNET_TieredPGO"] = "0"; // so that what is inlined does not depend on how often it ran
        using Process process = Process.Start(start)!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string listing = File.Exists(file) ? File.ReadAllText(file) : "";
        File.Delete(file);
        return listing;
    }

    [GeneratedRegex(@"^; Assembly listing for method ", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"^\s+(?:call|tail\.jmp|rex\.jmp)\s+(.*)$", RegexOptions.Multiline)]
    private static partial Regex Call();

    [GeneratedRegex(@"^       [a-z]", RegexOptions.Multiline)]
    private static partial Regex Instruction();
}
