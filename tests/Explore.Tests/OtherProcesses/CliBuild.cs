using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace PageTableEmu.Explore.Tests.OtherProcesses;

/// <summary>The command line, built from some sources, to be run as another process.</summary>
internal sealed class CliBuild : IDisposable
{
    private readonly string artifacts = Directory.CreateTempSubdirectory("ptemu-build-").FullName;
    private readonly string program;

    /// <summary>Builds it.</summary>
    /// <param name="root">The folder above <c>src</c>.</param>
    /// <param name="configuration">Debug or Release.</param>
    internal CliBuild(string root, string configuration)
    {
        (int code, string output) = Run(
            ["build", Path.Combine(root, "src", "Cli"), "-c", configuration, "-v", "quiet", "--artifacts-path", artifacts,
                "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false", "-p:GenerateDocumentationFile=false", "-p:TreatWarningsAsErrors=false"],
            []);
        if (code != 0)
            throw new InvalidOperationException("The command line could not be built: " + output);
        program = Directory.GetFiles(Path.Combine(artifacts, "bin"), "ptemu.dll", SearchOption.AllDirectories)[0];
    }

    /// <summary>The folder of the repository.</summary>
    internal static string Root => Path.GetFullPath(Path.Combine(Here(), "..", "..", ".."));

    public void Dispose() => Directory.Delete(artifacts, recursive: true);

    /// <summary>Calls <c>ptemu</c>; the exit code and what it writes.</summary>
    internal (int Code, string Output) Call(IReadOnlyList<string> arguments, params ReadOnlySpan<(string Name, string Value)> variables) =>
        Run([program, .. arguments], [.. variables, ("DOTNET_TieredPGO", "0")]);

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    private static (int Code, string Output) Run(IReadOnlyList<string> arguments, IReadOnlyList<(string Name, string Value)> variables)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        foreach ((string name, string value) in variables)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        process.ErrorDataReceived += static (_, _) => { }; // progress
        process.BeginErrorReadLine();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
