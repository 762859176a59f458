using System.Diagnostics;

namespace PageTableEmu.Replay.Tests.Live;

/// <summary>
/// The running kernel as a referee: builds the oracle and records scripts with it (native/oracle). Its drivers put back what they change,
/// also when they fail or when this process dies; this object removes its own folder.
/// </summary>
internal sealed class LiveOracle : IDisposable
{
    private static readonly string[] Tools = ["python3", "mkswap", "swapon", "swapoff", "mount"];
    private readonly string folder = Directory.CreateTempSubdirectory("ptemu-live-").FullName;

    private LiveOracle()
    {
    }

    private string Program => Path.Combine(folder, "oracle");

    /// <summary>Scripts that one test records on each backend: PTEMU_LIVE_SCRIPTS, or a few.</summary>
    public static int ScriptCount => Environment.GetEnvironmentVariable("PTEMU_LIVE_SCRIPTS") is { } text ? int.Parse(text) : 6;

    /// <summary>Builds the oracle, or skips the test with what this host lacks.</summary>
    public static LiveOracle BuildOrSkip(Backend backend)
    {
        if (Lacking(backend) is { } reason)
            Assert.Skip(reason);
        LiveOracle oracle = new();
        (int code, string _, string error) = oracle.Run(
            "cc", TimeSpan.FromMinutes(1), "-O2", "-Wall", "-Wextra", "-static", "-o", oracle.Program, Path.Combine(TestData.Oracle, "oracle.c"));
        if (code == 0)
            return oracle;
        oracle.Dispose();
        Assert.Skip($"the oracle does not compile here: {error.Trim()}");
        throw new UnreachableException();
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Records fresh scripts.</summary>
    /// <returns>The trace files, in the order of their seeds.</returns>
    public IReadOnlyList<string> RecordFresh(Backend backend, string profile, int firstSeed, int count) =>
        Record(backend, count, "-p", profile, "-s", $"{firstSeed}", "-n", $"{count}");

    /// <summary>Records one script.</summary>
    public string RecordScript(Backend backend, IEnumerable<string> script)
    {
        string path = Path.Combine(folder, "given.txt");
        File.WriteAllLines(path, script);
        return Assert.Single(Record(backend, 1, path));
    }

    private string[] Record(Backend backend, int scripts, params string[] what)
    {
        string output = Directory.CreateDirectory(Path.Combine(folder, Path.GetRandomFileName())).FullName;
        // A script costs some 0.4 s a run and is run at least twice; the limit is for a kernel that hangs.
        int limit = 120 + (15 * scripts);
        string[] fixedPart =
        [
            "-B", Path.Combine(TestData.Oracle, "record.py"), "-b", backend == Backend.Zram ? "zram" : "file", "-o", output, "-x", Program,
            "-t", $"{limit}",
        ];
        (int code, string _, string error) = Run("python3", TimeSpan.FromSeconds(limit + 60), [.. fixedPart, .. what]);
        Assert.True(code == 0, $"recording ended with {code}: {error}");
        string[] files = [.. Directory.GetFiles(output).Order(StringComparer.Ordinal)];
        Assert.Equal(scripts, files.Length);
        return files;
    }

    private (int Code, string Output, string Error) Run(string program, TimeSpan limit, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill();
            throw new TimeoutException($"{program} took longer than {limit}");
        }

        return (process.ExitCode, output.Result, error.Result);
    }

    private static string? Lacking(Backend backend)
    {
        if (!OperatingSystem.IsLinux())
            return "the kernel oracle needs Linux";
        if (System.Runtime.InteropServices.RuntimeInformation.OSArchitecture != System.Runtime.InteropServices.Architecture.X64)
            return "the kernel oracle needs x86-64";
        if (!Environment.IsPrivilegedProcess)
            return "the kernel oracle needs root";
        if (Array.Find([.. Tools, "cc"], tool => !IsInPath(tool)) is { } missing)
            return $"{missing} is not installed";
        if (!File.Exists("/proc/kpageflags"))
            return "this kernel has no /proc/kpageflags";
        if (!File.Exists("/proc/swaps"))
            return "this kernel has no swap";
        if (backend == Backend.Zram && !Directory.Exists("/sys/class/zram-control"))
            return "this kernel has no zram";
        if (!HasMemoryController())
            return "the v1 memory controller is not available (off, or taken by the v2 hierarchy)";
        // The rules of swap-in, reclaim and KSM change between releases; the emulator follows 6.18.
        string release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        return release.StartsWith("6.18.", StringComparison.Ordinal) ? null : $"the running kernel is {release}, the rules are those of 6.18";
    }

    private static bool IsInPath(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Any(folder => File.Exists(Path.Combine(folder, tool)));

    /// <summary>Enabled, and already mounted as v1 or not in use by any hierarchy.</summary>
    private static bool HasMemoryController()
    {
        string[]? fields = File.ReadLines("/proc/cgroups").Select(line => line.Split('\t')).FirstOrDefault(line => line[0] == "memory");
        bool mounted = File.ReadLines("/proc/mounts").Select(line => line.Split(' ')).Any(
            mount => mount[2] == "cgroup" && mount[3].Split(',').Contains("memory"));
        return fields is [_, var hierarchy, _, "1"] && (mounted || hierarchy == "0");
    }
}
