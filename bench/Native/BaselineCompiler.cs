using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PageTableEmu.Bench.Native;

/// <summary>Compiles native/baseline for this machine with the system's C compiler, once for each change of its sources.</summary>
internal static class BaselineCompiler
{
    private static readonly string[] Flags = ["-O3", "-march=native", "-shared", "-fPIC", "-fvisibility=hidden"];

    /// <summary>The compiler, as <c>cc --version</c> names it.</summary>
    internal static string Version { get; private set; } = "";

    /// <summary>Where the library is, compiled if need be.</summary>
    /// <exception cref="BaselineException">There is no compiler, or it refused.</exception>
    internal static string Build()
    {
        if (RuntimeInformation.IsOSPlatform(OSPlatform.Windows))
            throw new BaselineException("The C baselines are built with a Unix C compiler; there is none on Windows.");
        string folder = Path.Combine(AppContext.BaseDirectory, "baseline");
        string[] sources = [.. Directory.GetFiles(folder, "*.c").Order(StringComparer.Ordinal)];
        string library = Path.Combine(folder, "libbaseline.so");
        Version = FirstLine(Run("cc", ["--version"], out int versionCode));
        if (versionCode != 0)
        {
            throw new BaselineException(
                "There is no C compiler (cc) on this machine, and the baselines are written in C. On Debian: apt-get install gcc libc6-dev.");
        }

        DateTime newest = sources.Append(Path.Combine(folder, "baseline.h")).Max(File.GetLastWriteTimeUtc);
        if (File.Exists(library) && File.GetLastWriteTimeUtc(library) > newest)
            return library;
        string temporary = $"{library}.{Environment.ProcessId}";
        string errors = Run("cc", [.. Flags, .. sources, "-o", temporary], out int code);
        if (code != 0)
            throw new BaselineException($"cc refused the baselines:{Environment.NewLine}{errors}");
        File.Move(temporary, library, overwrite: true);
        return library;
    }

    private static string FirstLine(string text) => text.Split('\n', 2)[0].Trim();

    private static string Run(string program, IReadOnlyList<string> arguments, out int code)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            code = process.ExitCode;
            return output + errors.Result;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            code = -1;
            return "";
        }
    }
}
